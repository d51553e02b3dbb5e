"""Which grids hold a point, and what their children leave out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from geo import grids as geo_grids
from geo.earth import area_m2
from layers import frames, places
from layers.errors import BadQueryError, NoSuchFeatureError
from layers.places.chain import CHAIN
from scratch import rolled_back
from tests.layers.grid_words import LEVELS, box, create, grid


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def lattice(connection: Connection, n: int) -> None:
    """A banner of n x n cells, stored by one statement."""
    create(connection, grid("top", box(0, 0, 5, 5), level="banner"))
    connection.execute(
        text(
            "INSERT INTO grids (id, level, parent, area_m2, geom)"
            " SELECT 'c' || x || '-' || y, 'cell', 'top', 1, ST_Multi(ST_MakeEnvelope("
            " 100 + 5.0 * x / :n, 40 + 5.0 * y / :n, 100 + 5.0 * (x + 1) / :n,"
            " 40 + 5.0 * (y + 1) / :n, 4326))"
            " FROM generate_series(0, :n - 1) x, generate_series(0, :n - 1) y"
        ),
        {"n": n},
    )


def ids(connection: Connection, lon: float, lat: float) -> list[str]:
    return [one["id"] for one in places.chain(connection, lon, lat, levels=LEVELS)]


def family(connection: Connection) -> None:
    create(
        connection,
        grid("banner", box(0, 0, 4, 4), level="banner", team="T1"),
        grid("b", box(0, 0, 2, 4), level="sumu", parent="banner"),
        grid("B", box(2, 0, 4, 2), level="sumu", parent="banner"),
        grid("é", box(0, 0, 1, 1), level="community", parent="b"),
        grid("z", box(1, 0, 2, 1), level="gacha", parent="b"),
        grid("0", box(1, 1, 3, 3)),  # a cell whose parent nobody told
    )


def test_a_chain_goes_from_the_top_to_the_lowest_with_what_each_grid_is(
    connection: Connection,
) -> None:
    family(connection)
    chain = places.chain(connection, 100.5, 40.5, levels=LEVELS)
    assert [one["id"] for one in chain] == ["banner", "b", "é"]
    assert chain[0] == places.feature(connection, "grids", "banner")
    assert ids(connection, 103.5, 43.5) == ["banner"]
    assert ids(connection, 100.5, 41.5) == ["banner", "b"]
    assert ids(connection, 99, 41) == []


def test_on_a_shared_edge_the_lower_id_has_the_point_by_its_bytes(connection: Connection) -> None:
    family(connection)
    assert ids(connection, 102, 40.5) == ["banner", "B"]
    assert ids(connection, 101, 40.5) == ["banner", "b", "z"]


def test_a_grid_whose_parent_nobody_told_is_in_the_chain_of_what_it_lies_in(
    connection: Connection,
) -> None:
    family(connection)
    assert ids(connection, 101.5, 41.5) == ["banner", "b", "0"]
    assert ids(connection, 102.5, 42.5) == ["banner", "0"]
    create(
        connection,
        grid("other", box(4, 0, 6, 4), level="banner"),
        grid("g", box(3, 1, 4, 2), level="gacha"),
        grid("g1", box(3, 1, 3.5, 2), parent="g"),
    )
    # What is below it is, too; on an edge of two cells the lower id has the point.
    assert ids(connection, 103.2, 41.5) == ["banner", "B", "g", "g1"]
    assert ids(connection, 103, 41.5) == ["banner", "B", "g", "0"]
    # On the edge of the banners the lower id stays, and what lies there by itself.
    assert ids(connection, 104, 41.5) == ["banner", "B", "g"]
    assert ids(connection, 104, 42.5) == ["banner"]


@pytest.mark.parametrize(("lon", "lat"), [(181, 0), (0, 91), (float("nan"), 0)])
def test_what_is_no_place_is_refused(connection: Connection, lon: float, lat: float) -> None:
    with pytest.raises(BadQueryError, match="lon, lat"):
        places.chain(connection, lon, lat)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lon=st.integers(-1, 9).map(lambda n: 100 + n / 2),
    lat=st.integers(-1, 9).map(lambda n: 40 + n / 2),
)
def test_the_chain_is_that_of_the_frame(connection: Connection, lon: float, lat: float) -> None:
    if not places.summary(connection)["grids"].count:
        family(connection)
    frame = frames.places(connection, "grids")
    assert ids(connection, lon, lat) == geo_grids.chain(frame, lon, lat, levels=LEVELS)


def test_one_look_into_the_index_finds_the_chain_among_five_thousand(
    connection: Connection,
) -> None:
    lattice(connection, 71)
    given = {"lon": 102.52, "lat": 42.52}
    plan = connection.execute(text(f"EXPLAIN (FORMAT JSON) {CHAIN}"), given).scalar_one()
    scans: list[tuple[str, str]] = []

    def walk(node: dict) -> None:
        if node.get("Relation Name"):
            scans.append((node["Node Type"], node["Relation Name"]))
        for below in node.get("Plans", []):
            walk(below)

    walk(plan[0]["Plan"])
    assert len(scans) == 1, json.dumps(plan)
    assert scans[0][0] in {"Index Scan", "Bitmap Heap Scan"}
    assert ids(connection, 102.52, 42.52) == ["top", "c35-35"]


def test_gaps_are_what_children_leave_out_page_by_page(connection: Connection) -> None:
    family(connection)
    create(connection, grid("c", box(0, 0, 1, 1), parent="é"))
    found = {one["id"]: one for one in places.gaps(connection).features}
    assert list(found) == ["b", "banner"]  # the children of é fill it
    left = shapely.geometry.shape(found["banner"]["geometry"])
    assert left.equals(box(2, 2, 4, 4))
    told = found["banner"]["properties"]
    assert told["area_m2"] == pytest.approx(area_m2(left)[0])
    assert told["gap_share"] == pytest.approx(area_m2(left)[0] / area_m2(box(0, 0, 4, 4))[0])
    assert [one["id"] for one in places.gaps(connection, parent="b").features] == ["b"]
    assert places.gaps(connection, parent="c").features == []
    first = places.gaps(connection, limit=1)
    second = places.gaps(connection, limit=1, after=first.next)
    assert [one["id"] for one in first.features + second.features] == ["b", "banner"]
    with pytest.raises(NoSuchFeatureError):
        places.gaps(connection, parent="nowhere")
    with pytest.raises(BadQueryError):
        places.gaps(connection, limit=0)


def test_hairline_gaps_between_children_are_none(connection: Connection) -> None:
    create(
        connection,
        grid("p", box(0, 0, 2, 1), level="sumu"),
        grid("a", box(0, 0, 1 - 4e-6, 1), parent="p"),
        grid("b", box(1, 0, 2, 1), parent="p"),
    )
    assert places.gaps(connection).features == []
