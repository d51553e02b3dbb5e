"""Copies of layers: after any edits a tile cut from the copy is the one read directly."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator

import pytest
import shapely
from sqlalchemy import Engine

from layers import tiles, versions
from layers.db.engine import SYSTEM, acting, conninfo
from layers.tiles.copies import Copies, Copy
from layers.tiles.hearing import Change, Hearing
from layers.tiles.log import Log
from tests.layers.tile_words import area, decoded, fence, run, settle, tile_at

LAYERS = ("settlements", "post_areas", "fences", "unattended")
TILES = [tile_at(6, 0.5, 0.5), tile_at(10, 0.5, 0.5), tile_at(12, 0.05, 0.05)]


class Follower:
    """Copies of a database that hear of its changes."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine = engine
        self.log = Log()
        self.copies = Copies(engine, self.log)
        self._hearing = Hearing(conninfo(url), self.log.add)
        self._loop = asyncio.Runner()

    def copy(self, name: str) -> Copy:
        """A layer's copy as of now."""
        self._loop.run(self._hearing.fresh())
        return self.copies.get(SYSTEM, "all", name)

    def close(self) -> None:
        """Let go of the connection."""
        self._loop.run(self._hearing.close())
        self._loop.close()

    def check(self) -> None:
        """Hold every layer's tiles against those that are read directly."""
        for name in LAYERS:
            copy = self.copy(name)
            with acting(self.engine, SYSTEM, "patrolgrid_read") as connection:
                assert copy.version == versions.read(connection, [name])
                for tile in TILES:
                    direct = tiles.tile(connection, *tile, [name])
                    assert decoded(copy.layer(name, *tile)) == decoded(direct), (name, tile)


@pytest.fixture
def follower(engine: Engine, database_url: str) -> Iterator[Follower]:
    made = Follower(engine, database_url)
    yield made
    made.close()


def grid(engine: Engine) -> None:
    """A grid of which areas of posts take their part."""
    run(
        engine,
        "INSERT INTO grids (id, level, geom, area_m2) VALUES ('g', 'cell',"
        " ST_Multi(ST_MakeEnvelope(100, 40, 101, 41, 4326)), 9.41e9)",
    )


def edit(engine: Engine, chance: random.Random) -> None:
    """Some edit of a few features, one in ten of many."""
    one = f"f{chance.randrange(6)}"
    x, y = chance.random(), chance.random()
    match chance.randrange(10):
        case 0 | 1:
            settle(engine, one, x, y)
        case 2 | 3:
            area(engine, one, x, y, x + chance.random(), y + chance.random())
        case 4:
            run(engine, "DELETE FROM fences WHERE id = :id", id=one)
            fence(engine, one, f"name {x}", x - 1, y - 1, x + 1, y + 1)
        case 5:
            run(engine, "UPDATE fences SET name = :name WHERE id >= :id", id=one, name=str(x))
        case 6:
            run(engine, "DELETE FROM settlements WHERE id = :id", id=one)
            run(engine, "DELETE FROM post_areas WHERE id < :id", id=one)
        case 7:
            run(engine, "UPDATE settlements SET name = '村'", id=one)
        case 8:
            run(
                engine,
                "DELETE FROM settlements WHERE id LIKE 'many%'",
                "INSERT INTO settlements (id, geom) SELECT 'many' || n,"
                " ST_SetSRID(ST_Point(100 + n / 600.0, 40 + :y), 4326)"
                " FROM generate_series(1, 501) n",
                y=y,
            )
        case _:
            run(engine, "UPDATE settlements SET name = :name", name=str(y))


@pytest.mark.parametrize("seed", range(4))
def test_tiles_of_the_copy_are_those_read_directly_after_any_edits(
    follower: Follower, seed: int
) -> None:
    chance = random.Random(seed)
    grid(follower.engine)
    follower.check()
    for _ in range(20):
        for _ in range(chance.randrange(4)):
            edit(follower.engine, chance)
        follower.check()


def test_a_copy_that_heard_of_few_changes_reads_only_these(follower: Follower) -> None:
    for n in range(20):
        settle(follower.engine, f"s{n}", n / 100, 0)
    first = follower.copy("settlements")
    assert follower.copy("settlements") is first
    area(follower.engine, "elsewhere", 0, 0, 1, 1)
    assert follower.copy("settlements") is first  # another layer's change is none of its own
    settle(follower.engine, "s3", 0.5, 0.5)
    run(follower.engine, "DELETE FROM settlements WHERE id = 's4'")
    second = follower.copy("settlements")
    assert second.changed == {"s3", "s4"}
    assert second.blocks[0].rows is first.blocks[0].rows
    assert second.blocks[1].rows.ids == ["s3"]
    whole = shapely.box(-3e7, -3e7, 3e7, 3e7)
    assert [len(block.meeting(whole)) for block in second.blocks] == [18, 1]
    assert len(first.blocks[0].meeting(whole)) == 20  # who holds the older one keeps it


def test_a_load_of_many_and_a_log_that_forgot_are_read_anew(follower: Follower) -> None:
    settle(follower.engine, "s", 0.1, 0.1)
    follower.check()
    run(
        follower.engine,
        "INSERT INTO settlements (id, geom) SELECT 'many' || n,"
        " ST_SetSRID(ST_Point(100 + n / 600.0, 40), 4326) FROM generate_series(1, 501) n",
    )
    assert len(follower.copy("settlements").blocks) == 1
    follower.check()
    follower.log._newest = deque(follower.log._newest, maxlen=3)
    for n in range(5):
        settle(follower.engine, f"s{n}", n / 10, 0.2)
    copy = follower.copy("settlements")
    assert len(copy.blocks) == 1
    assert len(copy.blocks[0].rows.ids) == 1 + 501 + 5
    follower.check()


def test_the_log_says_what_it_remembers_and_that_it_forgot() -> None:
    log = Log()
    assert log.since(0) == []
    changes = [Change(layer="roads", ids=(f"r{n}",), place=None) for n in range(5)]
    log.add(changes[:2])
    log.add(changes[2:])
    assert log.heard == 5
    assert log.since(2) == changes[2:]
    assert log.ids("roads", 3) == {"r3", "r4"}
    assert log.ids("posts", 0) == frozenset()
    assert (log.quiet("roads", 4), log.quiet("roads", 5), log.quiet("posts", 0)) == (
        False, True, True,
    )  # fmt: skip
    log._newest = deque(log._newest, maxlen=2)
    assert log.since(3) == changes[3:]
    assert log.since(2) is None
    assert log.ids("roads", 2) is None
    assert not log.quiet("posts", 2)  # it cannot be said
    log.add([Change(layer="roads", ids=None, place=None)])
    assert log.ids("roads", 5) is None


def test_what_is_computed_cannot_say_which_of_its_features_changed() -> None:
    log = Log()
    log.add([Change(layer="post_areas", ids=("a",), place=None)])
    assert log.ids("unattended", 0) is None
    assert not log.quiet("unattended", 0)
    assert log.ids("post_areas", 0) == {"a"}
