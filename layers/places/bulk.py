"""Many features at once: staged by COPY, then changed and added in two statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import shapely
from psycopg import sql
from sqlalchemy import Connection, text

from geo import earth
from layers.db.engine import raw
from layers.errors import BadFeatureError, BadValueError
from layers.places import copying, ewkb, fences, ground, hierarchy, indexing, shapes
from layers.places.columns import text_of
from layers.places.copying import Advance
from layers.places.judged import Geometries
from layers.places.registry import Layer, layer

if TYPE_CHECKING:
    import geopandas as gpd

    from geo.rings import Rings

#: A set of changes of its own, even where one transaction loads several layers; every shape is
#: judged; what takes its time is allowed it (the limit is for requests); and the rows that the
#: triggers look through stay in memory, up to a size. A savepoint that is rolled back takes all of
#: it along.
_BEGIN = """
WITH before AS MATERIALIZED (
    SELECT current_setting('statement_timeout') AS timeout, current_setting('work_mem') AS memory)
SELECT timeout, memory,
       set_config('patrolgrid.act', 'load', true), set_config('patrolgrid.change_set', '', true),
       set_config('patrolgrid.judged', 'on', true), set_config('statement_timeout', '0', true),
       set_config('work_mem', '256MB', true)
FROM before
"""
_END = """
SELECT set_config('patrolgrid.judged', 'off', true),
       set_config('statement_timeout', :timeout, true), set_config('work_mem', :memory, true)
"""
#: A polygon of less, in square degrees, is less than any part of the earth that is too much.
_BROAD_DEG2 = 1_000.0
#: New grids from which on a thread looks at their ground while PostgreSQL takes them.
_MANY = 2_000


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a load did to the table."""

    inserted: int
    updated: int  #: were there, and are different now
    unchanged: int  #: were there, and the same


def put(
    connection: Connection,
    of: Layer,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    geometries: Geometries,
    *,
    levels: Sequence[str] = (),
    rings: Rings | None = None,
    bars_readers: bool = True,
    advance: Advance = copying.no_advance,
) -> Written:
    """Insert features or, where their id is there, change them; the history has it as a load.

    Values and geometries must be parsed and settled; ``rings`` are theirs, where they are
    known: of many polygons that is a third of the time. A column that is not given keeps what it
    has, and gets its default in a new row. With ``bars_readers`` who reads an empty layer may have
    to wait for a large load, which is quicker then. ``advance`` is told of rows as they are
    sent. All or nothing: BadFeatureError leaves the transaction as it was.
    """
    of.check_writable()
    given = dict(columns)
    ready = ewkb.Shapes(
        geometries=geometries, rings=rings, in_parts=of.geometries == ("MultiPolygon",)
    )
    if of.name == "grids":
        hierarchy.check_levels(given.get("level", ()), levels)
        hierarchy.check_parents(ids, given.get("parent", [None] * len(ids)))
        broad = np.flatnonzero(shapely.area(geometries) > _BROAD_DEG2).tolist()
        hierarchy.check_areas([ids[n] for n in broad], earth.area_m2(geometries[broad]).tolist())
    if of.name == "fences":
        _check_rules(ids, given, geometries)
    with connection.begin_nested():
        before = connection.execute(text(_BEGIN)).one()
        try:
            written = _store(
                connection, of, ids, given, ready, levels, advance, bars_readers=bars_readers
            )
        except psycopg.Error as error:
            raise _refusal(of, error) from error
        connection.execute(text(_END), {"timeout": before.timeout, "memory": before.memory})
    return written


def put_frame(
    connection: Connection,
    name: str,
    frame: gpd.GeoDataFrame,
    *,
    levels: Sequence[str] = (),
) -> Written:
    """Insert or change the features of a frame, whose index (or column ``id``) holds their ids.

    Columns that the layer does not have are left. Raises BadFeatureError for what cannot be
    stored, NoSuchLayerError.
    """
    of = layer(name)
    if frame.crs is None or not frame.crs.equals("EPSG:4326"):
        raise BadFeatureError(f"{of.name}: the frame is not in EPSG:4326: transform it first")
    ids = [text_of(value) for value in frame.get("id", frame.index)]
    settled = shapes.settle(of, frame.geometry.to_numpy(), lambda row: f"{of.name} {ids[row]!r}")
    if len(settled.owner) != len(ids) or len(set(ids)) != len(ids):
        raise BadFeatureError(f"{of.name}: a frame needs one line and one id of its own a row")
    columns = {
        column: [_parsed(of, column, value, ids[row]) for row, value in enumerate(frame[column])]
        for column in of.writable
        if column in frame
    }
    return put(connection, of, ids, columns, settled.geometries, levels=levels)


