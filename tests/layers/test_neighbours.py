"""Moving a shared edge of stored grids."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shapely
from sqlalchemy import Connection, text

from geo.earth import area_m2
from layers import places
from layers.errors import BadFeatureError
from scratch import rolled_back
from tests.layers.grid_words import box, create, grid, replace, shape


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        create(
            made,
            grid("banner", box(0, 0, 3, 2), level="banner"),
            grid("west", box(0, 0, 1, 2), level="sumu", parent="banner"),
            grid("east", box(1, 0, 2, 2), level="sumu", parent="banner", team="T1"),
            grid("w1", box(0, 0, 1, 1), parent="west"),
            grid("e1", box(1, 0, 2, 1), parent="east"),
        )
        yield made


def west(east_edge: float, north_edge: float = 2) -> dict:
    return grid("west", box(0, 0, east_edge, north_edge), level="sumu", parent="banner")


def test_a_shared_edge_moves_for_both_and_for_the_cells_along_it(connection: Connection) -> None:
    stored = replace(connection, west(1.25))
    assert stored["also_changed"] == ["e1", "east", "w1"]
    assert shape(connection, "east").equals(box(1.25, 0, 2, 2))
    assert shape(connection, "e1").equals(box(1.25, 0, 2, 1))
    assert shape(connection, "w1").equals(box(0, 0, 1.25, 1))
    for name in ("west", "east", "e1", "w1"):
        one = places.feature(connection, "grids", name)
        measured = area_m2(shape(connection, name))[0]
        assert one["properties"]["area_m2"] == pytest.approx(measured, rel=1e-12)
    assert places.feature(connection, "grids", "east")["properties"]["team"] == "T1"
    assert places.etag(stored) == places.etag(places.feature(connection, "grids", "west"))


def test_an_edit_that_moves_no_shared_edge_changes_nobody_else(connection: Connection) -> None:
    named = west(1)
    named["properties"]["name"] = "West"
    assert "also_changed" not in replace(connection, named)
    assert "also_changed" not in replace(connection, grid("e1", box(1, 0, 2, 0.5), parent="east"))
    changed = text("SELECT DISTINCT feature FROM changes WHERE what = 'changed' ORDER BY feature")
    assert list(connection.execute(changed).scalars()) == ["e1", "west"]
    assert shape(connection, "w1").equals(box(0, 0, 1, 1))


def test_neighbours_that_are_to_keep_their_ground_refuse_an_overlap_and_leave_a_gap(
    connection: Connection,
) -> None:
    with pytest.raises(BadFeatureError, match=r"'west': .* of it lie on 'east' near 101\."):
        replace(connection, west(1.25), follow=False)
    places.delete(connection, "grids", "w1")
    assert "also_changed" not in replace(connection, west(0.75), follow=False)
    assert shape(connection, "east").equals(box(1, 0, 2, 2))
    [gap] = places.gaps(connection, parent="banner").features
    expected = area_m2(box(0.75, 0, 1, 2))[0] + area_m2(box(2, 0, 3, 2))[0]
    assert gap["properties"]["area_m2"] == pytest.approx(expected)
    assert gap["properties"]["gap_share"] == pytest.approx(1.25 / 3)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (west(1.25, 2.5), r"outside its parent 'banner' near 10\d\.\d+, 42"),
        (west(2), r"'west' takes all of the ground of 'east' near 101\.5"),
        (west(1, 0.5), r"'w1' lies in the ground that 'west' gives up near 100"),
        (grid("banner", box(0, 0, 2, 1.5), level="banner"), "'(west|east)' lies in the ground"),
        (grid("banner", box(0, 0, 3, 2), level="cell"), "which is not above"),
    ],
)
def test_what_neighbours_cannot_follow_is_refused_with_the_place_and_nothing_changes(
    connection: Connection, one: dict, why: str
) -> None:
    before = places.features(connection, "grids").features
    with pytest.raises(BadFeatureError, match=why) as error:
        replace(connection, one)
    assert error.value.features
    assert places.features(connection, "grids").features == before


def test_a_cell_that_reaches_the_edge_follows_it_past_a_corner(connection: Connection) -> None:
    stored = replace(connection, west(0.5, 1.5))
    assert stored["also_changed"] == ["e1", "east", "w1"]
    assert shape(connection, "w1").equals(box(0, 0, 0.5, 1))
    assert shape(connection, "e1").equals(box(0.5, 0, 2, 1))


def test_a_grid_that_gets_another_parent_takes_nothing_along(connection: Connection) -> None:
    create(connection, grid("next", box(3, 0, 5, 2), level="banner"))
    away = grid("east", box(3.5, 0, 4.5, 2), level="sumu", parent="next")
    with pytest.raises(BadFeatureError, match=r"'e1': .* outside its parent 'east'"):
        replace(connection, away)
    places.delete(connection, "grids", "e1")
    assert "also_changed" not in replace(connection, away)
    assert shape(connection, "west").equals(box(0, 0, 1, 2))


def test_a_new_grid_takes_nothing_from_others(connection: Connection) -> None:
    with pytest.raises(BadFeatureError, match=r"'new': .* of it lie on 'east'"):
        create(connection, grid("new", box(1.9, 0, 3, 2), level="sumu", parent="banner"))


def test_a_new_corner_on_the_edge_is_the_same_to_both_in_the_database(
    connection: Connection,
) -> None:
    corners = [(100, 40), (101, 40), (101.1, 41 / 3 + 27), (101, 42), (100, 42)]
    replace(connection, grid("west", shapely.Polygon(corners), level="sumu", parent="banner"))
    mine, theirs = (
        {tuple(c) for c in shapely.get_coordinates(shape(connection, name))}
        for name in ("west", "east")
    )
    assert (101.1, 41 / 3 + 27) in mine & theirs
    assert (100.0 + 1, 40.0) in mine & theirs


def test_a_corner_of_four_moves_for_all_four_and_for_the_cells_along_every_edge(
    connection: Connection,
) -> None:
    create(connection, grid("four", box(0, 10, 4, 14), level="banner"))
    for x in (0, 2):
        for y in (10, 12):
            sumu = f"{x},{y}"
            create(connection, grid(sumu, box(x, y, x + 2, y + 2), level="sumu", parent="four"))
            for dx in (0, 1):
                for dy in (0, 1):
                    cell = box(x + dx, y + dy, x + dx + 1, y + dy + 1)
                    create(connection, grid(f"{sumu}/{dx}{dy}", cell, parent=sumu))
    corners = [(100, 50), (102, 50), (101.9, 52.2), (100, 52)]
    stored = replace(
        connection, grid("0,10", shapely.Polygon(corners), level="sumu", parent="four")
    )
    ends = [c for c in stored["also_changed"] if "/" not in c]
    assert ends == ["0,12", "2,10", "2,12"]
    cells = {c for c in stored["also_changed"] if "/" in c}
    # All but those away from the edges that end at the corner.
    away = {"0,10/00", "2,10/10", "0,12/01", "2,12/11"}
    named = {f"{s}/{d}" for s in ("0,10", *ends) for d in ("00", "01", "10", "11")}
    assert cells == named - away
    moved = shapely.Polygon([(101.9, 52.2), (104, 52), (104, 54), (102, 54)])
    assert shape(connection, "2,12").equals(moved)
    far = shapely.get_coordinates(shape(connection, "2,12/10")).round(9).tolist()
    assert [102.95, 52.1] in far  # half way along the edge between the eastern two
    assert places.gaps(connection, parent="four").features == []
    for sumu in ("0,10", "2,10", "0,12", "2,12"):
        assert places.gaps(connection, parent=sumu).features == []
    refused = [(100, 50), (102, 50), (104.5, 52), (100, 52)]
    with pytest.raises(BadFeatureError, match=r"near 10\d\.\d+, 5\d\.\d+"):
        replace(connection, grid("0,10", shapely.Polygon(refused), level="sumu", parent="four"))


def test_a_corner_of_three_is_one_corner_to_each_in_the_database(connection: Connection) -> None:
    stored = {"a": box(0, 10, 1, 12), "b": box(1, 10, 3, 11), "c": box(1, 11, 3, 12)}
    create(connection, grid("top", box(0, 10, 3, 12), level="banner"))
    create(connection, *(grid(n, s, level="sumu", parent="top") for n, s in stored.items()))

    def put(name: str, *corners: tuple[float, float]) -> dict:
        outline = shapely.Polygon([(100 + x, 40 + y) for x, y in corners])
        return replace(connection, grid(name, outline, level="sumu", parent="top"))

    put("a", (0, 10), (1, 10), (1, 11), (1, 12), (0, 12))  # a corner on a straight edge: no move
    for name, *outline in (
        ("a", (0, 10), (1, 10), (0.8, 11.2), (1, 12), (0, 12)),
        ("b", (1, 10), (3, 10), (3, 11), (1.1, 10.9)),
        ("c", (1.2, 11), (3, 11), (3, 12), (1, 12)),
        ("a", (0, 10), (1, 10), (0.7, 10.6), (1, 12), (0, 12)),
    ):
        corner = {"a": outline[2], "b": outline[-1], "c": outline[0]}[name]
        assert put(name, *outline)["also_changed"] == sorted({*stored} - {name})
        for each, most in (("a", 5), ("b", 4), ("c", 4)):
            corners = shapely.get_coordinates(shape(connection, each))[:-1]
            assert (100 + corner[0], 40 + corner[1]) in map(tuple, corners), (name, each)
            assert len(corners) == most, (name, each)  # nothing is left where it was
        assert places.gaps(connection, parent="top").features == []


def test_whoever_lies_along_an_edge_that_ends_at_a_moved_corner_stays_on_it(
    connection: Connection,
) -> None:
    # Between c and far is a gap; far is away from all of a, but lies on the edge of b.
    stored = {
        "a": box(0, 10, 1, 11), "b": box(1, 10, 3, 11), "c": box(0, 11, 1, 12),
        "far": box(2, 11, 3, 12),
    }  # fmt: skip
    create(connection, grid("top", box(0, 10, 3, 12), level="banner"))
    create(connection, *(grid(n, s, level="sumu", parent="top") for n, s in stored.items()))
    corners = [(100, 50), (101, 50), (100.8, 50.8), (100, 51)]
    done = replace(connection, grid("a", shapely.Polygon(corners), level="sumu", parent="top"))
    assert done["also_changed"] == ["b", "c", "far"]
    b, far = shape(connection, "b"), shape(connection, "far")
    # Half way along the edge it goes half as far as the corner.
    assert [101.9, 50.9] in shapely.get_coordinates(far).round(9).tolist()
    assert shapely.distance(b, shapely.Point(101.9, 50.9)) < 1e-9
    assert shapely.intersection(b, far).area < 1e-12
