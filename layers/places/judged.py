"""Geometries row by row, with what is said against them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from geo.rings import Rings

Geometries = NDArray[np.object_]


@dataclass(kw_only=True)
class Judged:
    """Geometries row by row: 2D and valid where nothing is said against them."""

    geometries: Geometries
    faults: dict[int, str]  #: row → why it is refused
    repaired: dict[int, str]  #: row → what was wrong and is mended
    rings: Rings | None = None  #: of the geometries, where they are many polygons and all fine

    def refuse(self, wrong: NDArray[np.bool_], why: str) -> None:
        """Refuse rows; the first fault of a row is kept. Their geometry becomes None."""
        for row in np.flatnonzero(wrong).tolist():
            self.faults.setdefault(row, why)
            self.geometries[row] = None

    def note(self, row: int, what: str) -> None:
        """What was wrong with a row and is mended, behind what else was."""
        said = self.repaired.get(row)
        self.repaired[row] = what if said is None else f"{said}; {what}"
