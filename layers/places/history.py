"""History: what changed when, by whom, and what it was before; triggers write it (revision 0004).

All that one transaction changes is a set. What a feature was after a change is what it was before
the next, or what it is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, text

from layers.errors import NoSuchFeatureError
from layers.places.reading import DECIMALS, Feature, feature
from layers.places.registry import Layer, layer

What = Literal["created", "changed", "deleted"]
How = Literal["load", "edit", "undo"]

_UNDONE = (
    "EXISTS (SELECT FROM change_sets u WHERE u.undoes = s.set_no AND (u.undoes_feature IS NULL"
    " OR (u.undoes_layer = :layer AND u.undoes_feature = CAST(:feature AS text))))"
)
_OF_FEATURE = f"""
SELECT s.set_no, s.how, s.made_at, s.made_by, s.undoes, {_UNDONE} AS undone, c.before,
    ST_AsGeoJSON(c.before_geom, {DECIMALS})::json AS shape,
    (SELECT max(t.version) FROM change_steps t
     WHERE t.set_no = s.set_no AND t.layer = :layer) AS version
FROM (
    SELECT DISTINCT ON (set_no) set_no, before, before_geom FROM changes
    WHERE layer = :layer AND feature = :feature
      AND (CAST(:upto AS bigint) IS NULL OR set_no <= :upto)
    ORDER BY set_no DESC, step LIMIT :limit
) c JOIN change_sets s USING (set_no) ORDER BY set_no DESC
"""
#: The steps of a set on a layer, as one row. ``apart``: no feature is in two of them, as none that
#: was there is made, none that is gone changes, and none goes twice.
STEPS = """
layer, set_no, max(version) AS version,
sum(created) AS created, sum(changed) AS changed, sum(deleted) AS deleted,
sum(deleted) = sum(created + changed + deleted) OR (
    sum(deleted) = 0 AND count(*) FILTER (WHERE changed > 0) <= 1
    AND coalesce(max(step) FILTER (WHERE changed > 0) < min(step) FILTER (WHERE created > 0), true)
) AS apart,
bool_and(created + changed + deleted <= cardinality(features)) AS named
"""
#: Features of ``changes`` by what became of each in the whole of a set ``t`` (``STEPS``).
_EACH = """
SELECT count(*) FILTER (WHERE first = 'created' AND last <> 'deleted') AS created,
    count(*) FILTER (WHERE first <> 'created' AND last <> 'deleted') AS changed,
    count(*) FILTER (WHERE first <> 'created' AND last = 'deleted') AS deleted
FROM (
    SELECT (array_agg(c.what ORDER BY c.step))[1] AS first,
        (array_agg(c.what ORDER BY c.step DESC))[1] AS last
    FROM changes c
    WHERE NOT t.apart AND {which} AND c.layer = t.layer AND c.set_no = t.set_no
    GROUP BY c.feature
) each HAVING NOT t.apart AND {when}
"""
#: Of few features, which the steps name, by their index; of many by the set's place in the table.
COUNTED = f"""
LATERAL (
    SELECT t.created, t.changed, t.deleted WHERE t.apart
    UNION ALL
    {
    _EACH.format(
        when="t.named",
        which='''t.named AND c.feature = ANY(ARRAY(
        SELECT unnest(n.features) FROM change_steps n
        WHERE n.set_no = t.set_no AND n.layer = t.layer))''',
    )
}
    UNION ALL
    {_EACH.format(when="NOT t.named", which="NOT t.named")}
) n
"""
_OF_LAYER = f"""
SELECT s.set_no, s.how, s.made_at, s.made_by, s.undoes, s.undoes_feature, {_UNDONE} AS undone,
    t.version, n.created, n.changed, n.deleted,
    ARRAY(SELECT DISTINCT unnest(n.features) AS feature FROM change_steps n
          WHERE n.set_no = s.set_no AND n.layer = :layer ORDER BY feature LIMIT 10) AS features
