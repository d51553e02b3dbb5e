"""Undo: the last change is taken back, with all that belonged to it, or nothing is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from layers import places
from layers.db.engine import SYSTEM, acting
from layers.errors import (
    CannotUndoError,
    InUseError,
    LayersError,
    NoSuchFeatureError,
    NoSuchLayerError,
    NothingToUndoError,
    StaleFeatureError,
)
from tests.layers.history_words import LEVELS, Editor, line, point, square
from tests.layers.test_history import SHAPES


@pytest.fixture
def editor(engine: Engine) -> Editor:
    return Editor(engine=engine)


# What comes back ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer", [n for n, of in places.LAYERS.items() if n != "fences" and not of.read_only]
)
def test_each_kind_of_change_comes_back_to_the_last_bit(editor: Editor, layer: str) -> None:
    shape, told = SHAPES[layer]
    states = [editor.state(layer)]
    editor.create(layer, "x", shape(), **told, name="Хил", name_zh="边境")
    states.append(editor.state(layer))
    editor.replace(layer, "x", shape(105.05), **told)
    states.append(editor.state(layer))
    editor.delete(layer, "x")
    for state in reversed(states):
        editor.undo(layer, "x")
        assert editor.state(layer) == state
    assert editor.told(layer, "x") == [
        "edit created undone", "edit changed undone", "edit deleted undone",
        "undo created", "undo changed", "undo deleted",
    ]  # fmt: skip
    assert editor.version(layer) == f"{layer}.6"
    with pytest.raises(NothingToUndoError, match="no change that could be undone"):
        editor.undo(layer, "x")
    with pytest.raises(NothingToUndoError):
        editor.undo(layer)


def test_a_new_change_after_an_undo_is_the_next_to_be_undone(editor: Editor) -> None:
    for name in ("1", "2"):
        (editor.replace if name == "2" else editor.create)("posts", "p", point(), name=name)
    editor.undo("posts", "p")
    editor.replace("posts", "p", point(), name="3")
    names = []
    for _ in range(2):
        done = editor.undo("posts", "p")
        names.append([one["properties"]["name"] for one in editor.state("posts").values()])
    assert names == [["1"], []]
    assert done.layers == {"posts": places.Rows(created=0, changed=0, deleted=1)}
    newest = editor.changes("posts", "p")[0]
    assert (newest.set_no, newest.undoes, newest.how) == (done.set_no, done.undoes, "undo")


def test_a_post_comes_back_with_its_areas_whichever_of_them_is_asked_for(editor: Editor) -> None:
    for asked in (("posts", "p"), ("post_areas", "b"), ("post_areas", None), ("posts", None)):
        editor.sql("DELETE FROM posts")
        editor.create("posts", "p", point())
        for name in ("a", "b"):
            editor.create("post_areas", name, square(), post="p")
        before = editor.state("posts", "post_areas")
        editor.delete("posts", "p")
        done = editor.undo(*asked)
        assert editor.state("posts", "post_areas") == before, asked
        assert {name: rows.created for name, rows in done.layers.items()} == {
            "posts": 1, "post_areas": 2,
        }  # fmt: skip


def test_neighbours_that_moved_in_one_transaction_move_back_in_one(editor: Editor) -> None:
    editor.create("grids", "w", square(105.0), name="w")
    editor.create("grids", "e", square(105.1), name="e")
    before = editor.state("grids")
    editor.sql("UPDATE grids SET geom = ST_Translate(geom, 0.01, 0)")
    editor.undo("grids", "w")
    assert editor.state("grids") == before


def test_of_a_load_one_feature_is_undone_or_all_that_is_left(editor: Editor) -> None:
    rows = {name: {"geometry": point(), "name": "1"} for name in "abc"}
    editor.load("settlements", rows)
    second = {name: {"geometry": point(106), "name": "2"} for name in "abcd"}
    first = editor.state("settlements")
    editor.load("settlements", second)
    editor.undo("settlements", "b")
    editor.undo("settlements", "d")
    names = {key[1]: one["properties"]["name"] for key, one in editor.state("settlements").items()}
    assert names == {"a": "2", "b": "1", "c": "2"}
    (load,) = [one for one in editor.sets("settlements") if one.changed == 3]
    assert not load.undone
    assert editor.told("settlements", "b") == [
        "load created", "load changed undone", "undo changed",
    ]  # fmt: skip
    editor.replace("settlements", "b", point(), name="3")
    editor.undo("settlements")  # the edit
    done = editor.undo("settlements")  # the rest of the load
    assert done.layers["settlements"].changed == 2
    assert editor.state("settlements") == first
    editor.undo("settlements")
    assert editor.state("settlements") == {}
    with pytest.raises(NothingToUndoError):
        editor.undo("settlements")
    assert all(one.undone or one.how == "undo" for one in editor.changes("settlements", "b"))


def test_the_part_of_a_load_that_was_undone_alone_may_have_changed_since(editor: Editor) -> None:
    editor.load("settlements", {name: {"geometry": point(), "name": "1"} for name in "ab"})
    editor.undo("settlements", "b")
    editor.create("settlements", "b", point(), name="mine")
    editor.create("posts", "p", point())
    editor.undo("settlements")
    editor.undo("settlements")
    assert editor.state("settlements", "posts").keys() == {("posts", "p")}


def test_a_load_of_many_rows_is_undone_as_a_whole(editor: Editor) -> None:
    cells = {
        f"c{n}": {"geometry": square(100 + n * 0.1), "level": "cell", "name": str(n)}
        for n in range(500)
    }
    editor.load("grids", cells)
    loaded = editor.state("grids")
    editor.load("grids", {k: {**v, "name": "x"} for k, v in cells.items()})
    assert editor.undo("grids").layers["grids"].changed == 500
    assert editor.state("grids") == loaded
    assert editor.undo("grids").layers["grids"].deleted == 500
    assert editor.state("grids") == {}


# Fences ------------------------------------------------------------------------------------


def versions_of(editor: Editor) -> list[tuple[int, float, bool]]:
    """Number, margin and whether it still holds, of the versions that ever held."""
    with editor.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT version, margin_m, valid_to IS NULL FROM fence_versions"
                " WHERE (valid_from < valid_to) IS NOT FALSE ORDER BY version"
            )
        )
        return [tuple(row) for row in rows]


def test_a_fence_that_is_put_back_gets_a_version_that_holds_from_now(editor: Editor) -> None:
    editor.create("fences", "f", square(), rule="keep_out", margin_m=10, dwell_s=5)
    editor.replace("fences", "f", square(106), rule="keep_out", margin_m=20)
    editor.undo("fences", "f")
    (now,) = editor.state("fences").values()
    assert (now["properties"]["version"], now["properties"]["margin_m"]) == (3, 10)
    assert now["geometry"] == square()
    assert versions_of(editor) == [(1, 10, False), (2, 20, False), (3, 10, True)]
    editor.delete("fences", "f")
    editor.undo("fences", "f")
    assert versions_of(editor)[2:] == [(3, 10, False), (4, 10, True)]
    editor.undo("fences", "f")  # that it was made
    assert editor.state("fences") == {}
    assert [held for _, _, held in versions_of(editor)] == [False] * 4


def test_an_edit_that_was_to_hold_from_tomorrow_is_undone_before_it_does(editor: Editor) -> None:
    tomorrow, later = (datetime.now(UTC) + timedelta(days=n) for n in (1, 2))
    editor.create("fences", "f", square(), rule="keep_out", margin_m=1)
    for moment, margin in ((later, 2), (tomorrow, 3)):
        editor.replace(
            "fences", "f", square(), rule="keep_out", margin_m=margin,
            valid_from=moment.isoformat(),
        )  # fmt: skip
    assert versions_of(editor) == [(1, 1, False), (3, 3, True)]
    editor.undo("fences", "f")
    assert versions_of(editor) == [(1, 1, False), (4, 2, True)]
    (shown,) = editor.state("fences").values()
    assert datetime.fromisoformat(shown["properties"]["valid_from"]) == later
    editor.undo("fences", "f")
    # From then on as it is now: nothing changes the day after tomorrow.
    assert versions_of(editor) == [(1, 1, False), (5, 1, True)]


def test_an_edit_of_nothing_but_its_beginning_is_undone_once(editor: Editor) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    editor.create("fences", "f", square(), rule="keep_out", margin_m=1)
    editor.replace("fences", "f", square(), rule="keep_out", margin_m=1, valid_from=tomorrow)
    assert editor.undo("fences", "f").layers == {}  # it says the same from tomorrow as now
    editor.undo("fences", "f")
    assert editor.state("fences") == {}


# What stands against it --------------------------------------------------------------------


def refused(editor: Editor, kind: type[LayersError], words: str, *asked: str) -> None:
    """That an undo is refused, and changes nothing."""
    layers = ("grids", "posts", "post_areas")
    before = editor.state(*layers), editor.version(*layers), editor.sets(asked[0])
    with pytest.raises(kind, match=words):
        editor.undo(*asked)
    assert (editor.state(*layers), editor.version(*layers), editor.sets(asked[0])) == before


def test_a_later_change_of_another_feature_of_the_set_stands_against_it(editor: Editor) -> None:
    editor.create("posts", "p", point())
    editor.create("post_areas", "a", square(), post="p")
    editor.delete("posts", "p")
    editor.create("post_areas", "a", square())
    later = editor.sets("post_areas")[0].set_no
    words = rf"post_areas 'a', which was changed again later \(set {later}\): undo that first"
    refused(editor, CannotUndoError, words, "posts", "p")
    refused(editor, CannotUndoError, words, "posts")
    editor.undo("post_areas", "a")
    editor.undo("posts", "p")
    assert len(editor.state("posts", "post_areas")) == 2


def test_what_was_made_stays_while_others_refer_to_it(editor: Editor) -> None:
    editor.create("grids", "b", square(), level="banner")
    editor.create("grids", "c", square(), parent="b")
    refused(editor, InUseError, "delete grids 'b', which is the parent of grids 'c'", "grids", "b")
    editor.undo("grids")
    editor.undo("grids", "b")
    assert editor.state("grids") == {}
    editor.create("posts", "p", point())
    editor.create("post_areas", "a", square(), post="p")
    refused(editor, InUseError, "posts 'p', which is the post of post_areas 'a'", "posts", "p")
    refused(editor, InUseError, "posts 'p', which is the post of post_areas 'a'", "posts")


def test_what_was_deleted_stays_so_while_its_parent_is(editor: Editor) -> None:
    editor.create("grids", "b", square(), level="banner")
    editor.create("grids", "c", square(), parent="b")
    editor.delete("grids", "c")
    editor.delete("grids", "b")
    refused(editor, CannotUndoError, "its parent 'b' does not exist", "grids", "c")
    editor.undo("grids", "b")
    editor.undo("grids", "c")
    assert len(editor.state("grids")) == 2


def test_a_level_that_no_longer_stands_above_is_not_put_back(editor: Editor) -> None:
    editor.create("grids", "b", square(), level="cell")
    editor.replace("grids", "b", square(), level="banner")
    editor.create("grids", "c", square(), level="sumu", parent="b")
    refused(editor, CannotUndoError, "which is not above 'sumu'", "grids", "b")


def test_what_a_constraint_would_not_take_is_refused_in_one_line(editor: Editor) -> None:
    editor.create("posts", "p", point(), team="x")
    editor.replace("posts", "p", point(), team="y")
    editor.sql("ALTER TABLE posts ADD CONSTRAINT no_x CHECK (team <> 'x')")
    refused(editor, CannotUndoError, r"the database refuses it \(no_x\)$", "posts", "p")


def test_what_never_was_is_not_undone(editor: Editor) -> None:
    for feature_id in ("p", "\0", ""):
        with pytest.raises(NoSuchFeatureError, match="there is and was no feature"):
            editor.undo("posts", feature_id)
    with pytest.raises(NoSuchLayerError):
        editor.undo("swamps")
    with pytest.raises(NothingToUndoError):
        editor.undo("posts")


def test_what_was_there_before_there_was_a_history_stays(editor: Editor) -> None:
    editor.sql("ALTER TABLE roads DISABLE TRIGGER USER")
    editor.sql("INSERT INTO roads (id, geom) VALUES ('r', 'SRID=4326;LINESTRING(105 40, 106 40)')")
    editor.sql("ALTER TABLE roads ENABLE TRIGGER USER")
    assert editor.changes("roads", "r") == []
    with pytest.raises(NothingToUndoError):
        editor.undo("roads", "r")
    before = editor.state("roads")
    editor.replace("roads", "r", line(), **{"class": "track"})
    editor.undo("roads", "r")
    assert editor.state("roads") == before


def test_an_etag_that_is_no_longer_true_stands_against_it(editor: Editor) -> None:
    made = editor.create("posts", "p", point(), name="1")
    changed = editor.replace("posts", "p", point(), name="2")
    for tags in ({places.etag(made)}, {f"W/{places.etag(changed)}"}, set()):
        with pytest.raises(StaleFeatureError):
            editor.undo("posts", "p", tags=frozenset(tags))
    editor.undo("posts", "p", tags=frozenset({'"x"', places.etag(changed)}))
    editor.delete("posts", "p")
    with pytest.raises(StaleFeatureError):
        editor.undo("posts", "p", tags=frozenset({"*"}))
    editor.undo("posts", "p")
    editor.undo("posts", "p", tags=frozenset({"*"}))
    assert editor.state("posts") == {}


# Two at once -------------------------------------------------------------------------------


def meanwhile(editor: Editor, first: Callable[..., object], second: Callable[[], object]) -> object:
    """Let ``first`` change something and commit only when ``second`` waits for it; what that came
    to, an error included."""
    came: list[object] = []

    def run() -> None:
        try:
            came.append(second())
        except LayersError as error:
            came.append(error)

    thread = threading.Thread(target=run)
    with acting(editor.engine, SYSTEM, "patrolgrid_write") as connection:
        first(connection)
        thread.start()
        deadline = time.monotonic() + 20
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        while not connection.execute(waiting).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    thread.join(timeout=20)
    return came[0]


@pytest.fixture
def twice_changed(editor: Editor) -> Editor:
    editor.create("posts", "p", point(), name="1")
    editor.replace("posts", "p", point(), name="2")
    return editor


@pytest.mark.parametrize("asked", [("posts", "p"), ("posts",)])
def test_of_two_who_undo_the_same_at_once_one_does(
    twice_changed: Editor, asked: tuple[str, ...]
) -> None:
    came = meanwhile(
        twice_changed,
        lambda connection: places.undo_feature(connection, "posts", "p", levels=LEVELS),
        lambda: twice_changed.undo(*asked),
    )
    assert isinstance(came, CannotUndoError)
    assert "changed meanwhile" in str(came)
    (left,) = twice_changed.state("posts").values()
    assert left["properties"]["name"] == "1"
    assert len(twice_changed.sets("posts")) == 3


def test_an_undo_that_meets_an_edit_does_not_undo_that(twice_changed: Editor) -> None:
    given = {"type": "Feature", "geometry": point(), "properties": {"name": "3"}}
    came = meanwhile(
        twice_changed,
        lambda c: places.replace(c, "posts", "p", given, lowest_level="cell"),
        lambda: twice_changed.undo("posts", "p"),
    )
    assert isinstance(came, CannotUndoError)
    (left,) = twice_changed.state("posts").values()
    assert left["properties"]["name"] == "3"


def test_writers_of_a_post_and_of_its_areas_never_hold_each_other_up(editor: Editor) -> None:
    def work(number: int) -> None:
        for turn in range(8):
            try:
                name = f"{number}-{turn}"
                editor.create("posts", name, point())
                editor.create("post_areas", name, square(), post=name)
                editor.delete("posts", name)
                editor.undo("post_areas")
                editor.undo("posts", name)
            except LayersError:  # another was first: that is told, and a deadlock would not be
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    complaints: list[object] = []
    hook, threading.excepthook = threading.excepthook, complaints.append
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    finally:
        threading.excepthook = hook
    assert complaints == []
