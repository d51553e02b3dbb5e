"""What one feature says of another, and whether the hierarchy of grids holds.

Parents exist, stand above and never go in circles; children lie in them, siblings side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from geo.earth import EARTH_M2
from layers.errors import BadFeatureError
from layers.places import ground
from layers.places.registry import Layer
from layers.region import RegionError

#: No plane shows more of the earth than this without tearing it.
MOST_AREA_M2 = EARTH_M2 / 10

_MISSING = """
SELECT t.id, t.{column} FROM {layer} t LEFT JOIN {refers} o ON o.id = t.{column}
WHERE t.id = ANY(:ids) AND t.{column} IS NOT NULL AND o.id IS NULL ORDER BY t.id
"""

#: By two ways, each along an index: with OR every pair is held against every id.
_NOT_ABOVE = """
WITH pairs AS (
    SELECT c.id, c.level, p.id AS parent, p.level AS above
    FROM unnest(CAST(:ids AS text[])) w (id)
    JOIN grids c ON c.id = w.id JOIN grids p ON p.id = c.parent
    UNION
    SELECT c.id, c.level, p.id, p.level
    FROM unnest(CAST(:ids AS text[])) w (id)
    JOIN grids p ON p.id = w.id JOIN grids c ON c.parent = p.id
)
SELECT id, level, parent, above FROM pairs
WHERE array_position(CAST(:levels AS text[]), above)
      >= array_position(CAST(:levels AS text[]), level)
ORDER BY id
"""

_CIRCLE = """
WITH RECURSIVE up (id, above) AS (
    -- Only one that has children can be its own ancestor.
    SELECT g.id, g.parent FROM grids g WHERE g.id = ANY(:ids) AND g.parent IS NOT NULL
        AND EXISTS (SELECT FROM grids c WHERE c.parent = g.id)
    UNION
    SELECT up.id, g.parent FROM up JOIN grids g ON g.id = up.above
    WHERE g.parent IS NOT NULL AND up.above <> up.id
)
SELECT id FROM up WHERE above = id ORDER BY id
"""


def check_level(connection: Connection, level: str, known: Sequence[str]) -> None:
    """Raise RegionError for a level that is none of ``known``, and that no stored grid is of."""
    if level in known:
        return
    stored = connection.execute(text("SELECT DISTINCT level FROM grids ORDER BY level")).scalars()
    there = list(dict.fromkeys([*known, *stored]))
    if level not in there:
        raise RegionError(
            f"level {level!r} is neither one of this region's nor of any grid: use one of"
            f" {', '.join(there)}"
        )


def check_levels(found: Sequence[str | None], levels: Sequence[str]) -> None:
    """Raise BadFeatureError for a level that is none of ``levels``; without these any may be."""
    unknown = sorted({level for level in found if level is not None} - set(levels))
    if levels and unknown:
        raise BadFeatureError(f"level is {unknown[0]!r}: the region has {', '.join(levels)}")


def check_parents(ids: Sequence[str], parents: Sequence[str | None]) -> None:
    """Raise BadFeatureError for a grid that is its own parent."""
    _refuse(
        [
            (feature_id, "it is its own parent: mend its parent")
            for feature_id, parent in zip(ids, parents, strict=True)
            if parent is not None and parent == feature_id
        ]
    )


def check_areas(ids: Sequence[str], areas_m2: Sequence[float]) -> None:
    """Raise BadFeatureError for a grid that no map plane can hold: its figures would be none."""
    _refuse(
        [
            (
                feature_id,
                f"it covers {area_m2 / EARTH_M2:.0%} of the earth, a tenth at most is taken: is it"
                " the right polygon?",
            )
            for feature_id, area_m2 in zip(ids, areas_m2, strict=True)
            if area_m2 > MOST_AREA_M2
        ]
    )


def _refuse(wrong: Sequence[tuple[str, str]], layer: str = "grids") -> None:
    """Raise BadFeatureError for ids and what is wrong with each, if there are any."""
    if wrong:
        reasons = {feature_id: f"{layer} {feature_id!r}: {why}" for feature_id, why in wrong}
        first, *_ = reasons.values()
        raise BadFeatureError(first, features=tuple(reasons), reasons=reasons)


def lock(connection: Connection) -> None:
    """Let nobody else write grids until the transaction ends; what others wrote is then seen.

    Two at once could each store what lies on the other's. Take it before a grid's row is locked.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('load grids'))"))


def check(
    connection: Connection,
    layer: Layer,
    ids: Sequence[str],
    *,
    levels: Sequence[str] = (),
    moved: bool = True,
) -> None:
    """Hold the stored features ``ids`` against what they refer to and what refers to them.

    ``levels`` runs from the highest down; without ``moved`` the ground of grids is as it was and
    is not looked at. Raises BadFeatureError, whose ``features`` are those at fault, for a parent
    or post that does not exist, a parent that does not stand above its child, a circle of
    parents, and for what ``layers.places.ground.check`` refuses.
    """
    if not ids:
        return
    given = {"ids": list(ids), "levels": list(levels)}
    for column, refers in layer.references.items():
        query = _MISSING.format(layer=layer.name, column=column, refers=refers)
        missing = connection.execute(text(query), given).all()
        _refuse(
            [
                (one, f"its {column} {o!r} does not exist: load it first, or leave {column} out")
                for one, o in missing
            ],
            layer.name,
        )
    if layer.name != "grids":
        return
    lock(connection)
    circle = connection.execute(text(_CIRCLE), given).scalars().all()
    _refuse([(one, "it is its own ancestor: mend its parent") for one in circle])
    _check_above(connection, given)
    if moved:
        ground.check(connection, ids)


def _check_above(connection: Connection, given: dict[str, list[str]]) -> None:
    """Raise BadFeatureError for a parent that does not stand above its child."""
    upside = connection.execute(text(_NOT_ABOVE), given).all() if given["levels"] else []
    if upside:
        there = set(given["ids"])
        told = [
            (
                child if child in there else parent,
                f"grids {child!r}: its parent {parent!r} is of level {above!r}, which is not above"
                f" {level!r}: mend level or parent",
            )
            for child, level, parent, above in upside
        ]
        raise BadFeatureError(
            told[0][1],
            features=tuple(dict.fromkeys(one for one, _ in told)),
            reasons=dict(reversed(told)),
        )
