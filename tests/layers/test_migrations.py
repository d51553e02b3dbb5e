"""The schema: how a database gets to it with its data, who may do what in it, what it keeps out."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InternalError

from layers.db import migrate
from layers.db.engine import SYSTEM, Role, acting, conninfo, make_engine
from layers.errors import LaterReleaseError
from rows import everything, fill

REPOSITORY = Path(__file__).parents[2]
REVISIONS = [
    script.revision
    for script in ScriptDirectory(str(REPOSITORY / "layers" / "db" / "migrations")).walk_revisions()
][::-1]
_NUMBERS = itertools.count(1)


@pytest.fixture
def empty_url(cluster_url: str) -> Iterator[str]:
    """URL of a database in which there is nothing at all."""
    name = f"empty_{next(_NUMBERS)}"
    server = conninfo(cluster_url).replace("dbname=patrolgrid", "dbname=postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield cluster_url.replace("/patrolgrid?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """An engine on a database in which there is nothing at all."""
    made = make_engine(empty_url)
    yield made
    made.dispose()


# Upgrades ----------------------------------------------------------------------------------


def test_there_is_one_head_and_one_line_that_leads_to_it() -> None:
    scripts = ScriptDirectory(str(REPOSITORY / "layers" / "db" / "migrations"))
    assert scripts.get_heads() == [migrate.head()]
    assert len(scripts.get_bases()) == 1
    assert not any(script.is_merge_point for script in scripts.walk_revisions())


def test_an_empty_database_comes_to_the_head_and_a_second_time_changes_nothing(
    empty: Engine,
) -> None:
    assert migrate.current(empty) is None
    migrate.upgrade(empty)
    assert migrate.current(empty) == migrate.head()
    before = everything(empty)
    migrate.upgrade(empty)
    assert everything(empty) == before


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_from_every_revision_keeps_the_data(
    empty: Engine, empty_url: str, revision: str
) -> None:
    migrate.upgrade(empty, REVISIONS[0])
    fill(empty_url)
    migrate.upgrade(empty, revision)
    with empty.begin() as connection:
        # Where there is a history by then, it has something to tell.
        connection.exec_driver_sql("UPDATE grids SET name = 'Edited' WHERE id = 'cell'")
        connection.exec_driver_sql("DELETE FROM posts")
    before = everything(empty)
    # What 0014 keeps in its stead is made anew of the fixes.
    before.pop("stays", None)
    # What 0015 keeps in its stead tells the same.
    before.pop("latest_fixes", None)
    before.pop("walks", None)  # and this, as stays
    latest = "SELECT unit_no, time, lon, lat, accuracy_m, battery, received_at FROM latest_fixes"
    with empty.connect() as connection:
        newest = connection.exec_driver_sql(latest).all()
    migrate.upgrade(empty)
    after = everything(empty)
    with empty.connect() as connection:
        assert connection.exec_driver_sql(latest).all() == newest
    assert len(newest) == 1
    assert migrate.current(empty) == migrate.head()
    # A later revision may add columns; it loses no row.
    assert {name: len(rows) for name, rows in before.items()}.items() <= {
        name: len(rows) for name, rows in after.items()
    }.items()
    if revision == migrate.head():
        assert after == before


def test_numbers_of_fixes_that_mean_nothing_become_missing_and_the_rest_stays(
    empty: Engine, empty_url: str
) -> None:
    migrate.upgrade(empty, "0001")
    fill(empty_url)
    told = "speed_ms, heading_deg, altitude_m, battery"
    with empty.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO fixes (unit_no, time, lon, lat, {told}) VALUES"
            " (2, '2026-03-01 01:00Z', 100, 42, -1, 361, 'NaN', 101),"
            " (2, '2026-03-01 01:01Z', 100, 42, 'NaN', -1, '-Infinity', 'NaN'),"
            " (2, '2026-03-01 01:02Z', 100, 42, 0, 360, -154, 100)"
        )
        connection.exec_driver_sql("UPDATE latest_fixes SET speed_ms = 'NaN', heading_deg = 90")
    migrate.upgrade(empty)
    with empty.connect() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT {told} FROM fixes WHERE unit_no = 2 ORDER BY time"
        )
        assert [tuple(row) for row in rows] == [(None,) * 4, (None,) * 4, (0, 360, -154, 100)]
        latest = connection.exec_driver_sql("SELECT speed_ms, heading_deg FROM latest_fixes")
        assert [tuple(row) for row in latest] == [(None, 90)]


def test_an_edited_fence_shows_from_when_it_holds_and_makes_no_version_by_the_upgrade(
    empty: Engine, empty_url: str
) -> None:
    migrate.upgrade(empty, "0002")
    fill(empty_url)
    migrate.upgrade(empty)
    with empty.connect() as connection:
        shown = connection.exec_driver_sql(
            "SELECT f.id, f.version, f.valid_from = v.valid_from,"
            " (SELECT count(*) FROM fence_versions o WHERE o.fence = f.id)"
            " FROM fences f JOIN fence_versions v ON v.fence = f.id AND v.version = f.version"
            " ORDER BY f.id"
        )
        assert [tuple(row) for row in shown] == [("f", 2, True, 2), ("l", 1, None, 1)]


def test_history_begins_with_the_first_change_after_the_upgrade(
    empty: Engine, empty_url: str
) -> None:
    migrate.upgrade(empty, "0003")
    fill(empty_url)
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("UPDATE grids SET name = 'New' WHERE id = 'cell'")
        connection.exec_driver_sql("UPDATE cameras SET bearing_deg = 45")  # it was
    with empty.connect() as connection:
        kept = connection.exec_driver_sql(
            "SELECT layer, feature, what, before->>'name', ST_NPoints(before_geom) FROM changes"
        )
        assert [tuple(row) for row in kept] == [("grids", "cell", "changed", "Cell", 5)]
        versions = connection.exec_driver_sql(
            "SELECT layer, version FROM layer_versions ORDER BY layer"
        )
        assert [tuple(row) for row in versions] == [("fixes", 3), ("grids", 3)]


@pytest.mark.parametrize("revision", ["0011", "head"])
def test_versions_move_with_what_is_truncated_and_not_with_what_was_empty(
    empty: Engine, empty_url: str, revision: str
) -> None:
    migrate.upgrade(empty, revision)
    fill(empty_url)
    migrate.upgrade(empty)

    def moved(table: str) -> set[str]:
        versions = "SELECT layer, version FROM layer_versions"
        with empty.begin() as connection:
            before = {tuple(row) for row in connection.exec_driver_sql(versions)}
            connection.exec_driver_sql(f"TRUNCATE {table}")
            after = {tuple(row) for row in connection.exec_driver_sql(versions)}
        return {layer for layer, _ in after - before}

    for table, layers in (
        ("fixes_20260301", {"fixes"}),
        ("fixes", {"fixes"}),
        ("breaches CASCADE", {"breaches"}),
        ("units CASCADE", {"units"}),
        ("teams CASCADE", {"teams"}),
        ("settlements, roads", {"settlements", "roads"}),
    ):
        assert moved(table) == layers, table
        assert moved(table) == set(), table


def test_two_processes_may_upgrade_at_once(empty: Engine, empty_url: str) -> None:
    script = (
        "import sys; from layers.db import migrate; from layers.db.engine import make_engine;"
        " migrate.upgrade(make_engine(sys.argv[1]))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script, empty_url], cwd=REPOSITORY, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in both:
        _, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints.decode()
    assert migrate.current(empty) == migrate.head()


def test_a_failing_migration_leaves_nothing_behind(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE SCHEMA patrolgrid"))
        connection.execute(text("CREATE TABLE patrolgrid.tokens (in_the_way int)"))
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate.upgrade(empty)
    assert list(everything(empty)) == ["tokens"]


def test_a_database_of_a_later_release_is_refused_in_one_line_and_left_alone(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = everything(engine)
    with pytest.raises(LaterReleaseError, match="revision 9999") as refused:
        migrate.upgrade(engine)
    assert "\n" not in str(refused.value)
    assert everything(engine) == before


# Rights ------------------------------------------------------------------------------------

ROLES: tuple[Role, ...] = ("patrolgrid_read", "patrolgrid_write", "patrolgrid_gate")
FENCE = (
    "INSERT INTO fences (id, rule, geom) VALUES"
    " ('x', 'line', ST_GeomFromText('LINESTRING(1 1,2 2)', 4326))"
)

MAY = [
    ("patrolgrid_read", "SELECT count(*) FROM fixes"),
    ("patrolgrid_read", "SELECT count(*) FROM breaches"),
    ("patrolgrid_read", "SELECT id, url FROM subscriptions"),
    ("patrolgrid_read", "SELECT count(*) FROM changes JOIN change_steps USING (set_no, step)"),
    ("patrolgrid_read", "SELECT count(*) FROM standing_changes JOIN change_sets USING (set_no)"),
    ("patrolgrid_write", FENCE),
    ("patrolgrid_write", "SELECT ensure_fix_partition(date '2026-01-01')"),
    ("patrolgrid_write", "SELECT secret FROM subscriptions"),
    ("patrolgrid_read", "SELECT count(*) FROM rasters, raster_blocks"),
    ("patrolgrid_write", "DELETE FROM rasters"),
    ("patrolgrid_gate", "SELECT count(*) FROM tokens"),
    ("patrolgrid_gate", "DELETE FROM tokens"),
]
MAY_NOT = [
    ("patrolgrid_read", FENCE),
    ("patrolgrid_read", "UPDATE grids SET name = 'x'"),
    ("patrolgrid_read", "DELETE FROM fixes"),
    ("patrolgrid_read", "DELETE FROM rasters"),
    ("patrolgrid_write", "UPDATE raster_blocks SET data = 'x'"),
    ("patrolgrid_gate", "SELECT * FROM raster_blocks"),
    ("patrolgrid_read", "SELECT ensure_fix_partition(date '2026-01-01')"),
    ("patrolgrid_read", "SELECT secret FROM subscriptions"),
    ("patrolgrid_read", "SELECT * FROM tokens"),
    ("patrolgrid_write", "SELECT * FROM tokens"),
    ("patrolgrid_write", "DELETE FROM tokens"),
    ("patrolgrid_write", "UPDATE breach_revisions SET change = 'closed'"),
    ("patrolgrid_write", "DELETE FROM changes"),
    ("patrolgrid_write", "UPDATE change_sets SET made_by = 'nobody'"),
    ("patrolgrid_write", "SELECT keep_history()"),
    ("patrolgrid_write", "SELECT tell_caches_of_truncation()"),
    ("patrolgrid_read", "SELECT change_set()"),
    ("patrolgrid_write", "DELETE FROM events"),
    ("patrolgrid_write", "TRUNCATE fixes"),
    ("patrolgrid_write", "DROP TABLE grids"),
    ("patrolgrid_write", "CREATE TABLE mine (x int)"),
    ("patrolgrid_write", "UPDATE alembic_version SET version_num = 'x'"),
    ("patrolgrid_gate", "SELECT * FROM fixes"),
    ("patrolgrid_gate", "SELECT * FROM subscriptions"),
]


@pytest.fixture(scope="module")
def rights(cluster_url: str, template_database: str) -> Iterator[Engine]:
    """One database for the tests of rights, whose transactions are rolled back."""
    name = "rights"
    server = conninfo(cluster_url).replace("dbname=patrolgrid", "dbname=postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_database}".encode())
        url = cluster_url.replace("/patrolgrid?", f"/{name}?")
        fill(url)
        made = make_engine(url)
        yield made
        made.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _try(engine: Engine, role: Role, statement: str) -> None:
    with acting(engine, SYSTEM, role) as connection:
        connection.exec_driver_sql(statement)
        connection.rollback()


@pytest.mark.parametrize(("role", "statement"), MAY)
def test_a_role_may_do_its_work(rights: Engine, role: Role, statement: str) -> None:
    _try(rights, role, statement)


@pytest.mark.parametrize(("role", "statement"), MAY_NOT)
def test_a_role_may_do_nothing_else(rights: Engine, role: Role, statement: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        _try(rights, role, statement)


def test_roles_own_nothing_and_cannot_log_in(rights: Engine) -> None:
    with rights.connect() as connection:
        roles = connection.execute(
            text(
                "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb"
                " FROM pg_roles WHERE rolname LIKE 'patrolgrid\\_%' ORDER BY 1"
            )
        ).all()
        assert [tuple(role) for role in roles] == [(r, *[False] * 5) for r in sorted(ROLES)]
        owned = connection.execute(
            text(
                "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid"
                " WHERE d.deptype = 'o' AND r.rolname = ANY(:roles)"
            ),
            {"roles": list(ROLES)},
        )
        assert owned.scalar_one() == 0


def test_every_geometry_that_is_asked_for_by_place_has_its_index(rights: Engine) -> None:
    with rights.connect() as connection:
        bare = connection.execute(
            text(
                "SELECT c.relname || '.' || a.attname FROM pg_attribute a"
                " JOIN pg_class c ON c.oid = a.attrelid"
                " WHERE c.relnamespace = 'patrolgrid'::regnamespace AND c.relkind = 'r'"
                " AND a.atttypid = 'public.geometry'::regtype AND NOT EXISTS ("
                "  SELECT FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid"
                "  JOIN pg_am am ON am.oid = ic.relam WHERE i.indrelid = c.oid"
                "  AND am.amname = 'gist' AND a.attnum = ANY(i.indkey))"
            )
        ).scalars()
        # Read by fence and version, by feature and set, by transaction.
        read_otherwise = {"fence_versions.geom", "changes.before_geom", "cache_changes.place"}
        assert set(bare) <= read_otherwise


def test_rows_may_be_written_by_sql_whatever_its_search_path(engine: Engine) -> None:
    area = "ST_GeomFromText('MULTIPOLYGON(((100 42,101 42,101 43,100 43,100 42)))', 4326)"
    with engine.begin() as connection:
        for statement in (
            "SET LOCAL search_path = public",
            "INSERT INTO patrolgrid.grids (id, level, area_m2, geom)"
            f" VALUES ('g', 'cell', 1, {area})",
            f"INSERT INTO patrolgrid.post_areas (id, geom) VALUES ('a', {area})",
            f"INSERT INTO patrolgrid.fences (id, rule, geom) VALUES ('f', 'keep_in', {area})",
            "INSERT INTO patrolgrid.settlements (id, geom) SELECT 's' || n,"
            " ST_SetSRID(ST_MakePoint(100, 42), 4326) FROM generate_series(1, 600) n",
            "INSERT INTO patrolgrid.units"
            " (id, call_sign, kind, max_gap_s, top_speed_ms, accuracy_m)"
            " VALUES ('u', 'Eagle 1', 'vehicle', 600, 50, 15)",
            "UPDATE patrolgrid.fences SET margin_m = 7",
            "UPDATE patrolgrid.settlements SET households = 3",
            "UPDATE patrolgrid.units SET call_sign = 'Eagle 2'",
            "DELETE FROM patrolgrid.post_areas",
            "DELETE FROM patrolgrid.settlements",
        ):
            connection.execute(text(statement))
    with engine.connect() as connection:
        left = "SELECT (SELECT count(*) FROM changes), (SELECT count(*) FROM fence_versions)"
        assert tuple(connection.execute(text(left)).one()) == (3 + 1 + 1 + 3 * 600, 2)


def test_rows_are_counted_by_whatever_index_once_a_table_is_vacuumed(rights: Engine) -> None:
    # PostGIS 3.3 crashes in an index-only scan of SP-GiST, which a plain count may be.
    with rights.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("settlements", "roads", "grids"):
            connection.execute(text(f"VACUUM ANALYZE {table}"))
            connection.execute(text("SET enable_seqscan = off"))
            counted = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            connection.execute(text("SET enable_seqscan = on"))
            slowly = connection.execute(text(f"SELECT id FROM {table}")).all()
            assert counted == len(slowly)


# Constraints -------------------------------------------------------------------------------

POINT = "ST_SetSRID(ST_MakePoint(100.5, 42.5), 4326)"
SQUARE = "ST_GeomFromText('MULTIPOLYGON(((100 42,101 42,101 43,100 43,100 42)))', 4326)"
BOW_TIE = "ST_GeomFromText('MULTIPOLYGON(((100 42,101 43,101 42,100 43,100 42)))', 4326)"
LINE = "ST_GeomFromText('LINESTRING(100 42,101 43)', 4326)"
GRID = "INSERT INTO grids (id, level, area_m2, parent, kind, geom) VALUES"
UNIT = "INSERT INTO units (id, call_sign, kind, max_gap_s, top_speed_ms, accuracy_m) VALUES"
FIX = "INSERT INTO fixes (unit_no, time, lon, lat, accuracy_m) VALUES"
RULE = "INSERT INTO fences (id, rule, margin_m, dwell_s, active, severity, geom) VALUES"
BREACH = (
    "INSERT INTO breaches (unit, fence, fence_version, rule, severity, visit, state, evidence,"
    " entered_fix, entered_at, exited_at, geom) VALUES ('u', 'f', 1, 'keep_out', 'low', 'v',"
)

RASTER = (
    "INSERT INTO rasters (name, crs, a, c, e, f, width, height, block, dtype, scale, digest) VALUES"
)
DIGEST = "decode(repeat('ab', 32), 'hex')"

MEANINGLESS = (
    ("speed_ms", "-1"), ("speed_ms", "NaN"), ("heading_deg", "361"), ("heading_deg", "-1"),
    ("altitude_m", "NaN"), ("altitude_m", "Infinity"), ("battery", "101"), ("battery", "NaN"),
)  # fmt: skip

BAD_ROWS = {
    "a grid with an empty id": f"{GRID} ('', 'cell', 1, NULL, 'rural', {SQUARE})",
    "a grid without a level": f"{GRID} ('x', '', 1, NULL, 'rural', {SQUARE})",
    "a grid without an area": f"{GRID} ('x', 'cell', 0, NULL, 'rural', {SQUARE})",
    "a grid whose area is no number": f"{GRID} ('x', 'cell', 'NaN', NULL, 'rural', {SQUARE})",
    "a grid of an unknown kind": f"{GRID} ('x', 'cell', 1, NULL, 'lunar', {SQUARE})",
    "a grid that is its own parent": f"{GRID} ('x', 'cell', 1, 'x', 'rural', {SQUARE})",
    "a grid whose parent is not there": f"{GRID} ('x', 'cell', 1, 'no', 'rural', {SQUARE})",
    "a grid that crosses itself": f"{GRID} ('x', 'cell', 1, NULL, 'rural', {BOW_TIE})",
    "a grid that is a point": f"{GRID} ('x', 'cell', 1, NULL, 'rural', {POINT})",
    "a grid without a place": f"{GRID} ('x', 'cell', 1, NULL, 'rural', NULL)",
    "a grid in another CRS": f"{GRID} ('x', 'cell', 1, NULL, 'rural', ST_SetSRID({SQUARE}, 3857))",
    "a grid that is there already": f"{GRID} ('cell', 'cell', 1, NULL, 'rural', {SQUARE})",
    "a settlement beyond the pole": "INSERT INTO settlements (id, geom) VALUES"
    " ('x', ST_SetSRID(ST_MakePoint(42, 100), 4326))",
    "a settlement nowhere": "INSERT INTO settlements (id, geom) VALUES"
    " ('x', ST_GeomFromText('POINT EMPTY', 4326))",
    "a settlement at no number": "INSERT INTO settlements (id, geom) VALUES"
    " ('x', ST_SetSRID(ST_MakePoint('NaN', 'NaN'), 4326))",
    "a settlement of fewer than no households": "INSERT INTO settlements (id, households, geom)"
    f" VALUES ('x', -1, {POINT})",
    "a checkpoint of an unknown kind": "INSERT INTO checkpoints (id, kind, geom) VALUES"
    f" ('x', 'haunted', {POINT})",
    "a post that is a line": f"INSERT INTO posts (id, geom) VALUES ('x', {LINE})",
    "an area of no post": f"INSERT INTO post_areas (id, post, geom) VALUES ('x', 'no', {SQUARE})",
    "a camera that looks past the circle": "INSERT INTO cameras (id, bearing_deg, geom) VALUES"
    f" ('x', 361, {POINT})",
    "a camera without a view": f"INSERT INTO cameras (id, fov_deg, geom) VALUES ('x', 0, {POINT})",
    "a camera that sees no number": "INSERT INTO cameras (id, range_m, geom) VALUES"
    f" ('x', 'NaN', {POINT})",
    "a road without a class": f"INSERT INTO roads (id, class, geom) VALUES ('x', '', {LINE})",
    "a road at no speed": f"INSERT INTO roads (id, speed_kmh, geom) VALUES ('x', 0, {LINE})",
    "a road one way sideways": "INSERT INTO roads (id, oneway, geom) VALUES"
    f" ('x', 'sideways', {LINE})",
    "a border from no number": "INSERT INTO border (id, chainage_start_km, geom) VALUES"
    f" ('x', 'NaN', {LINE})",
    "a border of a point": f"INSERT INTO border (id, geom) VALUES ('x', {POINT})",
    "a fence of no rule": f"{RULE} ('x', 'polite', 0, 0, NULL, 'low', {SQUARE})",
    "a line fence round an area": f"{RULE} ('x', 'line', 0, 0, NULL, 'low', {SQUARE})",
    "an area fence along a line": f"{RULE} ('x', 'keep_out', 0, 0, NULL, 'low', {LINE})",
    "a fence round a point": f"{RULE} ('x', 'keep_out', 0, 0, NULL, 'low', {POINT})",
    "a fence with a margin inwards": f"{RULE} ('x', 'line', -1, 0, NULL, 'low', {LINE})",
    "a fence with a margin of no number": f"{RULE} ('x', 'line', 'NaN', 0, NULL, 'low', {LINE})",
    "a fence that dwells for ever": f"{RULE} ('x', 'line', 0, 'Infinity', NULL, 'low', {LINE})",
    "a fence whose hours are a list": f"{RULE} ('x', 'line', 0, 0, '[]', 'low', {LINE})",
    "a fence of odd severity": f"{RULE} ('x', 'line', 0, 0, NULL, 'grim', {LINE})",
    "a team that is its own parent": "INSERT INTO teams (id, parent) VALUES ('x', 'x')",
    "a team of an unknown kind": "INSERT INTO teams (id, kind) VALUES ('x', 'choir')",
    "a unit of an unknown kind": f"{UNIT} ('x', 'X', 'boat', 600, 5, 5)",
    "a unit without a call sign": f"{UNIT} ('x', '', 'foot', 600, 5, 5)",
    "a unit that may never be silent": f"{UNIT} ('x', 'X', 'foot', 0, 5, 5)",
    "a unit that may be silent for ever": f"{UNIT} ('x', 'X', 'foot', 'Infinity', 5, 5)",
    "a unit whose gap is no number": f"{UNIT} ('x', 'X', 'foot', 'NaN', 5, 5)",
    "a unit that goes backwards": f"{UNIT} ('x', 'X', 'foot', 600, -1, 5)",
    "a unit of any speed": f"{UNIT} ('x', 'X', 'foot', 600, 'NaN', 5)",
    "a unit that is never wrong": f"{UNIT} ('x', 'X', 'foot', 600, 5, 0)",
    "a unit that is wrong by no number": f"{UNIT} ('x', 'X', 'foot', 600, 5, 'NaN')",
    "a unit of no team": "UPDATE units SET team = 'no' WHERE id = 'u'",
    "a fix beyond the pole": f"{FIX} (1, '2026-03-01 01:00Z', 42, 100, 5)",
    "a fix at no number": f"{FIX} (1, '2026-03-01 01:00Z', 'NaN', 42, 5)",
    "a fix less than exact": f"{FIX} (1, '2026-03-01 01:00Z', 100, 42, -1)",
    "a fix inexact by no number": f"{FIX} (1, '2026-03-01 01:00Z', 100, 42, 'NaN')",
    **{
        f"fixes whose {name} is {value}": f"INSERT INTO fixes (unit_no, time, lon, lat, {name})"
        f" VALUES (9, '2026-03-01 01:00Z', 100, 42, '{value}')"
        for name, value in MEANINGLESS
    },
    "a second fix of a moment": f"{FIX} (1, '2026-03-01 20:01Z', 100, 42, 5)",
    "a fix of a day that has no room": f"{FIX} (1, '1980-01-01 01:00Z', 100, 42, 5)",
    "a fix at the end of time": f"{FIX} (1, 'infinity', 100, 42, 5)",
    "a breach that is open and over": f"{BREACH} 'open', 'confirmed', now(), now(), now(),"
    f" {POINT})",
    "a breach that ends before it begins": f"{BREACH} 'closed', 'confirmed', now(), now(),"
    f" now() - interval '1 s', {POINT})",
    "a breach on a hunch": f"{BREACH} 'open', 'possible', now(), now(), NULL, {POINT})",
    "a notice of nothing": "INSERT INTO deliveries (subscription, event) VALUES ('sub', 99)",
    "the same notice twice": "INSERT INTO deliveries (subscription, event) VALUES ('sub', 1)",
    "a raster of an unknown kind": f"{RASTER} ('mood', 'x', 1, 0, 1, 0, 1, 1, 1, 'int8', 1,"
    f" {DIGEST})",
    **{
        f"a raster {what}": f"{RASTER} ('speed', {values}, {DIGEST})"
        for what, values in (
            ("nowhere", "'', 1, 0, 1, 0, 1, 1, 1, 'int8', 1"),
            ("of no width", "'x', 1, 0, 1, 0, 0, 1, 1, 'int8', 1"),
            ("of no height", "'x', 1, 0, 1, 0, 1, 0, 1, 'int8', 1"),
            ("in blocks of nothing", "'x', 1, 0, 1, 0, 1, 1, 0, 'int8', 1"),
            ("of pixels without width", "'x', 0, 0, 1, 0, 1, 1, 1, 'int8', 1"),
            ("of pixels wide by no number", "'x', 'NaN', 0, 1, 0, 1, 1, 1, 'int8', 1"),
            ("of pixels without height", "'x', 1, 0, 0, 0, 1, 1, 1, 'int8', 1"),
            ("at no number", "'x', 1, 'NaN', 1, 0, 1, 1, 1, 'int8', 1"),
            ("at the end of the world", "'x', 1, 0, 1, 'Infinity', 1, 1, 1, 'int8', 1"),
            ("of words", "'x', 1, 0, 1, 0, 1, 1, 1, 'text', 1"),
            ("scaled to nothing", "'x', 1, 0, 1, 0, 1, 1, 1, 'int8', 0"),
        )
    },
    "a raster that is there already": f"{RASTER} ('elevation', 'x', 1, 0, 1, 0, 1, 1, 1, 'int8', 1,"
    f" {DIGEST})",
    "a raster of another digest": f"{RASTER} ('speed', 'x', 1, 0, 1, 0, 1, 1, 1, 'int8', 1, '')",
    "a block of no raster": "INSERT INTO raster_blocks VALUES ('speed', 0, 0, 'x')",
    "a block before the first": "INSERT INTO raster_blocks VALUES ('elevation', -1, 0, 'x')",
    "a block of nothing": "INSERT INTO raster_blocks VALUES ('elevation', 0, 1, '')",
    "a block that is there already": "INSERT INTO raster_blocks VALUES ('elevation', 0, 0, 'x')",
    "a token of an unknown right": "INSERT INTO tokens (id, hash, kind, scopes) VALUES"
    " ('x', '\\x01', 'api', '{fly}')",
    "a token that is another's": "INSERT INTO tokens (id, hash, kind, scopes) VALUES"
    " ('x', '\\x0102', 'api', '{read}')",
}


@pytest.mark.parametrize("statement", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_kept_out(rights: Engine, statement: str) -> None:
    with rights.connect() as connection:
        # What would be checked at commit is checked at once.
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises((IntegrityError, DataError, InternalError)):
            connection.exec_driver_sql(statement)


def test_the_days_of_fixes_are_partitions_and_one_is_made_once(
    rights: Engine,
) -> None:
    with rights.connect() as connection:
        for _ in range(2):
            connection.execute(text("SELECT ensure_fix_partition(date '2026-03-05')"))
        found = connection.execute(
            text(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                " WHERE i.inhparent = 'patrolgrid.fixes'::regclass ORDER BY 1"
            )
        ).scalars()
        assert list(found) == ["fixes_20260301", "fixes_20260302", "fixes_20260305"]
