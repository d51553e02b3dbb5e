"""The field and its bands against answers worked out by hand.

All networks lie about (104 E, 41 N), drawn in metres on the plane about that point.
"""

from __future__ import annotations

import heapq
import math
import pickle
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.earth import Plane, geodesic_m
from geo.errors import GeoError, MissingColumnError, NoCrsError, OutOfRangeError, WrongGeometryError
from geo.response import STANDARD, Field, Network, Speeds, bands, field, road_distance_m, route

LON, LAT = 104.0, 41.0
PLANE = Plane.equidistant(LON, LAT)
VEHICLE = STANDARD["vehicle"]
ROAD_MS, GROUND_MS = 20.0, 5.0  # 72 km/h and 18 km/h
CAR = Speeds(mode="car", off_road_kmh=18.0, other_road_kmh=72.0)
#: Off the road at a crawl: what is reached is the roads.
KEEPS_TO_ROADS = Speeds(mode="bus", off_road_kmh=0.1, other_road_kmh=72.0)


def at(x_m: float, y_m: float) -> tuple[float, float]:
    lon, lat = PLANE.inverse(x_m, y_m)
    return float(lon), float(lat)


def roads(*lines: list[tuple[float, float]], **columns: list[object]) -> gpd.GeoDataFrame:
    """Roads through points in metres; long ones get vertices, to be straight on the plane too."""
    straight = [shapely.LineString(line) for line in lines]
    dense = [line.segmentize(500.0) if line.length > 8000 else line for line in straight]
    shapes = [shapely.LineString([at(*p) for p in line.coords]) for line in dense]
    table = {"class": ["road"] * len(shapes)} | columns
    index = pd.Index([f"r{k}" for k in range(len(shapes))], dtype=object)
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4326, index=index)


def network(*lines: list[tuple[float, float]], **columns: list[object]) -> Network:
    return Network.of(roads(*lines, **columns))


def from_origin(
    net: Network, speeds: Speeds = CAR, limit_s: float = 300.0, **more: object
) -> Field:
    return field(net, lon=LON, lat=LAT, speeds=speeds, limit_s=limit_s, **more)  # type: ignore[arg-type]


def seconds(of: Field, *points: tuple[float, float]) -> list[float]:
    lonlat = np.array([at(*p) for p in points])
    return list(of.seconds_at(lonlat[:, 0], lonlat[:, 1])[0])


NOTHING = network()
STRAIGHT = [(-12_000.0, 0.0), (12_000.0, 0.0)]


@pytest.mark.parametrize("mode", sorted(STANDARD))
def test_on_open_ground_each_band_is_the_disc(mode: str) -> None:
    speeds = STANDARD[mode]
    found = bands(from_origin(NOTHING, speeds))
    assert list(found["minutes"]) == [1, 3, 5]
    for row in found.itertuples():
        reach_m = speeds.off_road_ms * row.seconds
        assert row.area_m2 == pytest.approx(math.pi * reach_m**2, rel=0.01)
        edge = shapely.get_coordinates(row.geometry)
        gone_m = geodesic_m(LON, LAT, edge[:, 0], edge[:, 1])
        assert np.abs(gone_m / reach_m - 1).max() < 0.02


def straight_road_s(x_m: float, y_m: float) -> float:
    """Seconds to (x, y) from a source at the origin, on an endless road along the x axis.

    Who leaves the road at angle a with sin a = ground / road speed (Snell) has driven
    |x| - |y| tan a and goes |y| / cos a over the ground: |x| / v + |y| sqrt(1/u² - 1/v²), if
    |x| > |y| tan a; nearer to the axis of y the straight line is quickest.
    """
    x_m, y_m = abs(x_m), abs(y_m)
    k = math.sqrt(1 / GROUND_MS**2 - 1 / ROAD_MS**2)
    if x_m <= y_m * (1 / ROAD_MS) / k:
        return math.hypot(x_m, y_m) / GROUND_MS
    return x_m / ROAD_MS + y_m * k


def straight_road_area_m2(limit_s: float) -> float:
    """Area within ``limit_s`` of that source: sectors about the y axis, four triangles."""
    a = math.asin(GROUND_MS / ROAD_MS)
    reach_m = GROUND_MS * limit_s
    sectors = 4 * a / 2 * reach_m**2
    # A triangle's corners: the origin, the tip on the road, the sector's end.
    return sectors + 4 * 0.5 * (ROAD_MS * limit_s) * (reach_m * math.cos(a))


