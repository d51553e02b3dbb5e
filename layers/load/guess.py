"""What coordinates that are no degrees may be: a hint for a message, never a correction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from layers.load.source import LONLAT
from layers.places import Bounds

Floats = NDArray[np.float64]
_Reading = tuple[str, Callable[[Floats], Floats]]
#: How far from the region a file may lie and still be of it, in degrees.
_NEAR_DEG = 1.0
_MOST_NAMED = 2


def looks_like(xy: Floats, region: Bounds | None) -> str:
    """What a file's coordinates (pairs, x first) look like, as words to put behind a message, with
    the option that says so; empty where nothing fits, or too much. With a ``region`` they must
    come to lie in it.
    """
    some = xy[:: max(len(xy) // 500, 1)]
    fits = [name for name, at in _projected(some) if _fits(at(some), region)]
    # Any whole number may be degrees times something; a projection's are more telling.
    if not fits and (region is not None or np.abs(some).max() > 1e5):
        fits = [name for name, at in _scaled(some) if _fits(at(some), region)]
    if not fits or len(fits) > _MOST_NAMED:
        return ""
    return "; they look like " + " or ".join(fits)


def _fits(lonlat: Floats, region: Bounds | None) -> bool:
    if not np.isfinite(lonlat).all() or (np.abs(lonlat) > (180, 90)).any():
        return False
    if region is None:
        return True
    west, south, east, north = region
    low, high = (west - _NEAR_DEG, south - _NEAR_DEG), (east + _NEAR_DEG, north + _NEAR_DEG)
    return bool(((lonlat >= low) & (lonlat <= high)).mean() > 0.9)


def _scaled(xy: Floats) -> Iterator[_Reading]:
    """What of degrees, or of metres, coordinates of this size may be."""
    size = np.abs(xy).max()
    for power in (5, 6, 7):
        if size > 10.0**power and (xy == np.floor(xy)).all():
            yield f"degrees times {10**power:,}: divide them", _divided(10.0**power)
    if (np.abs(xy) <= (18_000, 9_000)).all() and (np.abs(xy) % 100 < 60).all():
        yield "degrees and minutes without a sign (DDDMM.mm): write decimal degrees", _minutes
    if 5e6 < size * 1000 < 2.1e7:
        yield "kilometres of web Mercator: write metres, --crs EPSG:3857", _kilometres


def _projected(xy: Floats) -> Iterator[_Reading]:
    """Projections that have coordinates of this size, in either order."""
    for crs, what in _codes(xy):
        yield f"{what} (--crs {crs})", _from(crs)
    for crs, what in _codes(xy[:, ::-1]):
        yield f"{what} (--crs {crs}) with northing first: write easting first", _swapped(crs)


def _codes(xy: Floats) -> Iterator[tuple[str, str]]:
    """Projections whose eastings and northings look so."""
    x, y = xy[:, 0], xy[:, 1]
    if not ((y > 1e6) & (y < 9.4e6)).all():
        return
    zones = set((x // 1e6).astype(int).tolist())
    zone = zones.pop() if len(zones) == 1 else 0
    if ((x % 1e6 > 1e5) & (x % 1e6 < 9e5)).all():
        if 13 <= zone <= 23:
            yield f"EPSG:{4478 + zone}", f"CGCS2000 / Gauss-Kruger zone {zone}"
        if 25 <= zone <= 45:
            yield f"EPSG:{4488 + zone}", f"CGCS2000 / 3-degree Gauss-Kruger zone {zone}"
        if zone == 0:
            for number in range(43, 54):
                yield f"EPSG:{32600 + number}", f"UTM zone {number}N"
    if ((x > 7e6) & (x < 1.6e7) & (y > 1.5e6)).all():
        yield "EPSG:3857", "web Mercator"


def _from(crs: str) -> Callable[[Floats], Floats]:
    def read(xy: Floats) -> Floats:
        try:
            move = Transformer.from_crs(crs, LONLAT, always_xy=True)
            return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))
        except ProjError:
            return np.full_like(xy, np.nan)

    return read


def _swapped(crs: str) -> Callable[[Floats], Floats]:
    return lambda xy: _from(crs)(xy[:, ::-1])


def _divided(by: float) -> Callable[[Floats], Floats]:
    return lambda xy: xy / by


def _minutes(xy: Floats) -> Floats:
    whole = np.trunc(xy / 100)
    return np.asarray(whole + (xy - whole * 100) / 60)


def _kilometres(xy: Floats) -> Floats:
    return _from("EPSG:3857")(xy * 1000)
