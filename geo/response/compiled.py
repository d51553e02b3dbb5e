"""The one door to numba: compiled on first use, kept on disk, typed like the Python it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile ``function`` to machine code and keep that beside it (or in the user's cache)."""
    return cast(F, njit(cache=True)(function))
