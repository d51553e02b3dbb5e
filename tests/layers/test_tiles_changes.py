"""What the database tells caches: which features changed, where, and of which rights."""

from __future__ import annotations

import pytest
import shapely
from sqlalchemy import Engine, text

from layers import staleness
from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from rows import fill
from tests.layers.tile_words import area, fence, mercator, run, settle


def told(engine: Engine) -> list[tuple[str, list[str] | None, tuple[float, ...] | None]]:
    """Layer, ids and bounds of what was told since this was asked last."""
    with engine.begin() as connection:
        rows = connection.execute(
            text("DELETE FROM cache_changes RETURNING layer, ids, ST_AsBinary(place), made_at")
        ).all()
    rows = sorted(rows, key=lambda row: row[3])
    return [
        (layer, ids and sorted(ids), place and shapely.from_wkb(bytes(place)).bounds)
        for layer, ids, place, _ in rows
    ]


def metres(*bounds: float) -> tuple[float, ...]:
    """Bounds in degrees from 100° E, 40° N as Web Mercator."""
    west, south, east, north = bounds
    return pytest.approx(
        (*mercator(100 + west, 40 + south), *mercator(100 + east, 40 + north)), abs=0.01
    )


MANY = (
    "INSERT INTO settlements (id, geom) SELECT 's' || n, ST_SetSRID(ST_Point(100 + n / 1000.0,"
    " 40), 4326) FROM generate_series(1, :count) n"
)


def test_a_statement_tells_once_which_features_came_went_or_moved(engine: Engine) -> None:
    settle(engine, "a", 0.1, 0.2)
    assert told(engine) == [("settlements", ["a"], metres(0.1, 0.2, 0.1, 0.2))]
    settle(engine, "a", 0.3, 0.1)  # an upsert: nothing came, one moved
    assert told(engine) == [("settlements", ["a"], metres(0.1, 0.1, 0.3, 0.2))]
    run(engine, "UPDATE settlements SET name = 'A' WHERE id = 'a'")
    assert told(engine) == [("settlements", ["a"], metres(0.3, 0.1, 0.3, 0.1))]
    run(engine, "DELETE FROM settlements WHERE id = 'a'")
    assert told(engine) == [("settlements", ["a"], metres(0.3, 0.1, 0.3, 0.1))]


def test_a_statement_that_changes_nothing_tells_nothing(engine: Engine) -> None:
    settle(engine, "a")
    run(engine, MANY, count=600)
    told(engine)
    run(engine, "UPDATE settlements SET name = name WHERE id = 'a'")
    run(engine, "UPDATE settlements SET name = 'x' WHERE id = 'nobody'")
    run(engine, "DELETE FROM settlements WHERE id = 'nobody'")
    run(engine, "INSERT INTO settlements (id, geom) SELECT id, geom FROM settlements WHERE false")
    run(engine, "UPDATE settlements SET name = name")
    assert told(engine) == []
    run(engine, "UPDATE settlements SET name = CASE id WHEN 's7' THEN 'seven' ELSE name END")
    assert told(engine) == [("settlements", ["s7"], metres(0.007, 0, 0.007, 0))]


@pytest.mark.parametrize("count", [500, 501])
def test_up_to_500_features_are_named_and_of_more_only_the_extent_is_told(
    engine: Engine, count: int
) -> None:
    ids = sorted(f"s{n}" for n in range(1, count + 1)) if count <= 500 else None
    whole = metres(0.001, 0, count / 1000, 0)
    run(engine, MANY, count=count)
    assert told(engine) == [("settlements", ids, whole)]
    run(engine, "UPDATE settlements SET geom = ST_Translate(geom, 0, 1)")
    assert told(engine) == [("settlements", ids, metres(0.001, 0, count / 1000, 1))]
    run(engine, "DELETE FROM settlements")
    assert told(engine) == [("settlements", ids, metres(0.001, 1, count / 1000, 1))]


