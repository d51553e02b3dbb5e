"""What coverage is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from layers.region import Region

#: By what coverage may be told apart: how units travel, whose they are, the local hour.
Part = Literal["mode", "team", "hour"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Coverage of the grids of a level over a window."""

    start: datetime
    end: datetime
    level: str
    swath_m: float | None = None  #: full width seen by all units; None: each kind has its own
    by: Part | None = None  #: the same by its parts, too

    def swaths_m(self, region: Region) -> Mapping[str, float]:
        """The full width that units of each kind are taken to see."""
        return {
            word: self.swath_m or kind.swath_m or region.swath_m
            for word, kind in region.kinds.items()
        }
