"""Time, metres, stays and gaps by cell: answers worked out by hand."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from geo import coverage
from geo.coverage import Coverage
from geo.earth import geodesic_m, interpolate, length_m
from geo.errors import (
    MissingColumnError,
    NaiveTimeError,
    NoCrsError,
    OutOfRangeError,
    WrongGeometryError,
)
from tests.geo.coverage_words import (
    GAP,
    START,
    STEP_DEG,
    at,
    block,
    cells,
    lonlat,
    path,
    ring,
    together,
    turn,
)

PAIR = cells(a=block(0, 0, 4, 4), b=block(4, 0, 8, 4))


def of(cells_: gpd.GeoDataFrame, legs: pd.DataFrame, **more: object) -> Coverage:
    return coverage.coverage(cells_, legs, swath_m=100.0, **more)  # type: ignore[arg-type]


def seconds(cells_: gpd.GeoDataFrame, legs: pd.DataFrame) -> dict[str, float]:
    return of(cells_, legs).by_cell["patrol_s"].round(3).to_dict()


def adds_up(answer: Coverage, legs: pd.DataFrame) -> bool:
    """To the last microsecond and micrometre, in which each leg is counted."""
    totals, by_cell = answer.totals, answer.by_cell
    in_legs = legs[legs["is_leg"]]
    time_s = by_cell["patrol_s"].sum() + totals["outside_s"]
    way_m = by_cell["patrol_m"].sum() + totals["outside_m"]
    all_s = time_s + by_cell["unknown_s"].sum() + totals["unknown_s"]
    whole = (
        (time_s, in_legs["duration_s"].sum()), (way_m, in_legs["length_m"].round(6).sum()),
        (all_s, legs["duration_s"].sum()), (totals["tracks_s"], legs["duration_s"].sum()),
    )  # fmt: skip
    return all(round(got * 1e6) == round(want * 1e6) for got, want in whole)


def test_a_leg_through_two_cells_is_split_where_it_passes_the_edge():
    legs = path((1, 2), (5, 2))
    answer = of(PAIR, legs)
    a, b = answer.by_cell.loc["a"], answer.by_cell.loc["b"]
    assert (a["patrol_s"], b["patrol_s"]) == pytest.approx((450, 150), abs=1e-3)
    way_m = legs["length_m"].sum()
    assert (a["patrol_m"], b["patrol_m"]) == pytest.approx((way_m * 3 / 4, way_m / 4), abs=1e-3)
    assert a["first_visit"] == at(0)
    assert b["last_visit"] == at(10)
    assert abs(a["last_visit"] - at(7.5)) < pd.Timedelta("1ms")
    assert a["last_visit"] == b["first_visit"]
    assert answer.totals["units"] == answer.totals["patrols"] == 1
    assert adds_up(answer, legs)


def test_a_triangle_whose_bounding_box_alone_is_crossed_gets_nothing():
    triangle = cells(t=ring((0, 0), (8, 0), (0, 8)))
    answer = of(triangle, path((5, 7), (7, 5)))
    assert answer.by_cell.loc["t", ["patrol_s", "patrol_m", "visits", "units"]].tolist() == [0] * 4
    assert answer.totals["outside_s"] == 600
    assert pd.isna(answer.by_cell.loc["t", "first_visit"])


def test_a_unit_that_stands_still_counts_where_it_stands():
    row = of(PAIR, path((1, 1), (1, 1), (1, 1))).by_cell.loc["a"]
    assert (row["patrol_s"], row["patrol_m"], row["visits"]) == (1200, 0, 1)
    disc_m2, cell_m2 = np.pi * 50**2, 4 * 80.7 * 4 * 108.5
    assert row["visited_share"] == pytest.approx(disc_m2 / cell_m2, rel=0.01)


def test_a_leg_across_both_arms_of_a_u_counts_in_both():
    u = cells(u=ring((0, 0), (6, 0), (6, 6), (4, 6), (4, 2), (2, 2), (2, 6), (0, 6)))
    answer = of(u, path((-1, 4), (7, 4)))
    assert answer.by_cell.loc["u", "patrol_s"] == pytest.approx(300, abs=1e-3)
    assert answer.by_cell.loc["u", "visits"] == 2
    assert answer.totals["outside_s"] == pytest.approx(300, abs=1e-3)


def test_coming_back_is_a_second_visit():
    row = of(PAIR, path((1, 2), (5, 2), (1, 2))).by_cell
    assert row["visits"].to_dict() == {"a": 2, "b": 1}
    assert row["patrol_s"].round(3).to_dict() == {"a": 900, "b": 300}


def test_touching_an_edge_from_inside_is_no_visit_next_door():
    assert of(PAIR, path((5, 2), (4, 2), (5, 3))).by_cell["visits"].to_dict() == {"a": 0, "b": 1}
    assert of(PAIR, path((3, 2), (4, 2), (3, 3))).by_cell["visits"].to_dict() == {"a": 1, "b": 0}


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_a_leg_along_a_shared_edge_is_the_lower_ids(names):
    one, two = names
    both = cells(**{one: block(0, 0, 4, 4), two: block(4, 0, 8, 4)})
    assert seconds(both, path((4, 1), (4, 3))) == {"a": 600, "b": 0}
    stacked = cells(**{one: block(0, 0, 4, 4), two: block(0, 4, 4, 8)})
    assert seconds(stacked, path((1, 4), (3, 4))) == {"a": 600, "b": 0}
    assert seconds(both, path((4, 2), (4, 2))) == {"a": 600, "b": 0}


def test_ids_are_compared_as_text():
    both = cells(**{"10": block(0, 0, 4, 4), "9": block(4, 0, 8, 4)})
    assert seconds(both, path((4, 1), (4, 3))) == {"10": 600, "9": 0}


def test_a_leg_that_runs_into_an_edge_of_one_cell_only_changes_hands_there():
    tee = cells(a=block(0, 2, 4, 4), b=block(4, 0, 8, 4))
    assert seconds(tee, path((4, 0), (4, 4))) == {"a": 300, "b": 300}


def test_where_cells_overlap_each_instant_is_the_lower_ids():
    over = cells(a=block(2, 0, 6, 4), b=block(0, 0, 8, 4))
    legs = path((0, 2), (8, 2))
    assert seconds(over, legs) == {"a": 300, "b": 300}
    assert of(over, legs).by_cell["visits"].to_dict() == {"a": 1, "b": 2}


def test_a_hole_is_not_the_cells():
    ringed = cells(
        a=ring((0, 0), (6, 0), (6, 6), (0, 6), holes=(((2, 2), (4, 2), (4, 4), (2, 4)),))
    )
    answer = of(ringed, path((0, 3), (6, 3)))
    assert answer.by_cell.loc["a", "patrol_s"] == pytest.approx(400, abs=1e-3)
    assert answer.by_cell.loc["a", "visits"] == 2


def test_all_parts_of_a_multipolygon_are_one_cell():
    two = cells(a=shapely.MultiPolygon([block(0, 0, 2, 4), block(4, 0, 6, 4)]))
    answer = of(two, path((0, 2), (6, 2)))
    assert answer.by_cell.loc["a", "patrol_s"] == pytest.approx(400, abs=1e-3)


def test_a_gap_inside_one_cell_is_its_unknown_time_and_does_not_end_the_stay():
    legs = path((1, 1), (1, 2), GAP, (3, 2), (3, 3))
    answer = of(PAIR, legs)
    row = answer.by_cell.loc["a"]
    assert (row["unknown_s"], row["patrol_s"], row["visits"]) == (600, 1200, 1)
    assert answer.totals["unknown_s"] == 0
    assert adds_up(answer, legs)


def test_a_gap_between_two_cells_is_nobodys():
    legs = path((1, 1), (1, 2), GAP, (5, 2), (1, 2), GAP, (1, 3), GAP, (9, 9), GAP, (1, 3), (1, 2))
    answer = of(PAIR, legs)
    assert answer.by_cell["unknown_s"].to_dict() == {"a": 600, "b": 0}
    assert answer.totals["unknown_s"] == 1800
    assert answer.by_cell["visits"].to_dict() == {"a": 3, "b": 1}
    assert adds_up(answer, legs)


def test_isolated_fixes_are_unknown_and_cover_nothing():
    row = of(PAIR, path((1, 1), GAP, (2, 2), GAP, (3, 3))).by_cell.loc["a"]
    assert row[["patrol_s", "visited_share", "visits", "patrols", "units"]].tolist() == [0] * 5
    assert row["unknown_s"] == 1200


def test_time_that_the_frame_does_not_hold_ends_a_stay():
    legs = together(path((1, 1), (1, 2)), path((1, 2), (1, 3), minute=30))
    assert of(PAIR, legs).by_cell.loc["a", "visits"] == 2


def test_units_and_patrols_are_counted_once_each():
    legs = together(
        path((1, 1), (2, 2), (1, 1), unit="u", patrol="p"),
        path((1, 1), (2, 2), unit="u", patrol="q", minute=60),
        path((5, 1), (1, 1), unit="v", patrol="q"),
        path((1, 3), (2, 3), unit="w", patrol=None),
    )
    row = of(PAIR, legs).by_cell.loc["a"]
    assert (row["visits"], row["patrols"], row["units"]) == (4, 2, 3)
    assert of(PAIR, legs).totals["units"] == 3


def test_the_window_cuts_legs_and_gaps():
    legs = path((1, 2), (5, 2), GAP, (6, 2))
    answer = of(PAIR, legs, start=at(5), end=at(15))
    assert answer.by_cell["patrol_s"].round(3).to_dict() == {"a": 150, "b": 150}
    assert answer.by_cell.loc["b", "unknown_s"] == 300
    assert answer.by_cell.loc["a", "first_visit"] == at(5)
    assert answer.totals["tracks_s"] == 600


def test_a_window_in_which_nothing_happened_is_all_zero():
    answer = of(PAIR, path((1, 2), (5, 2)), start=at(100), end=at(200))
    assert answer.by_cell[["visited_share", "patrol_s", "visits"]].to_numpy().sum() == 0
    assert answer.totals["tracks_s"] == 0


def test_no_cells_or_no_legs_are_no_error():
    legs = path((1, 2), (5, 2))
    assert of(PAIR.iloc[:0], legs).totals["outside_s"] == 600
    empty = of(PAIR, legs.iloc[:0])
    assert empty.by_cell["patrol_s"].tolist() == [0, 0]
    assert str(empty.by_cell["first_visit"].dtype) == "datetime64[us, UTC]"


def test_the_answer_is_in_the_cells_order_and_leaves_the_frames_alone():
    given_cells, legs = PAIR.iloc[::-1], path((5, 2), (1, 2)).iloc[::-1]
    before_cells, before_legs = given_cells.copy(), legs.copy()
    assert of(given_cells, legs).by_cell.index.tolist() == ["b", "a"]
    assert_frame_equal(pd.DataFrame(given_cells), pd.DataFrame(before_cells))
    assert_frame_equal(legs, before_legs)


def test_a_long_leg_bends_as_a_geodesic_does():
    # 40 km due east bulges 57 m to the pole in the middle: into the cell north of the parallel
    north = cells(n=block(-50, 0.1, 550, 20), s=block(-50, -20, 550, 0.1))
    legs = path((0, 0), (500, 0))
    lon, lat = 104.0, 42.0 + 0.1 * STEP_DEG
    answer = of(north, legs).by_cell["patrol_s"] / 600
    # a leg of length L is y = x (L - x) tan(lat) / 2R north of its chord: above c between the roots
    way_m = legs["length_m"].iloc[0]
    c_m = geodesic_m(lon, 42.0, lon, lat)
    bend = np.tan(np.radians(42.0)) / (2 * 6.38e6)
    inside = np.sqrt(1 - 4 * c_m / (bend * way_m**2))
    assert answer["n"] == pytest.approx(inside, abs=0.002)
    assert answer.sum() == pytest.approx(1)


def test_split_names_the_stretches_in_order():
    pieces = coverage.split(PAIR, path((-2, 2), (6, 2)))
    assert pieces["cell"].isna().tolist() == [True, False, False]
    assert pieces["cell"].tolist()[1:] == ["a", "b"]
    assert pieces["patrol_s"].round(3).tolist() == [150, 300, 150]
    assert abs(pieces["start"].iloc[1] - at(2.5)) < pd.Timedelta("1ms")


@st.composite
def journeys(draw: st.DrawFn) -> pd.DataFrame:
    """A few units on lattice and off it, with gaps and standing legs."""
    step = st.one_of(
        st.integers(-3, 11).map(float), st.floats(-3, 11, allow_nan=False, allow_infinity=False)
    )
    place = st.one_of(st.just(GAP), st.tuples(step, step))
    paths = [
        path((draw(step), draw(step)), *draw(st.lists(place, max_size=12)), (1, 1), unit=f"u{n}")
        for n in range(draw(st.integers(1, 3)))
    ]
    return together(*paths)


LATTICE = cells(
    a=block(0, 0, 4, 4),
    b=block(4, 0, 8, 4),
    c=ring((0, 4), (4, 4), (8, 4), (6, 8), (0, 8), holes=(((1, 5), (3, 5), (3, 7)),)),
    d=ring((1, 5), (3, 5), (3, 7)),
    e=shapely.MultiPolygon([block(7, 7, 8, 8), block(9, 0, 10, 10)]),
    f=block(3, 3, 5, 5),
)


@settings(max_examples=40)
@given(legs=journeys())
def test_cells_outside_and_unknown_sum_to_the_tracks(legs):
    answer = of(LATTICE, legs)
    assert adds_up(answer, legs)
    figures = answer.by_cell.drop(columns=["first_visit", "last_visit", "days_since_visit"])
    assert (figures.to_numpy() >= 0).all()
    assert ((answer.by_cell["visits"] > 0) == (answer.by_cell["patrol_s"] > 0)).all()
    assert ((answer.by_cell["units"] > 0) == answer.by_cell["first_visit"].notna()).all()
    assert (answer.by_cell["visited_share"] <= 1).all()


def test_random_legs_are_split_as_shapely_cuts_them():
    rng = turn(7)
    corner = shapely.box(0, 0, 40, 40)
    seeds = shapely.MultiPoint(rng.uniform(0, 40, (60, 2)))
    shapes = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(seeds)), corner)
    named = {f"c{n:02d}": shapely.transform(s, _degrees) for n, s in enumerate(shapes)}
    legs = together(
        *(path(*rng.uniform(-3, 43, (2, 2)).tolist(), unit=f"u{n}") for n in range(120))
    )
    got = of(cells(**named), legs).by_cell["patrol_m"]
    lines = [_geodesic(leg) for leg in legs.itertuples()]
    want = [sum(_length_m(line.intersection(cell)) for line in lines) for cell in named.values()]
    assert np.abs(got.to_numpy() - want).max() < 0.05
    assert got.sum() == pytest.approx(sum(want), abs=0.1)


def _degrees(xy: np.ndarray) -> np.ndarray:
    return np.asarray([lonlat((x, y)) for x, y in xy])


def _geodesic(leg: object) -> shapely.LineString:
    parts = np.linspace(0, 1, 33)
    lon, lat = interpolate(leg.lon0, leg.lat0, leg.lon1, leg.lat1, parts)  # type: ignore[attr-defined]
    return shapely.LineString(np.column_stack((lon, lat)))


def _length_m(line: shapely.Geometry) -> float:
    return float(length_m(line)[0])


def test_bad_frames_are_refused_at_the_door():
    legs = path((1, 2), (5, 2))
    with pytest.raises(NoCrsError, match="coordinate reference system"):
        of(PAIR.set_crs(None, allow_override=True), legs)
    with pytest.raises(MissingColumnError, match="length_m"):
        of(PAIR, legs.drop(columns="length_m"))
    with pytest.raises(NaiveTimeError, match="'start'"):
        of(PAIR, legs.assign(start=legs["start"].dt.tz_localize(None)))
    with pytest.raises(NaiveTimeError, match="start="):
        of(PAIR, legs, start=datetime(2026, 3, 2))  # noqa: DTZ001
    with pytest.raises(OutOfRangeError, match="ends"):
        of(PAIR, legs, start=at(2), end=START)
    with pytest.raises(OutOfRangeError, match="row 0"):
        of(PAIR, legs.assign(lon0=np.nan))
    with pytest.raises(OutOfRangeError, match="'a'"):
        of(PAIR.rename({"b": "a"}), legs)
    for swath_m in (0, -1, float("nan"), float("inf")):
        with pytest.raises(OutOfRangeError, match="swath_m"):
            coverage.coverage(PAIR, legs, swath_m=swath_m)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (shapely.Point(104, 42), "no polygon"),
        (None, "no polygon"),
        (shapely.Polygon(), "no polygon"),
        (ring((0, 0), (4, 4), (4, 0), (0, 4)), "Self-intersection"),
    ],
)
def test_what_is_no_valid_polygon_is_refused_by_name(shape, says):
    with pytest.raises(WrongGeometryError, match=f"'odd'.*{says}"):
        of(cells(odd=shape), path((1, 2), (5, 2)))


def test_cells_in_another_crs_are_read_in_degrees():
    legs = path((1, 2), (5, 2))
    there = of(PAIR.to_crs(3857), legs).by_cell["patrol_s"]
    assert there.to_dict() == pytest.approx({"a": 450, "b": 150}, abs=1e-3)


def test_a_leg_over_the_date_line_is_not_taken_round_the_world():
    east = cells(e=shapely.box(179.99, 41.9, 180, 42.1), w=shapely.box(-10, 41.9, 10, 42.1))
    legs = path((0, 0), (16, 0), origin=(180 - 8 * STEP_DEG, 42.0)).assign(lon1=8 * STEP_DEG - 180)
    answer = of(east, legs)
    assert answer.by_cell["patrol_s"].to_dict() == pytest.approx({"e": 300, "w": 0}, abs=0.01)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_cell_as_wide_as_the_world_is_refused():
    world = gpd.GeoDataFrame(geometry=[shapely.box(-180, -90, 180, 90)], index=["w"], crs=4326)
    with pytest.raises(WrongGeometryError, match="the other side of the earth"):
        coverage.coverage(world, path((0, 0), (1, 1)), swath_m=500)


def test_a_cell_on_both_sides_of_the_date_line_is_one():
    east, west = shapely.box(179.9, 10, 180, 10.1), shapely.box(-180, 10, -179.9, 10.1)
    other = shapely.box(-179.9, 10, -179.8, 10.1)
    both = gpd.GeoDataFrame(
        geometry=[shapely.MultiPolygon([east, west]), other], index=["a", "b"], crs="EPSG:4326"
    )
    # Through all of it, from 0.1 degrees before to the middle of the cell beyond.
    legs = path((0, 0), (1, 0)).assign(lon0=179.8, lat0=10.05, lon1=-179.85, lat1=10.05)
    legs["length_m"] = geodesic_m(179.8, 10.05, -179.85, 10.05)
    for order in (both, both.iloc[::-1]):
        answer = of(order, legs)
        got = answer.by_cell["patrol_s"].to_dict()
        assert got == pytest.approx({"a": 600 * 0.2 / 0.35, "b": 600 * 0.05 / 0.35}, abs=0.01)
        assert answer.by_cell.loc["a", "visits"] == 1
        assert answer.by_cell.loc["a", "visited_share"] > 0.008
        assert adds_up(answer, legs)


def test_a_swath_of_a_hand_is_no_end_of_memory():
    cell = cells(a=block(0, 0, 80, 80))
    answer = coverage.coverage(cell, path((5, 5), (75, 70)), swath_m=0.1)
    assert 0 <= answer.by_cell.loc["a", "visited_share"] < 0.001


def test_an_edge_between_children_of_two_parents_is_the_lower_parents_childs():
    # The lower child is the higher parent's: what a cell has, its parent has.
    grids = cells(
        p=block(0, 0, 4, 4), q=block(4, 0, 8, 4), z=block(0, 0, 4, 4), a=block(4, 0, 8, 4)
    ).assign(parent=[None, None, "p", "q"])
    answer = of(grids, path((4, 1), (4, 3)))
    assert answer.by_cell["patrol_s"].to_dict() == {"p": 600, "q": 0, "z": 600, "a": 0}
    assert answer.rest["patrol_s"].to_dict() == {"p": 0, "q": 0}