FROM (
    SELECT {STEPS}
    FROM change_steps WHERE layer = :layer AND (CAST(:upto AS bigint) IS NULL OR set_no <= :upto)
    GROUP BY layer, set_no ORDER BY set_no DESC LIMIT :limit
) t JOIN change_sets s USING (set_no) CROSS JOIN {COUNTED} ORDER BY set_no DESC
"""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one set made of a feature."""

    set_no: int
    what: What
    how: How
    made_at: datetime
    made_by: str | None  #: a token's id, "system", or None: changed without the service
    undone: bool
    undoes: int | None  #: the set that this one undoes
    data_version: str  #: the layer's, from this set on
    changed: tuple[str, ...]  #: names of the properties that differ; ``geometry`` for that
    before: Feature | None
    after: Feature | None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What one set made of a layer."""

    set_no: int
    how: How
    made_at: datetime
    made_by: str | None
    undone: bool  #: as a whole
    undoes: int | None
    undoes_feature: str | None  #: the one feature that was undone of that set; None: all of it
    data_version: str
    created: int  #: features, each counted once, by what became of it in the whole set
    changed: int
    deleted: int
    features: tuple[str, ...]  #: ids, ten at most


def of_feature(
    connection: Connection, name: str, feature_id: str, *, limit: int, before: int | None = None
) -> Sequence[Change]:
    """Changes of a feature, newest first, deleted ones too; those of sets older than ``before``.

    Empty where nothing changed since it was stored before there was a history. Raises
    NoSuchLayerError, and NoSuchFeatureError for an id that never was.
    """
    of = layer(name)
    given = {"layer": of.name, "feature": feature_id, "upto": before}
    # With the one before the page, whose image is what the first of it led to.
    more = limit + (before is not None)
    rows = (
        []
        if "\0" in feature_id
        else connection.execute(text(_OF_FEATURE), {**given, "limit": more}).mappings().all()
    )
    if not rows or before is None or rows[0]["set_no"] < before:
        after = _present(connection, of, feature_id)
        if not rows and after is None and before is None:
            raise NoSuchFeatureError(f"{of.name}: there is and was no feature {feature_id!r}")
        rows = rows[:limit]
    else:
        after = _image(of, rows[0])
        rows = rows[1:]
    found = []
    for row in rows:
        was = _image(of, row)
        found.append(_change(of, row, was, after))
        after = was
    return found


def of_layer(
    connection: Connection, name: str, *, limit: int, before: int | None = None
) -> Sequence[Summary]:
    """Sets that changed a layer, newest first; those older than ``before``.

    Raises NoSuchLayerError.
    """
    of = layer(name)
    upto = None if before is None else before - 1
    given = {"layer": of.name, "feature": None, "upto": upto, "limit": limit}
    return [
        Summary(
            set_no=row["set_no"],
            how=row["how"],
            made_at=row["made_at"],
            made_by=row["made_by"],
            undone=row["undone"],
            undoes=row["undoes"],
            undoes_feature=row["undoes_feature"],
            data_version=f"{of.name}.{row['version']}",
            created=row["created"],
            changed=row["changed"],
            deleted=row["deleted"],
            features=tuple(row["features"]),
        )
        for row in connection.execute(text(_OF_LAYER), given).mappings()
    ]


def _present(connection: Connection, of: Layer, feature_id: str) -> Feature | None:
    try:
        return feature(connection, of.name, feature_id)
    except NoSuchFeatureError:
        return None


def _change(
    of: Layer, row: Mapping[Any, Any], was: Feature | None, after: Feature | None
) -> Change:
    what: What = "deleted" if after is None else "created" if was is None else "changed"
    return Change(
        set_no=row["set_no"],
        what=what,
        how=row["how"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        undone=row["undone"],
        undoes=row["undoes"],
        data_version=f"{of.name}.{row['version']}",
        changed=_changed(was, after),
        before=was,
        after=after,
    )


def _changed(was: Feature | None, after: Feature | None) -> tuple[str, ...]:
    """Names of what differs; all that there is of a feature that was made or deleted: none."""
    if was is None or after is None:
        return ()
    names = [n for n, v in after["properties"].items() if was["properties"].get(n) != v]
    moved = ["geometry"] if was["geometry"] != after["geometry"] else []
    return (*names, *moved)


def _image(of: Layer, row: Mapping[Any, Any]) -> Feature | None:
    """The feature before a change, as GET gave it then; None before it was made."""
    image = row["before"]
    if image is None:
        return None
    return {
        "type": "Feature",
        "id": image["id"],
        "geometry": row["shape"],
        "properties": {name: _value(of, name, image.get(name)) for name in of.columns},
    }


def _value(of: Layer, name: str, value: Any) -> Any:
    """A value of an image as a feature has it; JSON knows neither times nor whole doubles."""
    kind = of.columns[name].kind
    if value is None:
        return None
    if kind == "number":
        return float(value)
    if kind == "time":
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment.isoformat().replace("+00:00", "Z")
    return value
