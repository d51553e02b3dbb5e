"""Where a point is: the chain of grids that hold it, and the ground that has no grid below."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, text

from geo import earth, grids
from geo.grids.ground import broad
from layers.errors import BadQueryError, NoSuchFeatureError
from layers.places.ground import fetch
from layers.places.reading import MOST_FEATURES, Feature, Page
from layers.places.registry import layer

#: One look into the index finds all grids that hold the point; the way down is among these.
CHAIN = """
WITH RECURSIVE held AS MATERIALIZED (
    SELECT g.* FROM grids g, (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) AS point) at
    WHERE g.geom && at.point AND ST_Intersects(g.geom, at.point)
), down (depth, id) AS (
    (SELECT 1, id FROM held WHERE parent IS NULL
     ORDER BY array_position(CAST(:levels AS text[]), level), id COLLATE "C" LIMIT 1)
    UNION ALL
    SELECT d.depth + 1, child.id FROM down d CROSS JOIN LATERAL (
        SELECT h.id FROM held h WHERE h.parent = d.id ORDER BY h.id COLLATE "C" LIMIT 1
    ) child
)
SELECT h.id, ST_AsGeoJSON(h.geom, 17) AS shape, h.name, h.name_zh, h.name_mn, h.name_en,
       h.level, h.parent, h.kind, h.team, h.area_m2
FROM down d JOIN held h USING (id) ORDER BY d.depth
"""

_PARENTS = """
SELECT p.id, p.parent, p.level, public.ST_AsBinary(p.geom) FROM grids p
WHERE EXISTS (SELECT FROM grids c WHERE c.parent = p.id)
    AND (%(parent)s::text IS NULL OR p.id = %(parent)s)
    AND (%(after)s::text IS NULL OR p.id > %(after)s)
ORDER BY p.id LIMIT %(limit)s
"""
#: Grids with children that are looked at in one go.
_AT_ONCE = 100
_CHILDREN = """
SELECT o.id, o.parent, o.level, public.ST_AsBinary(o.geom) FROM grids o
WHERE o.parent = ANY(%(ids)s) ORDER BY o.id
"""


def chain(
    connection: Connection, lon: float, lat: float, *, levels: Sequence[str] = ()
) -> list[Feature]:
    """The grids that hold a point in degrees, from the top level down to the lowest, as features.

    On a shared edge the lower id (byte order) has it; below a grid only its own children are
    looked at; of grids without a parent that lie on each other the highest of ``levels`` begins.
    Empty outside all. ``geo.grids.chain`` says the same of a frame. Raises BadQueryError.
    """
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise BadQueryError("lon, lat: give degrees, ±180 and ±90 at most")
    given = {"lon": lon, "lat": lat, "levels": list(levels)}
    rows = connection.execute(text(CHAIN), given).mappings()
    columns = layer("grids").columns
    return [
        {
            "type": "Feature",
            "id": row["id"],
            "geometry": json.loads(row["shape"]),
            "properties": {name: row[name] for name in columns},
        }
        for row in rows
    ]


def gaps(
    connection: Connection,
    *,
    parent: str | None = None,
    limit: int = 1000,
    after: str | None = None,
) -> Page:
    """The ground of each grid that has children which is outside all of them, by its id.

    Properties ``level``, ``area_m2`` and ``gap_share`` (0-1 of the grid's ground). Grids that
    their children fill, but for ground narrower than a metre, are left out, and passed over: a
    page that is not the last has ``limit`` features. Raises NoSuchFeatureError for a ``parent``
    that is no grid, and BadQueryError.
    """
    if not 1 <= limit <= MOST_FEATURES:
        raise BadQueryError(f"limit is {limit}: give 1 to {MOST_FEATURES}")
    if parent is not None and connection.scalar(
        text("SELECT count(*) FROM grids WHERE id = :id"), {"id": parent}
    ) == 0:  # fmt: skip
        raise NoSuchFeatureError(f"grids: there is no feature {parent!r}")
    found = list(itertools.islice(_gaps(connection, parent, after), limit + 1))
    return Page(features=found[:limit], next=found[limit - 1]["id"] if len(found) > limit else None)


def _gaps(connection: Connection, parent: str | None, after: str | None) -> Iterator[Feature]:
    """The gaps of the grids behind ``after``, looked for so many grids at a time."""
    while True:
        tops = fetch(connection, _PARENTS, parent=parent, after=after, limit=_AT_ONCE)
        below = fetch(connection, _CHILDREN, ids=tops.ids)
        of = np.array(below.parents, dtype=object)
        for name, level, shape in zip(tops.ids, tops.levels, tops.shapes, strict=True):
            one = _gap(name, level, shape, below.shapes[of == name])
            if one is not None:
                yield one
        if len(tops.ids) < _AT_ONCE:
            return
        after = tops.ids[-1]


def _gap(
    name: str, level: str, whole: shapely.Geometry, children: np.ndarray[Any, Any]
) -> Feature | None:
    left = grids.rest(whole, children)
    ground = broad(left)
    if ground is None:
        return None
    return {
        "type": "Feature",
        "id": name,
        "geometry": json.loads(shapely.to_geojson(left)),
        "properties": {
            "id": name,
            "level": level,
            "area_m2": ground[1],
            "gap_share": ground[1] / float(earth.area_m2([whole])[0]),
        },
    }
