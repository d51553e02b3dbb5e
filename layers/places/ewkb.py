"""Geometries as PostGIS takes them: EWKB in degrees and, for the tiles, in Web Mercator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geo import earth
from layers.places.shapes import Geometries, multi

if TYPE_CHECKING:
    from geo.rings import Rings

#: The plane of the tiles ends here; as `mercator` of the database has it.
MOST_LAT_DEG = 85.05
_DEGREES, _METRES = 4326, 3857


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """Some geometries, in degrees, on their way into a layer."""

    geometries: Geometries
    rings: Rings | None  #: of all of them, where they are many polygons

    def areas_m2(self) -> NDArray[np.float64]:
        """Area in m² of each."""
        if self.rings is None:
            return earth.area_m2(self.geometries)
        return earth.areas_of_rings_m2(self.rings, len(self.geometries))

    def part(self, start: int, end: int) -> Sequence[pa.LargeBinaryArray]:
        """Those from ``start`` to before ``end``, in degrees and in metres of the tiles' plane."""
        some = self.geometries[start:end]
        if self.rings is None:
            return [_ewkb(some, _DEGREES), _ewkb(projected(some), _METRES)]
        mine = self.rings.part(start, end)
        degrees = _binary(*mine.ewkb(end - start, _DEGREES))
        if np.abs(mine.xy[:, 1]).max(initial=0) > MOST_LAT_DEG:
            return [degrees, _ewkb(projected(some), _METRES)]
        metres = mine.moved(earth.mercator(mine.xy))
        return [degrees, _binary(*metres.ewkb(end - start, _METRES))]


def projected(geometries: Geometries) -> Geometries:
    """Geometries in degrees in Web Mercator, cut where its plane ends."""
    flat = geometries.copy()
    beyond = np.abs(shapely.bounds(flat)[:, [1, 3]]).max(axis=1, initial=0) > MOST_LAT_DEG
    world = shapely.box(-180, -MOST_LAT_DEG, 180, MOST_LAT_DEG)
    flat[beyond] = shapely.intersection(flat[beyond], world)
    return np.asarray(shapely.transform(flat, earth.mercator), dtype=object)


def _ewkb(geometries: Geometries, srid: int) -> pa.LargeBinaryArray:
    known = shapely.set_srid(multi(geometries) if srid == _DEGREES else geometries, srid)
    return pa.array(
        shapely.to_wkb(known, output_dimension=2, byte_order=1, include_srid=True),
        pa.large_binary(),
    )


def _binary(data: NDArray[np.uint8], start: NDArray[np.int64]) -> Any:
    return pa.Array.from_buffers(
        pa.large_binary(), len(start) - 1, [None, pa.py_buffer(start), pa.py_buffer(data)]
    )
