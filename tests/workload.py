"""Invented units on the move and fences in their way, by seed: for benchmarks and for soaks.

Units wander, stand still, fall silent and now and then jump; fences are of all rules and of sizes
from a doorway to a county, with margins, dwell, hours and units of their own. Two calls with one
seed give the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

#: A Monday morning in the demo's time zone, far enough back that nothing is in the future.
BEGIN_US = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z
KIND: dict[str, Any] = {
    "kind": "vehicle", "max_gap_s": 600.0, "top_speed_ms": 50.0, "accuracy_m": 5.0,
}  # fmt: skip
NIGHTS = {"weekly": [{"from": "20:00", "to": "09:30"}]}
_METRES_A_DEGREE = 111_000.0


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A square in degrees, and how large the fences on it are."""

    side_deg: float = 3.0
    west: float = 102.0
    south: float = 40.0
    least_m: float = 5.0
    common_m: float = 5_000.0  #: up to here most of them
    most_m: float = 50_000.0  #: a few


@dataclass(frozen=True, kw_only=True)
class Fixes:
    """Fixes as columns, in the order of their times."""

    unit: np.ndarray  #: number of the unit, from 0
    time_us: np.ndarray  #: microseconds since 1970, UTC
    lon: np.ndarray
    lat: np.ndarray
    accuracy_m: np.ndarray  #: NaN: not stated

    def __len__(self) -> int:
        return len(self.unit)

    def take(self, rows: np.ndarray | slice) -> Fixes:
        """Some of them, in the order of ``rows``."""
        return Fixes(**{name: column[rows] for name, column in vars(self).items()})

    def plus(self, others: Fixes) -> Fixes:
        """These and then the others."""
        ours, theirs = vars(self), vars(others)
        return Fixes(**{name: np.concatenate([ours[name], theirs[name]]) for name in ours})

    def frame(self) -> pd.DataFrame:
        """As ``geo.breaches.judge`` takes them."""
        names = np.array([unit_id(n) for n in range(int(self.unit.max(initial=-1)) + 1)])
        return pd.DataFrame(
            {
                "unit": pd.array(names[self.unit] if len(self) else [], dtype="str"),
                "time": pd.DatetimeIndex(self.time_us.view("datetime64[us]"), tz="UTC"),
                "lon": self.lon,
                "lat": self.lat,
                "accuracy_m": self.accuracy_m,
            }
        )

    def rows(self) -> list[dict[str, object]]:
        """As ``POST /api/fixes`` takes them."""
        times = np.datetime_as_string(self.time_us.view("datetime64[us]"), unit="us")
        return [
            {"unit": unit_id(unit), "time": f"{time}Z", "lon": lon, "lat": lat}
            | ({} if np.isnan(accuracy_m) else {"accuracy_m": accuracy_m})
            for unit, time, lon, lat, accuracy_m in zip(
                self.unit.tolist(), times.tolist(), self.lon.tolist(), self.lat.tolist(),
                self.accuracy_m.tolist(), strict=True,
            )
        ]  # fmt: skip


def unit_id(number: int) -> str:
    """The identifier under which a unit is enrolled."""
    return f"unit-{number:04d}"


def enrolments(count: int) -> list[dict[str, object]]:
    """As ``POST /api/units`` takes them."""
    return [{"unit": unit_id(n), **KIND} for n in range(count)]


def unit_frame(count: int) -> pd.DataFrame:
    """As ``geo.breaches.judge`` takes them."""
    return pd.DataFrame([{"unit": unit_id(n), **KIND, "team": None} for n in range(count)]
                        ).set_index("unit")  # fmt: skip


