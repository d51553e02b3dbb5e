"""Words of what commands print."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun: ``1 unit``, ``2 units``."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
