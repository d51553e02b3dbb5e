"""Grids in their parents: what narrowly lies outside is cut off, as overlaps of neighbours are.

A child that lies outside by more than is narrow, or as a whole, contradicts its parent, and is left
for the check that refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.grids import ground
from layers.load import neighbours
from layers.places import ground as stored
from layers.places.judged import Geometries

Rows = NDArray[np.int64]


def fit(
    connection: Connection,
    ids: Sequence[str],
    parents: Sequence[str | None],
    geometries: Geometries,
) -> tuple[Geometries, dict[int, str]]:
    """Geometries without what lies narrowly outside the parent, and what was cut from which.

    Parents are those of the file (themselves fitted first), else those that are stored.
    """
    if not any(parents):
        return geometries, {}
    place = {feature_id: n for n, feature_id in enumerate(ids)}
    above = stored.by_id(connection, {p for p in parents if p and p not in place})
    place |= {feature_id: len(ids) + n for n, feature_id in enumerate(above.ids)}
    shapes = np.concatenate([geometries, above.shapes])
    parent = np.array([place.get(p, -1) if p else -1 for p in parents], dtype=np.int64)
    cut: dict[int, str] = {}
    for rows in _downwards(parent, len(ids)):
        for one in ground.outside(shapes[rows], shapes, parent[rows]):
            row = int(rows[one.one])
            outer = shapes[one.other]
            width_m = neighbours.narrow_m(
                shapely.difference(shapes[row], outer), shapes[row], outer
            )
            inside = shapely.intersection(shapes[row], outer)
            parts = [part for part in shapely.get_parts(inside) if shapely.area(part) > 0]
            if width_m is None or not parts:
                continue
            shapes[row] = shapely.orient_polygons(shapely.MultiPolygon(parts))
            cut[row] = (
                f"lies up to {width_m:.1f} m outside its parent {parents[row]!r} at"
                f" {one.lon:.5f}, {one.lat:.5f}: cut off"
            )
    return shapes[: len(ids)], cut


def _downwards(parent: Rows, own: int) -> list[Rows]:
    """Rows with a parent, those of higher ones first; rows in a circle are left to who refuses."""
    done = parent < 0
    ready = np.append(done, True)
    found: list[Rows] = []
    while True:
        place = np.where(parent < own, parent, own)
        next_rows = np.flatnonzero(~done & ready[place])
        if not len(next_rows):
            return found
        found.append(next_rows)
        done[next_rows] = True
        ready[next_rows] = True