@pytest.mark.parametrize("turn_deg", [0, 27, 45])
def test_beside_one_straight_road_the_bands_are_the_closed_form(turn_deg: float) -> None:
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    of = from_origin(network([(x * c - y * s, x * s + y * c) for x, y in STRAIGHT]))
    for row in bands(of).itertuples():
        assert row.area_m2 == pytest.approx(straight_road_area_m2(row.seconds), rel=0.02)
        edge = shapely.get_coordinates(row.geometry)
        x, y = PLANE.forward(edge[:, 0], edge[:, 1])
        late = [straight_road_s(u * c + v * s, v * c - u * s) for u, v in zip(x, y, strict=True)]
        assert np.abs(np.array(late) / row.seconds - 1).max() < 0.02
        tip_m = float(np.hypot(x, y).max())
        assert tip_m == pytest.approx(ROAD_MS * row.seconds, rel=0.02)


def test_near_a_road_the_shape_is_plainly_no_disc() -> None:
    shape = bands(from_origin(network(STRAIGHT)), [5]).geometry.iloc[0]
    x, y = PLANE.forward(*shapely.get_coordinates(shape).T)
    assert np.ptp(x) / np.ptp(y) == pytest.approx(4.0, rel=0.03)  # 20 m/s against 5 m/s
    assert shape.area / shape.minimum_rotated_rectangle.area < 0.6  # pointed at both ends


def test_times_at_single_places_are_the_closed_form() -> None:
    of = from_origin(network(STRAIGHT))
    places = [(3000, 0), (3000, 40), (2500, 400), (-1800, -700), (100, 900), (10, 20), (0, 0)]
    assert seconds(of, *places) == pytest.approx([straight_road_s(*p) for p in places], rel=2e-3)


def test_a_source_beside_a_road_walks_to_it_and_the_last_edge_counts_in_part() -> None:
    net = network([(-6000.0, 200.0), (6000.0, 200.0)])
    k = math.sqrt(1 / GROUND_MS**2 - 1 / ROAD_MS**2)
    assert seconds(from_origin(net), (3210, 200))[0] == pytest.approx(
        3210 / ROAD_MS + 200 * k, rel=5e-3
    )


def test_a_road_can_be_left_and_joined_again_anywhere() -> None:
    """Two roads that do not meet, 200 m apart."""
    net = network([(-100.0, 0.0), (3000.0, 0.0)], [(500.0, 200.0), (6000.0, 200.0)])
    k = math.sqrt(1 / GROUND_MS**2 - 1 / ROAD_MS**2)
    across = 3000 / ROAD_MS + 200 * k
    assert seconds(from_origin(net), (3000, 200))[0] == pytest.approx(across, rel=0.01)


def test_one_way_roads_are_kept_to_and_walkers_need_not() -> None:
    net = network([(0.0, 0.0), (2000.0, 0.0), (3000.0, 0.0)], oneway=["backward"])
    toward, away = from_origin(net, KEEPS_TO_ROADS), from_origin(net, KEEPS_TO_ROADS, reverse=True)
    assert seconds(toward, (2000, 0)) == [math.inf]
    assert seconds(away, (2000, 0)) == pytest.approx([100.0], rel=1e-3)
    walker = Speeds(mode="w", off_road_kmh=0.1, other_road_kmh=72.0, keeps_rules=False)
    assert seconds(from_origin(net, walker), (2000, 0)) == pytest.approx([100.0], rel=1e-3)


def test_reverse_goes_by_the_other_carriageway() -> None:
    """A ring of one-way roads: 1 km to go there, 3 km to come back."""
    ring = [(0.0, 0.0), (1000.0, 0.0), (1000.0, 1000.0), (0.0, 1000.0), (0.0, 0.0)]
    net = network(ring, oneway=["forward"])
    assert seconds(from_origin(net, KEEPS_TO_ROADS), (1000, 0)) == pytest.approx([50.0], rel=1e-3)
    back = from_origin(net, KEEPS_TO_ROADS, reverse=True)
    assert seconds(back, (1000, 0)) == pytest.approx([150.0], rel=1e-3)


