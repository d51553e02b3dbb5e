"""The open ground of a window, as cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Bits of a cell's state; 0 is untouched, and then its time and origin mean nothing.
REACHED, SETTLED = 1, 2


class Ground(NamedTuple):
    """A raster of cells, row by row from the south-west, and what is known of each."""

    columns: int
    rows: int
    cell_m: float
    slow: float  #: seconds for a metre, the same everywhere
    seconds: NDArray[np.float64]  #: at the centre
    state: NDArray[np.uint8]
    origin: NDArray[np.int32]  #: where the wave left a road or source: see ``march``
