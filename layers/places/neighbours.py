"""A grid's edge is moved: its neighbours' stored outlines follow."""

from __future__ import annotations

import numpy as np
import shapely
from sqlalchemy import Connection, bindparam, func, update

from geo import earth
from geo.grids import nodes
from geo.grids.moving import follow as follow_shapes
from geo.grids.split import BESIDE_DEG, MovedEdgeError
from layers.errors import BadFeatureError
from layers.places import shapes
from layers.places.ground import Grids, fetch
from layers.places.registry import layer

_BOX = "public.ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)"
_SIBLINGS = f"""
SELECT o.id, o.parent, o.level, public.ST_AsBinary(o.geom) FROM grids w JOIN grids o
    ON o.geom OPERATOR(public.&&) {_BOX} AND o.id <> w.id
    AND o.parent IS NOT DISTINCT FROM w.parent AND (o.parent IS NOT NULL OR o.level = w.level)
WHERE w.id = %(id)s
"""
_BELOW = f"""
WITH RECURSIVE below (id) AS (
    SELECT unnest(CAST(%(ids)s AS text[]))
    UNION
    SELECT c.id FROM below b JOIN grids c ON c.parent = b.id
    WHERE c.geom OPERATOR(public.&&) {_BOX}
)
SELECT o.id, o.parent, o.level, public.ST_AsBinary(o.geom) FROM grids o JOIN below b ON b.id = o.id
WHERE NOT o.id = ANY(%(ids)s)
"""


def follow(
    connection: Connection, feature_id: str, before: shapely.Geometry, after: shapely.Geometry
) -> list[str]:
    """Let the neighbours of a grid that was stored as ``after`` instead of ``before`` follow.

    Ids of the other grids that changed: siblings that shared the moved edge, and what lies along
    it within them and within the grid (``geo.grids.moving.follow``); their areas are kept right.
    The grid itself gets the neighbours' vertices on its edges. Call it before ``hierarchy.check``,
    with ``hierarchy.lock`` taken. Raises BadFeatureError with the place.
    """
    around = shapely.union(before.envelope, after.envelope)
    beside = fetch(connection, _SIBLINGS, id=feature_id, **_box(around))
    moved = nodes.reach(before, after, list(beside.shapes))
    if moved.is_empty:
        return []
    if not around.envelope.covers(moved):
        # Edges between others end at a corner, too: whoever lies along these may be beyond.
        around = shapely.union(around, moved.envelope)
        beside = fetch(connection, _SIBLINGS, id=feature_id, **_box(around))
    below = fetch(connection, _BELOW, ids=[feature_id, *beside.ids], **_box(moved))
    children: dict[str, list[str]] = {}
    for name, parent in zip(below.ids, below.parents, strict=True):
        children.setdefault(str(parent), []).append(name)
    near: Grids = beside + below
    try:
        changed = follow_shapes(
            feature_id, before, after, siblings=beside.ids,
            shapes=dict(zip(near.ids, near.shapes, strict=True)), children=children,
        )  # fmt: skip
    except MovedEdgeError as error:
        raise BadFeatureError(f"grids: {error}", features=(feature_id,)) from error
    _store(connection, changed)
    return sorted(set(changed) - {feature_id})


def _box(shape: shapely.Geometry) -> dict[str, float]:
    """Bounds a little wider than a shape, as the statements name them."""
    west, south, east, north = shape.bounds
    pad = 2 * BESIDE_DEG
    return {"w": west - pad, "s": south - pad, "e": east + pad, "n": north + pad}


def _store(connection: Connection, changed: dict[str, shapely.Geometry]) -> None:
    if not changed:
        return
    grids = layer("grids")
    ids = list(changed)
    made = np.array(list(changed.values()), dtype=object)
    settled = shapes.settle(grids, made, lambda n: f"grids {ids[n]!r}", repair=False).geometries
    table = grids.table
    connection.execute(
        update(table)
        .where(table.c.id == bindparam("of"))
        .values(geom=func.ST_GeomFromWKB(bindparam("wkb"), 4326), area_m2=bindparam("m2")),
        [
            {"of": name, "wkb": wkb, "m2": float(m2)}
            for name, wkb, m2 in zip(
                ids, shapely.to_wkb(settled), earth.area_m2(settled), strict=True
            )
        ],
    )