@pytest.mark.parametrize(("crossing", "meets"), [([], False), ([(1000.0, 0.0)], True)])
def test_ways_meet_only_where_they_share_a_vertex(
    crossing: list[tuple[float, float]], meets: bool
) -> None:
    along = [(-500.0, 0.0), (1000.0, 0.0), (3000.0, 0.0)]
    over = [(1000.0, -2000.0), *crossing, (1000.0, 2000.0)]
    of = from_origin(network(along, over, bridge=[False, True]), KEEPS_TO_ROADS)
    late = seconds(of, (1000, 1500))[0]
    assert late == (pytest.approx(2500 / ROAD_MS, rel=1e-3) if meets else math.inf)


def test_a_bridge_is_not_left_for_the_road_below_it() -> None:
    below = [(-500.0, 0.0), (3000.0, 0.0)]
    over = [(1000.0, -2000.0), (1000.0, 2000.0)]
    crossing = network(below, over, bridge=[False, True])
    assert seconds(from_origin(crossing), (1000, 1900))[0] > 1000 / ROAD_MS + 1900 / ROAD_MS + 100


def test_nobody_leaves_the_road_in_a_tunnel() -> None:
    tube = network(
        [(-2000.0, 0.0), (500.0, 0.0)],
        [(500.0, 0.0), (1500.0, 0.0)],
        [(1500.0, 0.0), (4000.0, 0.0)],
        tunnel=[False, True, False],
    )  # fmt: skip
    assert seconds(from_origin(tube), (1000, 300))[0] > straight_road_s(1000, 300) + 10
    assert seconds(from_origin(tube), (2500, 300))[0] == pytest.approx(
        straight_road_s(2500, 300), rel=5e-3
    )


def test_each_place_belongs_to_the_nearest_of_the_sources() -> None:
    lon, lat = np.array([at(-600, 0), at(800, 0), at(60_000, 0)]).T
    of = field(NOTHING, lon=lon, lat=lat, speeds=CAR, limit_s=300.0)
    found_s, owner = of.seconds_at(
        *np.array([at(-100, 0), at(300, 0), at(60_500, 0), at(20_000, 0)]).T
    )
    assert list(owner) == [0, 1, 2, -1]
    assert found_s == pytest.approx([100, 100, 100, math.inf], rel=5e-3)
    assert len(of.patches) == 2  # the third is too far off to share a window


def test_a_source_that_sets_out_later_is_nearest_to_less() -> None:
    lon, lat = np.array([at(-500, 0), at(500, 0)]).T
    of = field(NOTHING, lon=lon, lat=lat, speeds=CAR, limit_s=300.0, start_s=[0.0, 60.0])
    found_s, owner = of.seconds_at(*np.array([at(100, 0), at(200, 0)]).T)
    assert list(owner) == [0, 1]
    assert found_s == pytest.approx([120, 120], rel=5e-3)


def test_no_road_at_all_still_answers_and_says_so() -> None:
    of = from_origin(NOTHING)
    assert of.note == "there are no roads: off road only"
    assert of.road_m == math.inf


def test_without_a_source_nothing_is_reached_and_it_says_so() -> None:
    of = field(NOTHING, lon=[], lat=[], speeds=CAR, limit_s=300.0)
    assert of.note == "no source: nothing is reached"
    assert seconds(of, (0, 0)) == [math.inf]
    assert bands(of).geometry.is_empty.all()


def test_a_place_far_from_any_road_still_answers_and_says_so() -> None:
    of = from_origin(network([(40_000.0, -100.0), (40_000.0, 100.0)]))
    assert of.road_m == pytest.approx(40_000, rel=1e-3)
    assert of.note == (
        "the place lies outside the roads' extent, the nearest is 40,000 m away: off road only"
    )
    assert seconds(of, (1000, 0)) == pytest.approx([200.0], rel=1e-3)


def test_a_cell_that_is_too_large_to_show_a_band_still_gives_its_disc() -> None:
    found = bands(from_origin(NOTHING, cell_m=900.0), [1])
    assert found["area_m2"].iloc[0] == pytest.approx(math.pi * 300**2, rel=0.01)


