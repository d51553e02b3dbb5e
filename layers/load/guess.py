"""What coordinates that are no degrees may be: a hint for a message, never a correction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from layers.load import zones
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
    if not len(some) or not np.isfinite(some).all():
        return ""
    fits = _projected(some, region)
    # Any whole number may be degrees times something; a projection's are more telling.
    if not fits and (region is not None or np.abs(some).max() > 1e5):
        fits = [name for name, at in _scaled(some) if _fits(at(some), region)]
        if len(fits) > _MOST_NAMED:
            return ""
    return "; they look like " + " or ".join(fits) if fits else ""


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


def _projected(xy: Floats, region: Bounds | None) -> list[str]:
    """Projections that have coordinates of this size, in either order."""
    found = []
    for read, behind in ((xy, ""), (xy[:, ::-1], " with northing first: write easting first")):
        fit = [zone for zone in zones.of(read) if _fits(zone.roughly(read), region)]
        told = zones.named(fit)
        x, y = read[:, 0], read[:, 1]
        is_mercator = ((x > 7e6) & (x < 1.6e7) & (y > 1.5e6)).all()
        if is_mercator and _fits(_from("EPSG:3857")(read), region):
            told.append("web Mercator (--crs EPSG:3857)")
        found += [one + behind for one in told]
    return found


def _from(crs: str) -> Callable[[Floats], Floats]:
    def read(xy: Floats) -> Floats:
        try:
            move = Transformer.from_crs(crs, LONLAT, always_xy=True)
            return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))
        except ProjError:
            return np.full_like(xy, np.nan)

    return read


def _divided(by: float) -> Callable[[Floats], Floats]:
    return lambda xy: xy / by


def _minutes(xy: Floats) -> Floats:
    whole = np.trunc(xy / 100)
    return np.asarray(whole + (xy - whole * 100) / 60)


def _kilometres(xy: Floats) -> Floats:
    return _from("EPSG:3857")(xy * 1000)
