"""One set of changes is one step of a layer's version, however many statements it is made of."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import Engine, text

from layers.db.engine import SYSTEM, acting
from tests.layers.history_words import Editor, point, square

INSERT = text("INSERT INTO posts (id, geom) VALUES (:id, ST_SetSRID(ST_MakePoint(105, 40), 4326))")


@pytest.fixture
def editor(engine: Engine) -> Editor:
    return Editor(engine=engine)


def test_an_edit_that_neighbours_follow_is_one_step_and_so_is_its_undo(editor: Editor) -> None:
    for name, lon in (("west", 105.0), ("east", 105.1)):
        editor.create("grids", name, square(lon), level="banner")
    ring = [[105, 40], [105.12, 40], [105.12, 40.1], [105, 40.1], [105, 40]]
    wider = {"type": "MultiPolygon", "coordinates": [[ring]]}
    assert editor.replace("grids", "west", wider, level="banner")["also_changed"] == ["east"]
    assert editor.version("grids") == "grids.3"
    assert {editor.changes("grids", one)[0].data_version for one in ("west", "east")} == {"grids.3"}
    editor.undo("grids", "west")
    assert editor.version("grids") == "grids.4"


def test_all_that_a_transaction_does_moves_each_layer_by_one(editor: Editor) -> None:
    with acting(editor.engine, SYSTEM, "patrolgrid_write") as connection:
        for name in "abc":
            connection.execute(INSERT, {"id": name})
        connection.execute(text("UPDATE posts SET name = 'x'"))
        connection.execute(text("DELETE FROM posts WHERE id = 'a'"))
        connection.execute(text(
            "INSERT INTO settlements (id, geom) SELECT id, geom FROM posts"
        ))  # fmt: skip
        connection.execute(text("UPDATE posts SET name = 'y'"))
    assert editor.version("posts", "settlements") == "posts.1-settlements.1"
    assert [one.data_version for one in editor.sets("posts")] == ["posts.1"]
    with editor.engine.connect() as connection:
        steps = connection.execute(text("SELECT layer, version FROM change_steps ORDER BY step"))
        assert [tuple(one) for one in steps] == [
            *[("posts", 1)] * 5, ("settlements", 1), ("posts", 1),
        ]  # fmt: skip


def test_what_a_savepoint_takes_back_leaves_the_step_to_what_follows(editor: Editor) -> None:
    with acting(editor.engine, SYSTEM, "patrolgrid_write") as connection:
        for name in ("gone", "stays"):
            inner = connection.begin_nested()
            connection.execute(INSERT, {"id": name})
            if name == "gone":
                inner.rollback()
            else:
                inner.commit()
        with connection.begin_nested() as inner:
            connection.execute(text("UPDATE posts SET name = 'x'"))
            inner.rollback()
        connection.execute(text("UPDATE posts SET name = 'y'"))
    assert editor.version("posts") == "posts.1"
    assert editor.told("posts", "stays") == ["edit created"]


def test_writers_at_once_make_a_step_each_in_the_order_of_their_sets(editor: Editor) -> None:
    editor.create("posts", "p", point())
    first, second = threading.Event(), threading.Event()

    def other() -> None:
        first.wait(20)
        with editor.engine.begin() as connection:
            second.set()
            connection.execute(INSERT, {"id": "second"})  # waits for the first one's commit
            connection.execute(text("UPDATE posts SET name = 'z' WHERE id = 'second'"))

    thread = threading.Thread(target=other)
    thread.start()
    with editor.engine.begin() as connection:
        connection.execute(INSERT, {"id": "first"})
        first.set()
        assert second.wait(20)
        # The other moves the version between these statements, if it may.
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        deadline = time.monotonic() + 20
        while not connection.execute(waits).scalar_one():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        connection.execute(text("UPDATE posts SET name = 'y' WHERE id = 'first'"))
    thread.join(20)
    told = [(one.data_version, one.features) for one in editor.sets("posts")]
    assert told == [("posts.3", ("second",)), ("posts.2", ("first",)), ("posts.1", ("p",))]
    assert editor.version("posts") == "posts.3"