def _parsed(of: Layer, column: str, value: object, feature_id: str) -> Any:
    try:
        return of.columns[column].parse(value)
    except BadValueError as error:
        raise BadFeatureError(f"{of.name} {feature_id!r}: {error}") from error


def _check_rules(
    ids: Sequence[str], columns: Mapping[str, Sequence[Any]], geometries: Geometries
) -> None:
    if "rule" not in columns:
        raise BadFeatureError("fences need the column 'rule': map or set it")
    kinds = shapes.type_names(geometries)
    wrong: dict[str, str] = {}
    for feature_id, rule, kind in zip(ids, columns["rule"], kinds, strict=True):
        try:
            fences.check_shape(rule, str(kind))
        except BadFeatureError as error:
            wrong.setdefault(feature_id, f"fences {feature_id!r}: {error}")
    if wrong:
        first = next(iter(wrong.values()))
        more = f" ({len(wrong) - 1} more like it)" if len(wrong) > 1 else ""
        raise BadFeatureError(f"{first}{more}", features=tuple(wrong), reasons=wrong)


def _store(
    connection: Connection,
    of: Layer,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    ready: ewkb.Shapes,
    levels: Sequence[str],
    advance: Advance,
    *,
    bars_readers: bool,
) -> Written:
    """Write rows and hold them against what is stored."""
    with raw(connection).cursor() as cursor:
        # Two loads of a layer wait for each other instead of failing on a common id.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"load {of.name}"])
        if not _all_new(cursor, of, ids):
            updated, inserted = _merge(cursor, of, ids, columns, ready, advance)
            # What is as it was, was held against the others then; those that moved are now.
            hierarchy.check(connection, of, updated + inserted, levels=levels)
            return Written(
                inserted=len(inserted),
                updated=len(updated),
                unchanged=len(ids) - len(inserted) - len(updated),
            )
        many = of.name == "grids" and len(ids) > _MANY
        found: list[ground.Fault] = []
        with indexing.after_rows(cursor, of, len(ids) if bars_readers else 0):
            if many:
                found = _copy_grids(connection, cursor, of, ids, columns, ready, advance)
            else:
                table = sql.Identifier(of.name)
                copying.copy(cursor, table, of, ids, columns, ready, advance)
            # Of new rows only those that refer to others can be wrong in that.
            refer = [columns[name] for name in of.references if name in columns]
            naming = {n for refs in refer for n, ref in enumerate(refs) if ref}
            named = [ids[n] for n in sorted(naming)] if many else ids
            hierarchy.check(connection, of, named, levels=levels, moved=not many)
    ground.refuse(found)
    return Written(inserted=len(ids), updated=0, unchanged=0)


def _copy_grids(
    connection: Connection,
    cursor: psycopg.Cursor[Any],
    of: Layer,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    ready: ewkb.Shapes,
    advance: Advance,
) -> list[ground.Fault]:
    """COPY many new grids, and what is wrong with their ground: a thread looks at it once all are
    sent, while PostgreSQL still has its keys and history to write."""
    nothing = [None] * len(ids)
    new = ground.Grids(
        ids=list(ids),
        parents=list(columns.get("parent", nothing)),
        levels=list(columns.get("level", nothing)),
        shapes=ready.geometries,
        rings=ready.rings,
    )
    # Nobody else writes grids until this transaction ends, so this stays what is there.
    stored = ground.around(connection, new)
    looking: list[Future[list[ground.Fault]]] = []
    left = len(ids)
    with ThreadPoolExecutor(1, thread_name_prefix="ground") as thread:

        def sent(count: int) -> None:
            nonlocal left
            advance(count)
            left -= count
            if not left:
                looking.append(thread.submit(ground.faults, new, stored))

        copying.copy(cursor, sql.Identifier(of.name), of, ids, columns, ready, sent)
    return looking[0].result()


