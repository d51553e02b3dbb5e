"""Compile ahead of the first polygons that are looked at."""

from __future__ import annotations

import numpy as np
import shapely

from geo.earth import areas_of_rings_m2
from geo.grids.apart import perhaps_overlapping, surely_apart
from geo.rings import Rings
from geo.simple import surely_valid


def warm() -> None:
    """Run what looks at rings once: some seconds on a machine that has never done it."""
    two = np.array([shapely.box(100, 40, 101, 41), shapely.box(101, 40, 102, 41)])
    rings = Rings.of(two)
    areas_of_rings_m2(rings, 2)
    surely_valid(rings, 2)
    surely_apart(two, np.zeros(2, np.int64), rings)
    perhaps_overlapping(two, np.array([0]), np.array([1]))
