"""The rows of a set of changes as they were before it: staged, put back, taken out, checked.

Which set that is, and whether it may be undone at all, is ``layers.places.undo``'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from layers.errors import CannotUndoError, InUseError
from layers.places import hierarchy
from layers.places.registry import LAYERS, Layer

#: What is to be undone: the first change of each feature in the set says what it was before. With
#: the images, as a set is found in one scan, and a statement that read it again might find it once
#: a feature, as long as a load's rows are not analyzed.
_STAGE = """
CREATE TEMP TABLE undoing ON COMMIT DROP AS
SELECT DISTINCT ON (layer, feature) layer, feature, what = 'created' AS made, before, before_geom
FROM standing_changes
WHERE set_no = :set {of}
ORDER BY layer, feature, step
"""
#: Few features are found by their index; all of a load by its set.
_FEW = """
AND (layer, feature) IN (
    SELECT * FROM unnest(CAST(:layers AS text[]), CAST(:features AS text[])))
"""
#: OFFSET 0, here and below: or the first of an order is looked for one by one.
_LATER = """
SELECT layer, feature, set_no FROM (
    SELECT u.layer, u.feature, c.set_no FROM undoing u
    JOIN standing_changes c ON c.layer = u.layer AND c.feature = u.feature
    WHERE c.set_no > :set OFFSET 0
) later ORDER BY set_no DESC, layer, feature LIMIT 1
"""
_IMAGES = """
FROM undoing u CROSS JOIN LATERAL jsonb_populate_record(NULL::{layer}, u.before) AS was
WHERE u.layer = '{layer}' AND NOT u.made
"""
_UPDATE = "UPDATE {layer} t SET {assigned} " + _IMAGES + " AND t.id = u.feature"
_INSERT = (
    "INSERT INTO {layer} (id, {columns}, geom) SELECT u.feature, {values}, u.before_geom"
    + _IMAGES
    + " AND NOT EXISTS (SELECT FROM {layer} t WHERE t.id = u.feature)"
)
_DELETE = """
DELETE FROM {layer} t USING undoing u
WHERE u.layer = '{layer}' AND u.made AND t.id = u.feature
"""
_REFERRING = """
SELECT feature, id FROM (
    SELECT u.feature, t.id FROM {other} t
    JOIN undoing u ON u.layer = '{layer}' AND u.made AND u.feature = t.{column}
    WHERE NOT EXISTS (
        SELECT FROM undoing o WHERE o.layer = '{other}' AND o.made AND o.feature = t.id)
    OFFSET 0
) referring ORDER BY id LIMIT 1
"""


def stage(
    connection: Connection, set_no: int, where: str, only: tuple[str, str] | None = None
) -> None:
    """Note what is to be undone of a set (``only`` one feature of a layer, or all of it).

    ``where`` names it in messages. Raises CannotUndoError for what was changed again later.
    """
    few = [only] if only else _few(connection, set_no)
    given = {
        "layers": [layer_name for layer_name, _ in few or ()],
        "features": [feature_id for _, feature_id in few or ()],
    }
    statement = _STAGE.format(of=_FEW if few else "")
    connection.execute(text(statement), {"set": set_no, **(given if few else {})})
    connection.execute(text("ALTER TABLE undoing ADD PRIMARY KEY (layer, feature)"))
    connection.execute(text("ANALYZE undoing (layer, feature, made)"))
    later = connection.execute(text(_LATER), {"set": set_no}).one_or_none()
    if later:
        raise CannotUndoError(
            f"{where}: its last change is one with that of {later.layer} {later.feature!r}, which"
            f" was changed again later (set {later.set_no}): undo that first"
        )


def _few(connection: Connection, set_no: int) -> list[tuple[str, str]]:
    """Layer and id of all that is in a set, where its steps name all of it; else nothing."""
    steps = connection.execute(
        text(
            "SELECT layer, features, created + changed + deleted AS rows FROM change_steps"
            " WHERE set_no = :set"
        ),
        {"set": set_no},
    ).all()
    if any(step.rows > len(step.features) for step in steps):
        return []
    return [(step.layer, feature_id) for step in steps for feature_id in step.features]


def put_back(connection: Connection) -> None:
    """Store what the set had changed or deleted as it was before."""
    for of in _touched(connection, made=False):
        columns = [name for name in of.columns if name != "version"]
        assigned = [f'"{name}" = was."{name}"' for name in columns if name != "valid_from"]
        if "valid_from" in columns:
            # What held, holds from now again; what was to hold from later, from then.
            assigned.append(
                "valid_from = CASE WHEN was.valid_from > now() THEN was.valid_from"
                " ELSE t.valid_from END"
            )
        for statement in (_UPDATE, _INSERT):
            filled = statement.format(
                layer=of.name,
                assigned=", ".join([*assigned, "geom = u.before_geom"]),
                columns=", ".join(f'"{name}"' for name in columns),
                values=", ".join(f'was."{name}"' for name in columns),
            )
            connection.execute(text(filled))


def take_out(connection: Connection, where: str) -> None:
    """Take out what the set had made. Raises InUseError where what it did not make refers to it."""
    gone = _touched(connection, made=True)
    for of in gone:
        for other in LAYERS.values():
            for column, refers in other.references.items():
                if refers != of.name or other.read_only:
                    continue
                query = _REFERRING.format(layer=of.name, other=other.name, column=column)
                found = connection.execute(text(query)).one_or_none()
                if found:
                    raise InUseError(
                        f"{where}: to undo its last change would delete {of.name} {found[0]!r},"
                        f" which is the {column} of {other.name} {found[1]!r}: move that first"
                    )
    for of in reversed(gone):
        connection.execute(text(_DELETE.format(layer=of.name)))


def others(connection: Connection, layer: str, feature_id: str) -> tuple[str, ...]:
    """Ids of the layer's other features that are put back or taken out with one, in order."""
    found = connection.execute(
        text(
            "SELECT feature FROM undoing WHERE layer = :layer AND feature <> :feature"
            ' ORDER BY feature COLLATE "C"'
        ),
        {"layer": layer, "feature": feature_id},
    )
    return tuple(found.scalars())


def check(connection: Connection, levels: Sequence[str]) -> None:
    """Hold what was put back against the rest. Raises BadFeatureError; forgets what was staged."""
    for of in _touched(connection, made=False):
        ids = connection.execute(
            text("SELECT feature FROM undoing WHERE layer = :layer AND NOT made"),
            {"layer": of.name},
        )
        hierarchy.check(connection, of, list(ids.scalars()), levels=levels)
    connection.execute(text("DROP TABLE undoing"))


def _touched(connection: Connection, *, made: bool) -> list[Layer]:
    """The layers of which something is to be put back or taken out, referred-to ones first."""
    found = connection.execute(
        text("SELECT DISTINCT layer FROM undoing WHERE made = :made"), {"made": made}
    )
    names = set(found.scalars())
    return [of for of in LAYERS.values() if of.name in names]