def journeys(
    rng: np.random.Generator, ground: Ground, *, units: int, steps: int, step_s: float = 10
) -> Fixes:
    """About ``units * steps`` fixes, ``step_s`` apart a unit, half of a percent of them missing."""
    shape = (steps, units)
    heading = rng.uniform(0, 2 * np.pi, units) + np.cumsum(rng.normal(0, 0.15, shape), axis=0)
    speed_ms = np.clip(rng.uniform(4, 22, units) + rng.normal(0, 3, shape), 0, 35)
    speed_ms[np.repeat(rng.random((-(-steps // 30), units)) < 0.15, 30, axis=0)[:steps]] = 0
    north = speed_ms * step_s * np.sin(heading) / _METRES_A_DEGREE
    east = speed_ms * step_s * np.cos(heading) / (_METRES_A_DEGREE * 0.75)
    start = rng.uniform(0.05, 0.95, (2, units)) * ground.side_deg
    lon = ground.west + _folded(start[0] + np.cumsum(east, axis=0), ground.side_deg)
    lat = ground.south + _folded(start[1] + np.cumsum(north, axis=0), ground.side_deg)
    lat[rng.random(shape) < 0.0002] += 0.4  # a jump there and back: set aside
    silent_s = np.cumsum(rng.random(shape) < 0.0005, axis=0) * 900.0  # gaps
    after_s = np.arange(steps)[:, None] * step_s + rng.uniform(0, step_s, units) + silent_s
    stated = rng.choice(
        [np.nan, 3.0, 5.0, 8.0, 12.5, 30.0], shape, p=[0.1, 0.3, 0.3, 0.2, 0.08, 0.02]
    )
    heard = (rng.random(shape) > 0.005).ravel()
    made = Fixes(
        unit=np.broadcast_to(np.arange(units), shape).ravel()[heard],
        time_us=(BEGIN_US + np.rint(after_s * 1_000).astype(np.int64) * 1_000).ravel()[heard],
        lon=np.round(lon, 6).ravel()[heard],
        lat=np.round(lat, 6).ravel()[heard],
        accuracy_m=stated.ravel()[heard],
    )
    return made.take(np.lexsort((made.unit, made.time_us)))


def _folded(place: np.ndarray, side: float) -> np.ndarray:
    """A path that turns back at both ends of [0, side]."""
    turn = np.mod(place, 2 * side)
    return np.minimum(turn, 2 * side - turn)


def fences(
    rng: np.random.Generator, ground: Ground, count: int, homes: np.ndarray
) -> gpd.GeoDataFrame:
    """Fences of all rules, as ``geo.breaches.judge`` takes them.

    ``homes``: (units, 2), where each unit begins; a ``keep_in`` fence lies about one of them and
    speaks of that unit alone, as a herd's does.
    """
    rules = rng.choice(["keep_out", "line", "keep_in"], count, p=[0.8, 0.12, 0.08])
    size_m = np.exp(rng.uniform(np.log(ground.least_m), np.log(ground.common_m), count))
    few = rng.permutation(count)[: count // 33 if count < 1000 else 30 + count // 200]
    size_m[few] = rng.uniform(ground.common_m, ground.most_m, len(few))
    size_m[rules != "keep_out"] = rng.uniform(
        ground.common_m / 5, ground.common_m, np.count_nonzero(rules != "keep_out")
    )
    corner = np.array([ground.west, ground.south])
    middle = corner + rng.uniform(0, ground.side_deg, (count, 2))
    rows = []
    for n, rule in enumerate(rules.tolist()):
        row: dict[str, Any] = {
            "fence": f"fence-{n:05d}", "rule": rule, "direction": "any", "margin_m": 0.0,
            "dwell_s": 0.0, "active": None, "applies_to": None, "severity": "medium",
        }  # fmt: skip
        if rule == "keep_in":
            whose = int(rng.integers(len(homes)))
            middle[n], row["applies_to"] = homes[whose], {"units": [unit_id(whose)]}
        if rule == "line":
            row["direction"] = str(rng.choice(["any", "left_to_right", "right_to_left"]))
            row["geometry"] = _line(rng, middle[n], size_m[n])
        else:
            row["margin_m"] = float(rng.choice([0, 0, 10, 50])) if size_m[n] > 50 else 0.0
            row["dwell_s"] = float(rng.choice([0, 0, 0, 45, 300]))
            row["geometry"] = _star(rng, middle[n], size_m[n])
        row["active"] = NIGHTS if rng.random() < 0.1 else None
        rows.append(row)
    made = gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")
    return made.assign(version=1)


def _star(rng: np.random.Generator, middle: np.ndarray, size_m: float) -> shapely.Geometry:
    corners = int(rng.integers(5, 40))
    angle = (np.arange(corners) + rng.uniform(0, 0.8, corners)) / corners * 2 * np.pi
    reach = size_m / 2 * rng.uniform(0.5, 1.0, corners) / _METRES_A_DEGREE
    ring = middle + np.column_stack([np.cos(angle) / 0.75, np.sin(angle)]) * reach[:, None]
    return shapely.Polygon(np.round(ring, 8))


def _line(rng: np.random.Generator, middle: np.ndarray, size_m: float) -> shapely.Geometry:
    way = rng.uniform(0, 2 * np.pi)
    along = np.linspace(-0.5, 0.5, 6) * size_m / _METRES_A_DEGREE
    aside = rng.normal(0, 0.05, 6) * size_m / _METRES_A_DEGREE
    bent = np.column_stack(
        [along * np.cos(way) - aside * np.sin(way), along * np.sin(way) + aside * np.cos(way)]
    )
    return shapely.LineString(np.round(middle + bent, 8))


def write_fences(frame: gpd.GeoDataFrame, file: Path) -> None:
    """A GeoJSON file that ``patrolgrid load fences`` takes."""
    features = [
        {
            "type": "Feature",
            "id": row["fence"],
            "properties": {
                name: row[name]
                for name in ("rule", "direction", "margin_m", "dwell_s", "active", "applies_to")
                if row[name] is not None
            },
            "geometry": shapely.geometry.mapping(row["geometry"]),
        }
        for row in frame.to_dict("records")
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
