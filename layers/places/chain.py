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
from geo.grids.descent import Held, descend
from geo.grids.ground import broad
from layers.errors import BadQueryError, NoSuchFeatureError
from layers.places.ground import fetch
from layers.places.reading import MOST_FEATURES, Feature, Page
from layers.places.registry import layer

#: One look into the index finds all grids that hold the point; the way down is among these few.
CHAIN = """
SELECT g.id, ST_AsGeoJSON(g.geom, 17) AS shape, g.name, g.name_zh, g.name_mn, g.name_en,
       g.level, g.parent, g.kind, g.team, g.area_m2
FROM grids g, (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) AS point) at
WHERE g.geom && at.point AND ST_Intersects(g.geom, at.point)
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

    Below a grid its own children are looked at; a grid without a parent that lies on others of
    higher ``levels`` (highest first) is in the chain, too, with what is below it. On a shared edge
    the lower id (byte order) has it. Empty outside all. ``geo.grids.chain`` says the same of a
    frame. Raises BadQueryError.
    """
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise BadQueryError("lon, lat: give degrees, ±180 and ±90 at most")
    rows = connection.execute(text(CHAIN), {"lon": lon, "lat": lat}).mappings().all()
    held = {row["id"]: row for row in rows}
    columns = layer("grids").columns
    way = descend(
        [Held(id=row["id"], parent=row["parent"], level=row["level"]) for row in rows],
        levels=levels,
    )
    return [
        {
            "type": "Feature",
            "id": name,
            "geometry": json.loads(held[name]["shape"]),
            "properties": {column: held[name][column] for column in columns},
        }
        for name in way
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
