"""Geometries as PostGIS takes them: EWKB, which is WKB with the SRID."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geo import earth
from layers.places.judged import Geometries
from layers.places.shapes import multi

if TYPE_CHECKING:
    from geo.rings import Rings

_SRID = 4326


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """Some geometries, in degrees, on their way into a layer."""

    geometries: Geometries
    rings: Rings | None  #: of all of them, where they are known
    in_parts: bool  #: the layer stores polygons as multipolygons

    def areas_m2(self, start: int, end: int) -> NDArray[np.float64]:
        """Area in m² of those from ``start`` to before ``end``."""
        if self.rings is None:
            return earth.area_m2(self.geometries[start:end])
        return earth.areas_of_rings_m2(self.rings.part(start, end), end - start)

    def part(self, start: int, end: int) -> pa.LargeBinaryArray:
        """Those from ``start`` to before ``end``."""
        if self.rings is None:
            some = self.geometries[start:end]
            known = shapely.set_srid(multi(some) if self.in_parts else some, _SRID)
            wkb = shapely.to_wkb(known, output_dimension=2, byte_order=1, include_srid=True)
            return pa.array(wkb, pa.large_binary())
        data, begin = self.rings.part(start, end).ewkb(end - start, _SRID)
        return pa.Array.from_buffers(
            pa.large_binary(), end - start, [None, pa.py_buffer(begin), pa.py_buffer(data)]
        )
