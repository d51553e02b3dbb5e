"""Tiles for requests: made once, never older than the request, kept while they hold."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import cramjam
import pytest
from sqlalchemy import Engine, text

from geo.errors import OutOfRangeError
from layers import tiles
from layers.db.engine import SYSTEM, Principal, acting
from layers.errors import DatabaseUnavailableError, NoSuchLayerError
from layers.tiles import Key, Tiles, copies
from layers.tiles.caching import Cut
from layers.tiles.copies import Copy
from tests.layers.tile_words import area, decoded, fence, run, settle, tile_at


def key(*layers: str, z: int = 10, x: float = 0.5, y: float = 0.5, coding: str = "") -> Key:
    z, column, row = tile_at(z, x, y)
    return Key(right="all", layers=layers, z=z, x=column, y=row, coding=coding)


class Halting(Tiles):
    """Tiles of which one may be made to wait after its data was read."""

    def __init__(self, engine: Engine, **more: Any) -> None:
        super().__init__(engine, **more)
        self.halt: threading.Event | None = None
        self.halted = threading.Event()

    def _cut(self, copies: Mapping[str, Copy], wanted: Key) -> Cut:
        halt, self.halt = self.halt, None
        made = super()._cut(copies, wanted)
        if halt is not None:
            self.halted.set()
            assert halt.wait(20)
        return made


def served(
    engine: Engine, scenario: Callable[[Halting], Awaitable[None]], most_bytes: int = 10**7
) -> None:
    """Run a scenario with the tiles of a process."""

    async def whole() -> None:
        made = Halting(engine, most_bytes=most_bytes)
        try:
            await asyncio.wait_for(scenario(made), 30)
        finally:
            await made.close()

    asyncio.run(whole())


def test_twenty_requests_for_a_cold_tile_make_it_once(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)

    async def scenario(made: Halting) -> None:
        wanted = key("settlements")
        answers = await asyncio.gather(*(made.get(SYSTEM, wanted) for _ in range(20)))
        assert made.made == 1
        assert all(one is answers[0] for one in answers)
        assert list(decoded(answers[0].body)["settlements"]) == ["s"]
        assert await made.get(SYSTEM, wanted) is answers[0]
        assert made.made == 1

    served(engine, scenario)


def test_a_request_after_an_edit_gets_no_tile_begun_before_it(engine: Engine) -> None:
    settle(engine, "before", 0.5, 0.5)

    async def scenario(made: Halting) -> None:
        wanted, go_on = key("settlements"), threading.Event()
        made.halt = go_on
        older = asyncio.ensure_future(made.get(SYSTEM, wanted))
        await asyncio.to_thread(made.halted.wait, 20)
        await asyncio.to_thread(settle, engine, "after", 0.52, 0.5)
        newer = await made.get(SYSTEM, wanted)
        assert set(decoded(newer.body)["settlements"]) == {"before", "after"}
        go_on.set()
        assert set(decoded((await older).body)["settlements"]) == {"before"}  # it came before
        kept = await made.get(SYSTEM, wanted)
        assert kept is newer  # what was begun before the edit is not kept
        assert made.made == 2

    served(engine, scenario)


def test_a_tile_that_was_begun_before_an_unheard_edit_is_not_kept(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)

    async def scenario(made: Halting) -> None:
        wanted, go_on = key("settlements"), threading.Event()
        made.halt = go_on
        older = asyncio.ensure_future(made.get(SYSTEM, wanted))
        await asyncio.to_thread(made.halted.wait, 20)
        await asyncio.to_thread(run, engine, "DELETE FROM settlements")
        go_on.set()
        await older
        assert (await made.get(SYSTEM, wanted)).body == b""

    served(engine, scenario)


def test_an_edit_takes_out_the_tiles_it_shows_in_and_leaves_those_far_away(engine: Engine) -> None:
    settle(engine, "here", 0.5, 0.5)
    settle(engine, "there", 5.5, 0.5)

    async def scenario(made: Halting) -> None:
        here, there = key("settlements"), key("settlements", x=5.5)
        first, far = [await made.get(SYSTEM, one) for one in (here, there)]
        await asyncio.to_thread(settle, engine, "here", 0.51, 0.5)
        assert await made.get(SYSTEM, there) is far
        assert made.made == 2
        second = await made.get(SYSTEM, here)
        assert made.made == 3
        assert second.body != first.body
        assert second.etag != first.etag
        await asyncio.to_thread(settle, engine, "here", 5.49, 0.5)  # from one to the other
        assert (await made.get(SYSTEM, here)).body == b""
        moved = decoded((await made.get(SYSTEM, there)).body)["settlements"]
        assert set(moved) == {"here", "there"}

    served(engine, scenario)


def test_a_fence_around_the_whole_tile_shows_its_new_name_at_once(engine: Engine) -> None:
    fence(engine, "f", "old", 0, 0, 1, 1)

    async def scenario(made: Halting) -> None:
        for name in ("old", "new", "newer"):
            await asyncio.to_thread(run, engine, "UPDATE fences SET name = :name", name=name)
            tile = await made.get(SYSTEM, key("fences", z=14))
            assert decoded(tile.body)["fences"]["f"][1]["name"] == name

    served(engine, scenario)


def test_ground_that_no_post_looks_after_follows_the_areas_of_posts(engine: Engine) -> None:
    run(
        engine,
        "INSERT INTO grids (id, level, geom, area_m2) VALUES ('g', 'cell',"
        " ST_Multi(ST_MakeEnvelope(100, 40, 101, 41, 4326)), 9.41e9)",
    )

    async def scenario(made: Halting) -> None:
        async def share() -> float | None:
            body = (await made.get(SYSTEM, key("unattended"))).body
            found = decoded(body).get("unattended", {})
            return found["g"][1]["unattended_share"] if found else None

        assert await share() == pytest.approx(1)
        await asyncio.to_thread(area, engine, "west", 0, 0, 0.5, 1)
        assert await share() == pytest.approx(0.5, abs=0.01)
        await asyncio.to_thread(area, engine, "west", 0, 0, 1, 1)
        assert await share() is None
        await asyncio.to_thread(run, engine, "DELETE FROM post_areas")
        assert await share() == pytest.approx(1)

    served(engine, scenario)


def test_nothing_is_kept_where_nothing_may_be(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)

    async def scenario(made: Halting) -> None:
        one, other = [await made.get(SYSTEM, key("settlements")) for _ in range(2)]
        assert (one.body, one.etag) == (other.body, other.etag)
        assert (made.made, len(made.store)) == (2, 0)

    served(engine, scenario, most_bytes=0)


def test_a_tile_that_cannot_be_made_fails_all_who_wait_and_is_tried_again(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)

    async def scenario(made: Halting) -> None:
        await made.get(SYSTEM, key("settlements", x=5))  # the layer's copy is there
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE settlements RENAME COLUMN name_mn TO lost"))
            connection.execute(text("UPDATE settlements SET lost = 'x'"))
        failed = await asyncio.gather(
            *(made.get(SYSTEM, key("settlements")) for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(one, Exception) for one in failed)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE settlements RENAME COLUMN lost TO name_mn"))
        told = decoded((await made.get(SYSTEM, key("settlements"))).body)["settlements"]
        assert told["s"][1]["name_mn"] == "x"

    served(engine, scenario)


def test_tiles_come_after_the_database_ended_every_connection(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)

    async def scenario(made: Halting) -> None:
        first = await made.get(SYSTEM, key("settlements"))
        with engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        assert await made.get(SYSTEM, key("settlements")) is first
        assert (await made.get(SYSTEM, key("roads"))).body == b""

    served(engine, scenario)


def test_four_codings_at_once_of_a_cold_tile_are_of_one_that_is_made_once(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)
    writer = Principal(name="w", scopes=frozenset({"read", "ingest"}))

    async def scenario(made: Halting) -> None:
        asked = [
            (who, key("settlements", coding=coding))
            for who in (SYSTEM, writer)
            for coding in ("", "gzip", "br", "zstd")
        ]
        answers = await asyncio.gather(*(made.get(who, one) for who, one in asked * 3))
        assert made.made == 1
        plain, packed, *_ = answers
        assert list(decoded(plain.body)["settlements"]) == ["s"]
        assert gzip.decompress(packed.body) == plain.body
        assert len({one.etag for one in answers}) == 4

    served(engine, scenario)


@contextlib.contextmanager
def locked(engine: Engine, layer: str) -> Iterator[None]:
    """A layer that nobody else can read, as while its first load builds its indexes."""
    with engine.connect() as connection:
        connection.execute(text(f"LOCK TABLE {layer} IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()


def test_tiles_of_other_layers_come_while_one_is_locked(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)

    async def scenario(made: Halting) -> None:
        others = [Principal(name=f"p{n}", area=f"a{n}") for n in range(5)]
        with locked(engine, "roads"):
            waiting = [
                asyncio.ensure_future(made.get(who, replace(key("roads", x=x / 2), right=who.sees)))
                for who in (SYSTEM, *others)
                for x in range(6)
            ]
            await asyncio.sleep(0.5)
            tile = await asyncio.wait_for(made.get(SYSTEM, key("settlements")), 2)
            assert list(decoded(tile.body)["settlements"]) == ["s"]
            # An edit meanwhile is no reason to read what is locked once more.
            await asyncio.to_thread(settle, engine, "t", 0.51, 0.5)
            both = asyncio.ensure_future(made.get(SYSTEM, key("settlements", "roads")))
            tile = await asyncio.wait_for(made.get(SYSTEM, key("settlements")), 2)
            assert set(decoded(tile.body)["settlements"]) == {"s", "t"}
            assert not any(one.done() for one in (*waiting, both))
            with engine.connect() as connection:
                stuck = connection.execute(
                    text(
                        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
                        " WHERE datname = current_database() AND NOT granted"
                    )
                )
                assert stuck.scalar_one() == 2
        assert {one.body for one in await asyncio.gather(*waiting)} == {b""}
        assert set(decoded((await both).body)["settlements"]) == {"s", "t"}

    served(engine, scenario)


def test_a_layer_that_stays_locked_is_said_and_read_afterwards(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_WAIT", text("SET LOCAL lock_timeout = '300ms'"))

    async def scenario(made: Halting) -> None:
        with locked(engine, "roads"):
            asked = [made.get(SYSTEM, key("roads", x=x / 2)) for x in range(6)]
            for refused in await asyncio.gather(*asked, return_exceptions=True):
                assert isinstance(refused, DatabaseUnavailableError)
                assert str(refused).startswith("roads: the layer is being loaded")
        assert (await made.get(SYSTEM, key("roads"))).body == b""

    served(engine, scenario)


def test_who_sees_otherwise_is_given_a_tile_that_was_made_for_it(engine: Engine) -> None:
    # An area may be called anything, what stands in other keys too.
    rights = [Principal(name="a", area=area, team=team) for area, team in
              [(None, None), ("None", None), (None, "None"), ("a|b", None), ("a", "b|None"),
               ("a', 'b", None), ("a", "b")]]  # fmt: skip
    assert len({one.sees for one in rights}) == len(rights)

    async def scenario(made: Halting) -> None:
        z, x, y = tile_at(10, 0.5, 0.5)
        await asyncio.gather(
            *(made.get(one, Key(right=one.sees, layers=("roads",), z=z, x=x, y=y))
              for one in rights)
        )  # fmt: skip
        assert (made.made, len(made.store)) == (len(rights), len(rights))

    served(engine, scenario)


def test_each_coding_and_right_has_a_tag_of_its_own_for_the_same_tile(engine: Engine) -> None:
    settle(engine, "s", 0.5, 0.5)
    unpacked: dict[str, Callable[[bytes], bytes]] = {
        "": bytes,
        "gzip": gzip.decompress,
        "br": lambda body: bytes(cramjam.brotli.decompress(body)),
        "zstd": lambda body: bytes(cramjam.zstd.decompress(body)),
    }

    async def scenario(made: Halting) -> None:
        plain = await made.get(SYSTEM, key("settlements"))
        tags = set()
        for coding, unpack in unpacked.items():
            one = await made.get(SYSTEM, key("settlements", coding=coding))
            assert unpack(one.body) == plain.body
            tags.add(one.etag)
        z, x, y = tile_at(10, 0.5, 0.5)
        other = Key(right="north", layers=("settlements",), z=z, x=x, y=y)
        tags.add((await made.get(SYSTEM, other)).etag)
        assert len(tags) == 5
        assert plain.version.data_version.startswith("settlements.")

    served(engine, scenario)


def test_the_coding_that_the_client_weighs_highest_is_taken() -> None:
    asked = {
        "": "", "gzip": "gzip", "gzip, br;q=1.0, zstd": "zstd", "br;q=0.5, gzip;q=0.9": "gzip",
        "*": "zstd", "identity": "", "*;q=0, br;q=0.1": "br", "GZIP;q=0": "", "br; q=0.4": "br",
        "zstd;q=x, gzip": "gzip",
    }  # fmt: skip
    assert {header: tiles.accepted(header) for header in asked} == asked


def test_what_is_no_tile_of_ours_is_refused(engine: Engine) -> None:
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        with pytest.raises(NoSuchLayerError, match="streams"):
            tiles.tile(connection, 0, 0, 0, ["streams"])
        with pytest.raises(OutOfRangeError, match="z is 0 to 22"):
            tiles.tile(connection, 23, 0, 0, ["grids"])
        with pytest.raises(OutOfRangeError):
            tiles.tile(connection, 1, 2, 0, ["grids"])
        assert tiles.tile(connection, 0, 0, 0, tiles.drawn(None)) == b""
        assert tiles.extent(connection, ["grids", "breaches"]) is None
    assert tiles.drawn("grid, breaches,grids,") == ("grids", "breaches")
    assert "unattended" not in tiles.drawn(None)