def _merge(
    cursor: psycopg.Cursor[Any],
    of: Layer,
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    ready: ewkb.Shapes,
    advance: Advance,
) -> tuple[list[str], list[str]]:
    """Stage rows by COPY, then change those that are there and differ, and add the others: which
    were changed, and which were added."""
    names = copying.names(of, columns)
    table, stage = sql.Identifier(of.name), sql.Identifier(f"staged_{of.name}")
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    cursor.execute(
        sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            stage, listed, table
        )
    )
    copying.copy(cursor, stage, of, ids, columns, ready, advance)
    cursor.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(stage))
    cursor.execute(sql.SQL("ANALYZE {}").format(stage))
    # INSERT … ON CONFLICT would fire a fence's insert trigger for rows that are there.
    updated = [row[0] for row in cursor.execute(_update(of, table, stage, names))]
    insert = sql.SQL(
        "INSERT INTO {0} ({1}) SELECT {1} FROM {2} s"
        " WHERE NOT EXISTS (SELECT FROM {0} t WHERE t.id = s.id) RETURNING id"
    )
    inserted = [row[0] for row in cursor.execute(insert.format(table, listed, stage))]
    cursor.execute(sql.SQL("DROP TABLE {}").format(stage))
    return updated, inserted


#: Whether a COPY may go straight into the table: none of the ids is there (and PostgreSQL takes no
#: COPY into a table whose rows a policy hides from this role).
_ALL_NEW = """
SELECT NOT row_security_active({name})
   AND (NOT EXISTS (SELECT FROM {table}) OR NOT EXISTS (
        SELECT FROM {table} WHERE id = ANY(string_to_array(%s, E'\n'))))
"""


def _all_new(cursor: psycopg.Cursor[Any], of: Layer, ids: Sequence[str]) -> bool:
    query = sql.SQL(_ALL_NEW).format(name=sql.Literal(of.name), table=sql.Identifier(of.name))
    # One text of all ids: a driver takes seconds over an array of 200,000. None holds a line end.
    row = cursor.execute(query, ["\n".join(ids)]).fetchone()
    return bool(row and row[0])


#: How a column ({0}) is compared, where not as it stands.
_THERE = {"geom": "public.ST_AsBinary({0})"}
#: And one of the stage with the table's ({1}): a fence that was edited shows from when that holds,
#: and what a file says of before is no change.
_GIVEN = {
    **_THERE,
    "valid_from": "CASE WHEN {0} > coalesce({1}, '-infinity') OR {0} > now() THEN {0} ELSE {1} END",
}


def _update(
    of: Layer, table: sql.Identifier, stage: sql.Identifier, names: Sequence[str]
) -> sql.Composed:
    """Change the rows that differ; geometry is compared to the last bit, and what is computed
    from it not at all."""
    changed = [name for name in names if name != "id"]
    compared = [n for n in changed if n not in of.columns or not of.columns[n].read_only]

    def values(alias: str, how: Mapping[str, str]) -> sql.Composed:
        parts = [
            sql.SQL(how.get(name, "{0}")).format(
                sql.Identifier(alias, name), sql.Identifier("t", name)
            )
            for name in compared
        ]
        return sql.SQL(", ").join(parts)

    return sql.SQL(
        "UPDATE {} t SET {} FROM {} s WHERE t.id = s.id AND ({}) IS DISTINCT FROM ({})"
        " RETURNING t.id"
    ).format(
        table,
        sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier("s", name))
            for name in changed
        ),
        stage,
        values("t", _THERE),
        values("s", _GIVEN),
    )


def _refusal(of: Layer, error: psycopg.Error) -> BadFeatureError:
    """What PostgreSQL would not take, without its statement and values."""
    rule = error.diag.constraint_name or error.diag.message_primary or type(error).__name__
    return BadFeatureError(f"{of.name}: the database refuses a row ({rule}): mend it")