def test_large_windows_get_larger_cells_and_say_so() -> None:
    of = from_origin(network(STRAIGHT), limit_s=3 * 3600.0)
    assert of.cell_m > 37.5
    assert of.patches[0].ground.columns * of.patches[0].ground.rows < 4.2e6
    with pytest.raises(OutOfRangeError, match="larger cell_m"):
        from_origin(network(STRAIGHT), limit_s=3 * 3600.0, cell_m=2.0)


def test_distance_to_the_road_is_to_the_nearest_point_of_an_edge() -> None:
    net = network([(-5000.0, 300.0), (5000.0, 300.0)])
    away_m = road_distance_m(net, *np.array([at(0, 0), at(6000, 300)]).T)
    assert away_m == pytest.approx([300.0, 1000.0], rel=2e-3)
    assert road_distance_m(NOTHING, LON, LAT)[0] == math.inf


def test_speeds_follow_class_surface_own_limit_and_mode() -> None:
    net = network(
        STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT,
        **{"class": ["primary", "track", "primary", "footway", None],
           "surface": [None, "sand", "gravel", None, None],
           "speed_kmh": [np.nan, np.nan, 30.0, 30.0, np.nan]},
    )  # fmt: skip
    by_road = pd.Series(net.speed_ms(VEHICLE) * 3.6).groupby(net.way).first()
    assert list(by_road) == pytest.approx([75, 20 * 0.5, 30, 0, 30])


def test_the_callers_frame_is_untouched_and_a_network_pickles() -> None:
    frame = roads(STRAIGHT)
    before = frame.copy()
    net = pickle.loads(pickle.dumps(Network.of(frame)))  # noqa: S301 - our own bytes
    pd.testing.assert_frame_equal(frame, before)
    assert len(net) == len(Network.of(frame))
    assert pickle.loads(pickle.dumps(VEHICLE)).key == VEHICLE.key  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda f: f.set_crs(None, allow_override=True), NoCrsError),
        (lambda f: f.drop(columns="class"), MissingColumnError),
        (lambda f: f.set_geometry(f.geometry.centroid.set_crs(4326)), WrongGeometryError),
        (lambda f: f.set_geometry([None], crs=4326), WrongGeometryError),
        (lambda f: f.assign(oneway="sometimes"), OutOfRangeError),
        (lambda f: f.assign(speed_kmh=-1.0), OutOfRangeError),
    ],
)
@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
def test_roads_that_cannot_be_are_refused(spoil, error: type[GeoError]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match="roads"):
        Network.of(spoil(roads(STRAIGHT)))


@pytest.mark.parametrize(
    "more", [{"limit_s": 0.0}, {"limit_s": math.nan}, {"cell_m": 0.0}, {"start_s": -1.0}]
)
def test_questions_that_cannot_be_are_refused(more: dict[str, float]) -> None:
    with pytest.raises(OutOfRangeError, match="response"):
        from_origin(NOTHING, **more)
    with pytest.raises(OutOfRangeError, match="minutes"):
        bands(from_origin(NOTHING), [1, 6])
    with pytest.raises(OutOfRangeError, match="speeds of x"):
        Speeds(mode="x", off_road_kmh=0.0)


# Random small networks: points on a lattice of 400 m, so that ways do meet.
places = st.tuples(st.integers(-6, 6), st.integers(-6, 6)).map(
    lambda p: (p[0] * 400.0, p[1] * 400.0)
)
ways = st.lists(st.lists(places, min_size=2, max_size=4, unique=True), min_size=1, max_size=8)
#: Walks over that lattice from point to point: these cross at shared vertices only.
steps = st.lists(
    st.sampled_from([(400, 0), (-400, 0), (0, 400), (0, -400)]), min_size=1, max_size=9
)
walks = st.lists(
    st.tuples(places, steps).map(
        lambda w: [tuple(p) for p in np.cumsum([w[0], *w[1]], axis=0).astype(float)]
    ),
    min_size=1, max_size=8,
)  # fmt: skip
GRID = np.array([at(x, y) for x in range(-2400, 2401, 300) for y in range(-2400, 2401, 300)]).T


