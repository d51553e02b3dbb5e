"""The shifted coordinates of Chinese web maps, and back to WGS 84.

GCJ-02 (AMap, Tencent, most Chinese web services) moves WGS 84 by 100 to 700 m along a fixed
pattern; BD-09 (Baidu) moves GCJ-02 once more. Neither is published officially: the formulas are
those that everybody uses, of the project eviltransform (googollee and others, BSD licence,
https://github.com/googollee/eviltransform), and hold to the last digit against it. They shift
within a box of China (72.004-137.8347 E, 0.8293-55.8271 N), which holds all of Mongolia, and
nothing outside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Datum = Literal["gcj02", "bd09"]
Shift = Callable[[Floats, Floats], tuple[Floats, Floats]]

#: Every datum that can be undone, as messages call it.
NAMES: dict[Datum, str] = {"gcj02": "GCJ-02", "bd09": "BD-09"}

#: Krasovsky 1940: semi-major axis in metres and eccentricity squared.
_A_M, _E2 = 6378245.0, 0.00669342162296594323
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
#: Each round of the inverse gains a factor of 50 or more: 12 reach the last digit of a float.
_ROUNDS = 12
_LAST_DEG = 1e-13
_BD_TURN = np.pi * 3000 / 180


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: Datum) -> tuple[Floats, Floats]:
    """Degrees in WGS 84 of degrees in ``datum``: the inverse of ``from_wgs84``, to under 1 mm.

    By iteration: the shift varies so slowly that taking it where the point seems to be finds the
    point. Points outside the box stay. (A point of WGS 84 that the shift carries out of the box,
    in its outermost 700 m, cannot be told from one that never was in it, and stays, too.)
    """
    x, y = _floats(lon, lat)
    inside = _in_box(x, y)
    out_x, out_y = x.copy(), y.copy()
    steps: list[Shift] = [_gcj02] if datum == "gcj02" else [_bd09, _gcj02]
    for shift in steps:
        out_x[inside], out_y[inside] = _undone(shift, out_x[inside], out_y[inside])
    return out_x, out_y


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: Datum) -> tuple[Floats, Floats]:
    """Degrees in ``datum`` of degrees in WGS 84; points outside the box stay."""
    x, y = _floats(lon, lat)
    inside = _in_box(x, y)
    out_x, out_y = x.copy(), y.copy()
    steps: list[Shift] = [_gcj02] if datum == "gcj02" else [_gcj02, _bd09]
    for shift in steps:
        out_x[inside], out_y[inside] = shift(out_x[inside], out_y[inside])
    return out_x, out_y


def _floats(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    return np.atleast_1d(x).astype(float), np.atleast_1d(y).astype(float)


def _in_box(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    return (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)


def _undone(shift: Shift, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The points that ``shift`` moves to these."""
    x, y = lon.copy(), lat.copy()
    for _ in range(_ROUNDS):
        there_x, there_y = shift(x, y)
        off_x, off_y = lon - there_x, lat - there_y
        x, y = x + off_x, y + off_y
        if not max(np.abs(off_x).max(initial=0), np.abs(off_y).max(initial=0)) > _LAST_DEG:
            break
    return x, y


def _gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """WGS 84 to GCJ-02, wherever the point is."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    wave = 20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north_m = north_m + 2 / 3 * (
        wave
        + 20 * np.sin(np.pi * y) + 40 * np.sin(np.pi / 3 * y)
        + 160 * np.sin(np.pi / 12 * y) + 320 * np.sin(np.pi / 30 * y)
    )  # fmt: skip
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east_m = east_m + 2 / 3 * (
        wave
        + 20 * np.sin(np.pi * x) + 40 * np.sin(np.pi / 3 * x)
        + 150 * np.sin(np.pi / 12 * x) + 300 * np.sin(np.pi / 30 * x)
    )  # fmt: skip
    phi = np.radians(lat)
    w2 = 1 - _E2 * np.sin(phi) ** 2
    w = np.sqrt(w2)
    return (
        lon + np.degrees(east_m / (_A_M / w * np.cos(phi))),
        lat + np.degrees(north_m / (_A_M * (1 - _E2) / (w2 * w))),
    )


def _bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """GCJ-02 to BD-09, wherever the point is."""
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006
