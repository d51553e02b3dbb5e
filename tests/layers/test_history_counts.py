"""How many features a set of changes touched: each once, however many statements it took."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine, text

from layers import places
from layers.db.engine import SYSTEM, acting
from tests.layers.history_words import Editor, feature, point, square


@pytest.fixture
def editor(engine: Engine) -> Editor:
    return Editor(engine=engine)


def counts(editor: Editor, layer: str) -> tuple[int, int, int]:
    newest = editor.sets(layer)[0]
    return newest.created, newest.changed, newest.deleted


def test_neighbours_that_follow_an_edge_and_the_grid_itself_count_once(editor: Editor) -> None:
    editor.create("grids", "a", square(105.0), level="cell")
    editor.create("grids", "b", square(105.1), level="cell")
    wider = square(105.0)
    for corner in (1, 2):
        wider["coordinates"][0][0][corner][0] = 105.15
    wider["coordinates"][0][0].insert(2, [105.13, 40.05])  # so that a gets a vertex back, too
    stored = editor.replace("grids", "a", wider, level="cell")
    assert stored["also_changed"] == ["b"]
    assert counts(editor, "grids") == (0, 2, 0)
    done = editor.undo("grids")
    assert done.layers == {"grids": places.Rows(created=0, changed=2, deleted=0)}
    assert counts(editor, "grids") == (0, 2, 0)


@pytest.mark.parametrize("count", [4, 30])
def test_what_is_changed_twice_and_what_comes_and_goes_counts_by_what_became_of_it(
    editor: Editor, count: int
) -> None:
    editor.load("posts", {f"p{n}": {"geometry": point(), "name": "0"} for n in range(count)})
    with acting(editor.engine, SYSTEM, "patrolgrid_write") as connection:
        for name in ("1", "2"):
            connection.execute(text("UPDATE posts SET name = :name"), {"name": name})
        connection.execute(text("DELETE FROM posts WHERE id = 'p0'"))
        for new in ("new", "brief", "p1"):
            connection.execute(text("DELETE FROM posts WHERE id = :id"), {"id": new})
            places.create(connection, "posts", feature(new, point()), lowest_level="cell")
        connection.execute(text("UPDATE posts SET name = '3' WHERE id = 'new'"))
        connection.execute(text("DELETE FROM posts WHERE id = 'brief'"))
    # p0 went, `new` came, `brief` came and went, p1 went and came back changed.
    assert counts(editor, "posts") == (1, count - 1, 1)
    done = editor.undo("posts")
    assert done.layers == {"posts": places.Rows(created=1, changed=count - 1, deleted=1)}


@pytest.mark.parametrize("seed", range(6))
def test_the_counts_are_those_of_what_was_before_and_after(editor: Editor, seed: int) -> None:
    rng = np.random.default_rng(seed)
    many = (5, 40)[seed % 2]
    editor.load("posts", {f"p{n}": {"geometry": point(), "households": 0} for n in range(many)})
    before = editor.state("posts")
    statements = (
        "DELETE FROM posts WHERE id = ANY(:ids)",
        "UPDATE posts SET name = coalesce(name, '') || 'x' WHERE id = ANY(:ids)",
        "INSERT INTO posts (id, geom) SELECT unnest(CAST(:ids AS text[])),"
        " ST_SetSRID(ST_Point(105, 40), 4326) ON CONFLICT DO NOTHING",
    )
    touched: set[str] = set()
    with acting(editor.engine, SYSTEM, "patrolgrid_write") as connection:
        for _ in range(rng.integers(1, 6)):
            ids = [f"p{n}" for n in rng.integers(0, many + 5, rng.integers(1, many))]
            touched.update(ids)
            connection.execute(text(statements[rng.integers(3)]), {"ids": ids})
    after = editor.state("posts")
    newest = editor.sets("posts")[0]
    came, gone = after.keys() - before.keys(), before.keys() - after.keys()
    assert (newest.created, newest.deleted) == (len(came), len(gone))
    differ = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert len(differ) <= newest.changed <= len(touched)
