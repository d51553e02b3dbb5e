"""History and versions: every change is kept and moves its layer, whoever makes it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from layers import places, versions
from layers.db.engine import SYSTEM, Principal, acting
from layers.errors import BadFeatureError, NoSuchFeatureError, NoSuchLayerError
from tests.layers.history_words import LEVELS, Editor, line, point, square

TOKEN = Principal(name="tok_7", scopes=frozenset({"admin"}))
POINT = "ST_SetSRID(ST_MakePoint(105, 40), 4326)"
SHAPES = {
    "grids": (square, {"level": "cell"}),
    "settlements": (point, {"households": 4}),
    "checkpoints": (point, {"kind": "staffed", "last_heartbeat": "2026-03-01T08:00:00+08:00"}),
    "posts": (point, {"team": "t"}),
    "post_areas": (square, {}),
    "cameras": (point, {"bearing_deg": 45.0, "range_m": 0.1}),
    "roads": (line, {"class": "track", "bridge": True}),
    "border": (line, {"chainage_start_km": 1e-9}),
    "fences": (square, {"rule": "keep_out", "active": {"weekly": [{"days": ["mon"]}]}}),
}


@pytest.fixture
def editor(engine: Engine) -> Editor:
    return Editor(engine=engine, by=TOKEN)


# What is kept ------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [one.name for one in places.LAYERS.values() if not one.read_only])
def test_a_feature_of_every_layer_has_its_life_told_as_it_was(editor: Editor, layer: str) -> None:
    shape, told = SHAPES[layer]
    made = editor.create(layer, "x", shape(), **told)
    changed = editor.replace(layer, "x", shape(105.05), **told, name="New")
    editor.delete(layer, "x")
    deleted, edited, created = editor.changes(layer, "x")
    assert [one.what for one in (created, edited, deleted)] == ["created", "changed", "deleted"]
    assert (created.before, created.after) == (None, made)
    assert (edited.before, edited.after) == (made, changed)
    assert (deleted.before, deleted.after) == (changed, None)
    assert {"name", "geometry"} <= set(edited.changed)
    assert set(edited.changed) <= {"name", "geometry", "area_m2", "version", "valid_from"}
    assert [places.etag(one.before) for one in (edited, deleted) if one.before] == [
        places.etag(made),
        places.etag(changed),
    ]
    versions_told = [one.data_version for one in (created, edited, deleted)]
    assert versions_told == [f"{layer}.{n}" for n in (1, 2, 3)]
    assert {one.made_by for one in (created, edited, deleted)} == {"tok_7"}
    assert editor.version(layer) == f"{layer}.3"


def test_a_statement_that_changes_no_row_moves_and_keeps_nothing(editor: Editor) -> None:
    for layer, (shape, told) in SHAPES.items():
        made = editor.create(layer, "x", shape(), **told)
        assert editor.replace(layer, "x", shape(), **told) == made
        editor.sql(f"UPDATE {layer} SET name = name, geom = geom")
        editor.sql(f"UPDATE {layer} SET name = 'y' WHERE id = 'none'")
        editor.sql(f"DELETE FROM {layer} WHERE id = 'none'")
        editor.sql(f"INSERT INTO {layer} (id, geom) SELECT id, geom FROM {layer} WHERE false")
        assert editor.version(layer) == f"{layer}.1"
        assert editor.told(layer, "x") == ["edit created"]


def test_the_last_bit_of_a_coordinate_is_a_change(editor: Editor) -> None:
    editor.create("posts", "p", point(105.0))
    moved = editor.replace("posts", "p", point(105.00000000000001))
    assert editor.changes("posts", "p")[0].changed == ("geometry",)
    assert editor.changes("posts", "p")[0].after == moved


def test_of_many_rows_only_those_that_differ_are_kept(editor: Editor) -> None:
    rows = {f"s{n}": {"geometry": point(105 + n), "households": n} for n in range(5)}
    editor.load("settlements", rows)
    editor.load("settlements", {**rows, "s3": {**rows["s3"], "households": 30}, "s9": rows["s4"]})
    assert editor.told("settlements", "s1") == ["load created"]
    assert editor.told("settlements", "s3") == ["load created", "load changed"]
    second, first = editor.sets("settlements")
    assert (first.created, first.changed, first.deleted) == (5, 0, 0)
    assert (second.created, second.changed, second.deleted) == (1, 1, 0)
    assert first.features == ("s0", "s1", "s2", "s3", "s4")
    assert second.features == ("s3", "s9")
    assert editor.sets("settlements", before=second.set_no) == [first]


def test_a_posts_areas_go_in_the_same_set_and_move_their_own_layer(editor: Editor) -> None:
    editor.create("posts", "p", point())
    for name in ("a", "b"):
        editor.create("post_areas", name, square(), post="p")
    editor.delete("posts", "p")
    gone = {editor.changes(*key)[0].set_no for key in (("posts", "p"), ("post_areas", "a"))}
    assert len(gone) == 1
    (newest, *_) = editor.sets("post_areas")
    assert (newest.set_no, newest.deleted, newest.features) == (gone.pop(), 2, ("a", "b"))
    assert editor.version("posts", "post_areas") == "post_areas.3-posts.2"


def test_what_somebody_does_at_psql_is_kept_too(editor: Editor) -> None:
    editor.sql(f"INSERT INTO posts (id, geom) VALUES ('p', {POINT}), ('q', {POINT})")
    # Whatever the session's zone and digits are, an image is what GET gave.
    editor.create("cameras", "c", point(), bearing_deg=0.1, last_heartbeat="2026-03-01T00:00:00Z")
    with editor.engine.begin() as connection:
        connection.execute(text("SET LOCAL timezone = 'Asia/Shanghai'"))
        connection.execute(text("SET LOCAL extra_float_digits = 0"))
        connection.execute(text("UPDATE cameras SET bearing_deg = 90, last_heartbeat = NULL"))
    image = editor.changes("cameras", "c")[0].before
    assert image is not None
    assert image["properties"]["bearing_deg"] == 0.1
    assert image["properties"]["last_heartbeat"] == "2026-03-01T00:00:00Z"
    editor.sql("TRUNCATE posts CASCADE")
    assert editor.told("posts", "p") == ["edit created", "edit deleted"]
    assert editor.changes("posts", "p")[0].made_by is None
    assert editor.version("posts") == "posts.2"
    editor.undo("posts")
    assert list(editor.state("posts")) == [("posts", "p"), ("posts", "q")]


def test_several_changes_of_a_feature_in_one_transaction_are_told_as_one(editor: Editor) -> None:
    editor.create("posts", "p", point(), name="0")
    with acting(editor.engine, TOKEN, "patrolgrid_write") as connection:
        for name in ("1", "2", "3"):
            connection.execute(text("UPDATE posts SET name = :name"), {"name": name})
        connection.execute(text(f"INSERT INTO posts (id, geom) VALUES ('q', {POINT})"))
        connection.execute(text("DELETE FROM posts WHERE id = 'q'"))
    newest = editor.changes("posts", "p")[0]
    assert newest.before is not None
    assert newest.after is not None
    assert (newest.before["properties"]["name"], newest.after["properties"]["name"]) == ("0", "3")
    assert len(editor.changes("posts", "p")) == 2
    assert [(one.before, one.after) for one in editor.changes("posts", "q")] == [(None, None)]
    editor.undo("posts", "p")
    assert editor.state("posts")["posts", "p"]["properties"]["name"] == "0"


def test_an_id_is_for_ever(editor: Editor) -> None:
    editor.create("posts", "p", point())
    with pytest.raises(DBAPIError, match="an id is for ever"):
        editor.sql("UPDATE posts SET id = 'q'")


def test_what_was_refused_leaves_no_set(editor: Editor) -> None:
    editor.create("grids", "g", square(), level="banner")
    with pytest.raises(BadFeatureError):
        editor.create("grids", "h", square(), parent="nowhere")
    with acting(editor.engine, TOKEN, "patrolgrid_write") as connection:
        with pytest.raises(BadFeatureError):
            places.replace(
                connection, "grids", "g", {"type": "Feature", "geometry": square(),
                "properties": {"level": "banner", "parent": "nowhere"}}, lowest_level="cell",
            )  # fmt: skip
        # The same transaction goes on with something that is right.
        given = {"type": "Feature", "id": "p", "geometry": point(), "properties": {}}
        places.create(connection, "posts", given, lowest_level="cell")
    assert [one.what for one in editor.changes("grids", "g")] == ["created"]
    assert [one.set_no for one in editor.sets("posts")] != [editor.sets("grids")[0].set_no]
    with editor.engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM change_sets")).scalar_one()
    assert kept == 2
    assert editor.version("grids", "posts") == "grids.1-posts.1"


def test_each_load_of_a_transaction_is_a_set_of_its_own(editor: Editor) -> None:
    frame = gpd.GeoDataFrame(index=["x"], geometry=[shapely.Point(105, 40)], crs=4326)
    with acting(editor.engine, SYSTEM, "patrolgrid_write") as connection:
        for layer in ("posts", "settlements"):
            places.put_frame(connection, layer, frame)
    assert editor.sets("posts")[0].set_no != editor.sets("settlements")[0].set_no
    editor.undo("settlements")
    assert list(editor.state("posts", "settlements")) == [("posts", "x")]


def test_history_is_paged_newest_first_and_each_page_knows_what_came_after(
    editor: Editor,
) -> None:
    editor.create("posts", "p", point(), name="0")
    for n in range(1, 6):
        editor.replace("posts", "p", point(), name=str(n))
    whole = editor.changes("posts", "p")
    paged, before = [], None
    while page := editor.changes("posts", "p", limit=2, before=before):
        paged += page
        before = page[-1].set_no
    assert paged == whole
    names = [(one.after or {})["properties"]["name"] for one in whole]
    assert names == ["5", "4", "3", "2", "1", "0"]


def test_what_never_was_has_no_history(editor: Editor) -> None:
    with pytest.raises(NoSuchFeatureError, match="there is and was no feature 'p'"):
        editor.changes("posts", "p")
    with pytest.raises(NoSuchFeatureError):
        editor.changes("posts", "\0")
    with pytest.raises(NoSuchLayerError):
        editor.changes("swamps", "p")
    with pytest.raises(NoSuchLayerError):
        editor.sets("swamps")
    assert editor.sets("posts") == []


@pytest.mark.parametrize("feature_id", ["undo", "history", "a/undo", "a/b/history"])
def test_an_id_that_asks_for_something_else_is_refused(editor: Editor, feature_id: str) -> None:
    with pytest.raises(BadFeatureError, match="has no address: give another"):
        editor.create("posts", feature_id, point())
    editor.create("posts", f"{feature_id}s", point())


# Versions ----------------------------------------------------------------------------------


def test_as_of_is_when_it_was_committed(editor: Editor) -> None:
    with acting(editor.engine, TOKEN, "patrolgrid_write") as connection:
        given = {"type": "Feature", "id": "p", "geometry": point(), "properties": {}}
        places.create(connection, "posts", given, lowest_level="cell", levels=LEVELS)
        time.sleep(0.3)
        late = datetime.now(UTC)
    with acting(editor.engine, TOKEN, "patrolgrid_read") as connection:
        as_of = versions.read(connection, ["posts"]).as_of
    assert as_of is not None
    assert late <= as_of <= late + timedelta(seconds=5)
    assert editor.sets("posts")[0].made_at == as_of


def test_a_change_that_is_rolled_back_moves_nothing(editor: Editor) -> None:
    with acting(editor.engine, TOKEN, "patrolgrid_write") as connection:
        given = {"type": "Feature", "id": "p", "geometry": point(), "properties": {}}
        places.create(connection, "posts", given, lowest_level="cell", levels=LEVELS)
        connection.rollback()
    assert editor.version("posts") == "posts.0"
    assert editor.sets("posts") == []


# Rights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["change_sets", "change_steps", "changes"])
@pytest.mark.parametrize("role", ["patrolgrid_read", "patrolgrid_write"])
def test_nobody_writes_history_by_hand(editor: Editor, table: str, role: str) -> None:
    editor.create("posts", "p", point())
    column = "set_no" if table == "changes" else "step" if table == "change_steps" else "how"
    for statement in (
        f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}", f"TRUNCATE {table}",
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}",
    ):  # fmt: skip
        with (
            pytest.raises(DBAPIError, match="permission denied"),
            acting(editor.engine, SYSTEM, role) as connection,  # type: ignore[arg-type]
        ):
            connection.execute(text(statement))
    with acting(editor.engine, SYSTEM, role) as connection:  # type: ignore[arg-type]
        assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1