def test_what_goes_with_another_is_told_too(engine: Engine) -> None:
    run(
        engine,
        "INSERT INTO posts (id, geom) VALUES ('p', ST_SetSRID(ST_Point(100, 40), 4326))",
    )
    area(engine, "near p", 0, 0, 1, 1)
    run(engine, "UPDATE post_areas SET post = 'p'")
    told(engine)
    run(engine, "DELETE FROM posts")
    assert sorted(one[:2] for one in told(engine)) == [("post_areas", ["near p"]), ("posts", ["p"])]


@pytest.mark.parametrize(
    ("tables", "layers"),
    [
        ("settlements, roads", ["roads", "settlements"]),
        ("posts CASCADE", ["post_areas", "posts"]),
        ("grids, checkpoints", ["checkpoints", "grids"]),
        ("cameras, border, fences", ["border", "cameras", "fences"]),
        ("breaches CASCADE", ["breaches"]),
    ],
)
def test_a_truncation_tells_that_all_of_a_layer_went_if_there_was_any(
    engine: Engine, database_url: str, tables: str, layers: list[str]
) -> None:
    fill(database_url)
    told(engine)
    for expected in (layers, []):
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {tables}"))
        assert sorted(told(engine)) == [(layer, None, None) for layer in expected]


def test_what_is_rolled_back_is_not_told(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text(MANY), {"count": 2})
        connection.rollback()
    assert told(engine) == []


def test_a_fence_s_edit_names_it_though_its_versions_are_kept_by_a_trigger(engine: Engine) -> None:
    fence(engine, "f", "old", 0, 0, 1, 1)
    assert told(engine) == [("fences", ["f"], metres(0, 0, 1, 1))]
    run(engine, "UPDATE fences SET name = 'new'")
    assert told(engine) == [("fences", ["f"], metres(0, 0, 1, 1))]


def test_a_right_that_ends_is_told_and_one_that_is_used_is_not(engine: Engine) -> None:
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        made = tokens.create(connection, ["read"])
    assert told(engine) == []  # who had no right before has nothing kept
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        connection.execute(text("UPDATE tokens SET last_used_at = now()"))
    assert told(engine) == []
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        tokens.revoke(connection, made.id)
    assert told(engine) == [("tokens", None, None)]


def _prune_after(engine: Engine, minutes: int) -> int:
    """How many rows go when so much time has passed."""
    with engine.begin() as connection:
        passed = {"minutes": f"{minutes} minutes"}
        connection.execute(
            text("UPDATE cache_changes SET made_at = made_at - CAST(:minutes AS interval)"), passed
        )
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return staleness.prune(connection)


def _kept(engine: Engine) -> list[str]:
    """Ids of the features of which something is still told."""
    with engine.connect() as connection:
        rows = "SELECT unnest(ids) FROM cache_changes WHERE layer <> 'snapshots' ORDER BY 1"
        return list(connection.execute(text(rows)).scalars())


def test_what_every_cache_heard_is_pruned_an_hour_after_it_was_seen(engine: Engine) -> None:
    settle(engine, "a")
    assert _prune_after(engine, 0) == 0
    settle(engine, "b")
    assert _prune_after(engine, 50) == 0
    assert _kept(engine) == ["a", "b"]
    assert _prune_after(engine, 12) == 1  # an hour and two minutes after a was seen
    assert _kept(engine) == ["b"]
    assert _prune_after(engine, 50) == 2  # b, and the first moment itself
    assert _kept(engine) == []
    for _ in range(100):
        _prune_after(engine, 1)
    assert len(told(engine)) < 20


def test_what_is_committed_hours_after_it_was_written_is_told_for_an_hour_from_then(
    engine: Engine,
) -> None:
    with engine.connect() as slow:
        slow.execute(
            text("INSERT INTO settlements (id, geom) VALUES ('slow', 'SRID=4326;POINT(100 40)')")
        )
        for _ in range(5):
            _prune_after(engine, 30)
        # As when the transaction began.
        slow.execute(
            text(
                "UPDATE cache_changes SET made_at = made_at - interval '150 minutes'"
                " WHERE 'slow' = ANY(ids)"
            )
        )
        slow.commit()
    for minutes in (6, 29, 29):
        _prune_after(engine, minutes)
        assert _kept(engine) == ["slow"]
    _prune_after(engine, 10)
    assert _kept(engine) == []