@settings(max_examples=25)
@given(ways)
def test_bands_are_nested_and_valid_on_any_roads(lines: list[list[tuple[float, float]]]) -> None:
    found = bands(from_origin(network(*lines), VEHICLE), [1, 2, 3, 5]).geometry
    assert found.is_valid.all()
    assert (found.geom_type == "MultiPolygon").all()
    assert all(b.covers(a) for a, b in zip(found.iloc[:-1], found.iloc[1:], strict=True))


@settings(max_examples=25)
@given(ways)
def test_a_road_or_source_more_makes_no_place_slower(
    lines: list[list[tuple[float, float]]],
) -> None:
    fewer, more = (from_origin(network(*part), cell_m=40.0) for part in (lines[:-1], lines))
    before, after = fewer.seconds_at(*GRID)[0], more.seconds_at(*GRID)[0]
    assert (after <= before * 1.01)[before < 290].all()
    lon, lat = np.array([at(0, 0), at(*lines[0][0])]).T
    two = field(network(*lines), lon=lon, lat=lat, speeds=CAR, limit_s=300.0, cell_m=40.0)
    third = two.seconds_at(*GRID)[0]
    assert (third <= after * 1.01)[after < 290].all()


def dijkstra_s(
    lines: list[list[tuple[float, float]]], oneway: list[str]
) -> dict[tuple[float, float], float]:
    """Plain Dijkstra from the origin over ways that share vertices, nothing of ``geo`` in it."""
    arcs: dict[tuple[float, float], list[tuple[tuple[float, float], float]]] = {}
    for line, way in zip(lines, oneway, strict=True):
        for a, b in pairwise(line):
            late = math.dist(a, b) / ROAD_MS
            if way != "backward":
                arcs.setdefault(a, []).append((b, late))
            if way != "forward":
                arcs.setdefault(b, []).append((a, late))
    best, heap = {(0.0, 0.0): 0.0}, [(0.0, (0.0, 0.0))]
    while heap:
        t, a = heapq.heappop(heap)
        for b, late in arcs.get(a, []):
            if t + late < best.get(b, math.inf):
                best[b] = t + late
                heapq.heappush(heap, (t + late, b))
    return best


@settings(max_examples=25)
@given(walks, st.lists(st.sampled_from(["no", "forward", "backward"]), min_size=8, max_size=8))
def test_on_the_roads_times_are_dijkstras(
    lines: list[list[tuple[float, float]]], way: list[str]
) -> None:
    lines = [[(0.0, 0.0), (400.0, 0.0)], *lines]
    way = ["no", *way[: len(lines) - 1]]
    want = dijkstra_s(lines, way)
    of = from_origin(network(*lines, oneway=way), KEEPS_TO_ROADS, limit_s=600.0, cell_m=60.0)
    ends = sorted({p for line in lines for p in line})
    for place, found_s in zip(ends, seconds(of, *ends), strict=True):
        late = want.get(place, math.inf)
        late = late if late <= 599 else math.inf
        assert found_s == pytest.approx(late, rel=0.01, abs=1.0)


@settings(max_examples=25)
@given(ways, places, st.booleans())
def test_a_route_takes_as_long_as_the_field_says(
    lines: list[list[tuple[float, float]]], place: tuple[float, float], reverse: bool
) -> None:
    lon, lat = at(*place)
    of = from_origin(network(*lines), reverse=reverse)
    way = route(of, lon, lat)
    if way is None:
        assert of.seconds_at(lon, lat)[0] == [math.inf]
        return
    ends = np.array(way.line.coords)[[-1, 0] if reverse else [0, -1]]
    assert ends.ravel() == pytest.approx([LON, LAT, lon, lat], abs=1e-6)
    assert (
        way.distance_m / ROAD_MS * 0.999 <= way.seconds <= way.distance_m / GROUND_MS * 1.001 + 1e-6
    )
    on_road = network(*lines)
    xy = np.array(way.line.coords)
    steps = geodesic_m(xy[:-1, 0], xy[:-1, 1], xy[1:, 0], xy[1:, 1])
    middle = (xy[:-1] + xy[1:]) / 2
    slow = road_distance_m(on_road, middle[:, 0], middle[:, 1]) > 0.5
    taken_s = float((steps / np.where(slow, GROUND_MS, ROAD_MS)).sum())
    # Where a road crosses itself, steps near the crossing count as road that are not.
    assert way.seconds == pytest.approx(taken_s, rel=0.02, abs=5.0)
