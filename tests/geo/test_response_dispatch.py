"""The nearest units by travel time, against solving for each unit alone."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from geo.earth import Plane
from geo.errors import MissingColumnError, OutOfRangeError
from geo.response import STANDARD, Network, dispatch, field, warm
from tests.geo.test_response import LAT, LON, NOTHING, at, network

PLANE = Plane.equidistant(LON, LAT)


def units(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    """Units (name, kind) at places in metres."""
    lonlat = [at(x, y) for _, _, x, y in rows]
    return pd.DataFrame({
        "unit": [r[0] for r in rows], "kind": [r[1] for r in rows],
        "lon": [p[0] for p in lonlat], "lat": [p[1] for p in lonlat],
    })  # fmt: skip


def test_the_quicker_unit_comes_first_though_it_is_further() -> None:
    found = dispatch(
        NOTHING, units(("walker", "foot", 400, 0), ("drone", "drone", 0, 3000)), LON, LAT
    )
    assert list(found["unit"]) == ["drone", "walker"]
    assert found["eta_s"].to_numpy() == pytest.approx([180, 360], rel=1e-3)
    assert found["distance_m"].to_numpy() == pytest.approx([3000, 400], rel=1e-3)


def test_a_route_runs_from_the_unit_to_the_place_along_the_road() -> None:
    net = network([(-8000.0, 0.0), (0.0, 0.0)], **{"class": ["primary"]})
    found = dispatch(net, units(("car", "vehicle", -7500, 0)), LON, LAT)
    line = found.geometry.iloc[0]
    assert np.array(line.coords)[[0, -1]].ravel() == pytest.approx(
        [*at(-7500, 0), LON, LAT], abs=1e-6
    )
    assert found["eta_s"].iloc[0] == pytest.approx(7500 / 75 * 3.6, rel=1e-3)
    assert found["distance_m"].iloc[0] == pytest.approx(7500, rel=1e-3)


def test_one_way_roads_count_in_the_direction_of_the_unit() -> None:
    net = network(
        [(-3000.0, 0.0), (0.0, 0.0)], [(0.0, 0.0), (2900.0, 0.0)],
        oneway=["forward", "forward"], **{"class": ["primary", "primary"]},
    )  # fmt: skip
    found = dispatch(
        net, units(("with", "vehicle", -3000, 0), ("against", "vehicle", 2900, 0)), LON, LAT
    )
    assert list(found["unit"]) == ["with", "against"]
    assert found["eta_s"].to_numpy() == pytest.approx([3000 / 75 * 3.6, 2900 / 20 * 3.6], rel=0.01)


def test_units_that_cannot_be_sent_or_are_too_late_or_nowhere_are_left_out() -> None:
    asked = units(
        ("box", "sensor", 10, 0), ("car", "vehicle", 5000, 0), ("far", "vehicle", 60_000, 0)
    )
    asked.loc[len(asked)] = ["lost", "vehicle", math.nan, math.nan]
    assert list(dispatch(NOTHING, asked, LON, LAT, limit_s=1800.0)["unit"]) == ["car"]
    empty = dispatch(NOTHING, asked.iloc[:0], LON, LAT)
    assert len(empty) == 0
    assert list(empty.columns) == [
        "unit",
        "kind",
        "eta_s",
        "distance_m",
        "geometry",
    ]


def brute_force(net: Network, asked: pd.DataFrame) -> pd.Series:
    """Seconds of each unit by a field of its own, solved forward from it."""
    late = {
        row.unit: field(
            net, lon=row.lon, lat=row.lat, speeds=STANDARD[row.kind], limit_s=1500.0
        ).seconds_at(LON, LAT)[0][0]
        for row in asked.itertuples()
    }
    return pd.Series(late).sort_values()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_nearest_are_those_that_solving_for_each_unit_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = [[tuple(p) for p in rng.integers(-10, 11, (3, 2)) * 500.0] for _ in range(12)]
    way = list(rng.choice(["no", "forward", "backward"], 12))
    net = network(*lines, oneway=way, **{"class": ["secondary"] * 12})
    kinds = rng.choice(["vehicle", "foot", "horse"], 14)
    asked = units(*(
        (f"u{k}", kind, *(rng.uniform(-5000, 5000, 2))) for k, kind in enumerate(kinds)
    ))  # fmt: skip
    want = brute_force(net, asked).iloc[:5]
    found = dispatch(net, asked, LON, LAT, limit=5)
    assert found["eta_s"].to_numpy() == pytest.approx(want.to_numpy(), rel=0.01, abs=1.0)
    assert set(found["unit"]) == set(want.index)


def test_what_cannot_be_asked_is_refused() -> None:
    asked = units(("car", "vehicle", 10, 0))
    with pytest.raises(MissingColumnError, match="kind"):
        dispatch(NOTHING, asked.drop(columns="kind"), LON, LAT)
    with pytest.raises(OutOfRangeError, match="limit"):
        dispatch(NOTHING, asked, LON, LAT, limit=0)


def test_warming_up_is_harmless_and_may_be_repeated() -> None:
    warm()
    warm()
