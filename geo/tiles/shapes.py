"""Geometries of many features as flat arrays, which compiled code can walk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import earth
from geo.rings import Rings
from geo.tiles.bends import bent

Geometries = NDArray[np.object_]

POINT, LINE, POLYGON = 1, 2, 3
#: The tile format's kind of each of GEOS's type numbers; 0: nothing of it can be drawn.
_KINDS = np.array([POINT, LINE, LINE, POLYGON, 0, 0, 0, 0], dtype=np.uint8)
_LAST_SINGLE = 3
_AREAS_OR_NONE = (-1, 3, 6)
#: The plane of the tiles ends a little farther out, at 85.0511.
MOST_LAT_DEG = 85.05


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """n features in Web Mercator metres; a feature has pieces (points, lines or rings)."""

    kind: NDArray[np.uint8]  #: (n) POINT, LINE, POLYGON, or 0: there is nothing to draw
    first_piece: NDArray[np.int64]  #: (n + 1) where each feature's pieces begin
    first_xy: NDArray[np.int64]  #: (pieces + 1) where each piece's coordinates begin
    hole: NDArray[np.bool_]  #: (pieces) whether a ring is a hole of the ring before it
    xy: NDArray[np.float64]  #: (coordinates, 2)
    bounds: NDArray[np.float64]  #: (n, 4) west, south, east, north; NaN where nothing is

    @classmethod
    def of(cls, geometries: Geometries) -> Shapes:
        """Flat arrays of shapely geometries; None and empty ones have kind 0.

        Of a collection what has the most dimensions counts, as only one kind can be drawn.
        """
        if np.isin(shapely.get_type_id(geometries), _AREAS_OR_NONE).all():
            return cls._of_areas(geometries)
        parts, owner = _single(geometries)
        part_kind = _KINDS[shapely.get_type_id(parts)]
        part_kind[shapely.is_empty(parts)] = 0
        kind = np.zeros(len(geometries), dtype=np.uint8)
        np.maximum.at(kind, owner, part_kind)
        drawn = (part_kind == kind[owner]) & (part_kind > 0)
        pieces, owner, hole = _pieces(parts[drawn], owner[drawn], part_kind[drawn])
        xy, piece = shapely.get_coordinates(pieces, return_index=True)
        return cls(
            kind=kind,
            first_piece=_starts(owner, len(geometries)),
            first_xy=_starts(piece, len(pieces)),
            hole=hole,
            xy=np.ascontiguousarray(xy, dtype=np.float64),
            bounds=shapely.bounds(geometries).reshape(-1, 4),
        )

    @classmethod
    def _of_areas(cls, geometries: Geometries) -> Shapes:
        """Of nothing but polygons, multipolygons and None, which is quicker told."""
        rings = Rings.of(geometries)
        first_piece = _starts(rings.owner, len(geometries))
        return cls(
            kind=np.where(np.diff(first_piece) > 0, POLYGON, 0).astype(np.uint8),
            first_piece=first_piece,
            first_xy=rings.start,
            hole=rings.hole,
            xy=rings.xy,
            bounds=shapely.bounds(geometries).reshape(-1, 4),
        )

    @classmethod
    def of_degrees(cls, geometries: Geometries) -> Shapes:
        """Flat arrays of shapely geometries in degrees, cut where the plane of the tiles ends;
        edges are straight in degrees, so that long ones have more points."""
        lat = np.abs(shapely.bounds(geometries).reshape(-1, 4)[:, [1, 3]]).max(axis=1, initial=0)
        if (lat > MOST_LAT_DEG).any():
            world = shapely.box(-180, -MOST_LAT_DEG, 180, MOST_LAT_DEG)
            geometries = np.where(
                lat > MOST_LAT_DEG, shapely.intersection(geometries, world), geometries
            )
        flat = cls.of(geometries)
        bounds = earth.mercator(flat.bounds.reshape(-1, 2)).reshape(-1, 4)
        xy, first_xy = bent(flat.xy, flat.first_xy)
        return replace(flat, xy=earth.mercator(xy), first_xy=first_xy, bounds=bounds)

    def __len__(self) -> int:
        return len(self.kind)


def _single(geometries: Geometries) -> tuple[Geometries, NDArray[np.intp]]:
    """What geometries consist of, collections within collections too, and whose each is."""
    parts, owner = shapely.get_parts(geometries, return_index=True)
    while (shapely.get_type_id(parts) > _LAST_SINGLE).any():
        parts, of = shapely.get_parts(parts, return_index=True)
        owner = owner[of]
    return parts, owner


def _pieces(
    parts: Geometries, owner: NDArray[np.intp], kind: NDArray[np.uint8]
) -> tuple[Geometries, NDArray[np.intp], NDArray[np.bool_]]:
    """Rings for polygons, everything else as it is; in the order of the features."""
    polygon = kind == POLYGON
    rings, of = shapely.get_rings(parts[polygon], return_index=True)
    hole = np.zeros(len(rings), dtype=bool)
    hole[1:] = of[1:] == of[:-1]
    pieces = np.concatenate([rings, parts[~polygon]])
    owners = np.concatenate([owner[polygon][of], owner[~polygon]])
    holes = np.concatenate([hole, np.zeros(int((~polygon).sum()), dtype=bool)])
    order = np.argsort(owners, kind="stable")
    return pieces[order], owners[order], holes[order]


def _starts(owner: NDArray[np.intp], count: int) -> NDArray[np.int64]:
    """Where the run of each of ``count`` owners begins, and where the last one ends."""
    return np.searchsorted(owner, np.arange(count + 1)).astype(np.int64)
