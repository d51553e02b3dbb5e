"""Single rows that lie where no row should: at 0/0, or far from all others of their file.

A row at exactly 0/0 is what programs write for a place that they do not know, and is refused. One
that is far from the rest may be right, and is only told, with what would bring it to the others.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.load.findings import Findings
from layers.places import Bounds
from layers.places.judged import Geometries

Floats = NDArray[np.float64]
_FEWEST = 4
#: Beyond so many kilometres, and so many times as far as three in four rows are, a row is far …
_FAR_KM, _TIMES = 300.0, 10.0
#: … and beyond so many from the region, where nearly all others lie in it.
_BESIDE_KM, _NEARLY_ALL = 50.0, 0.75
_KM_PER_DEG = 111.195
_MOST_TOLD = 5
#: What lies beyond 180° east is within so much of the others, where it is meant.
_OPPOSITE_DEG = 60.0
#: A geometry that goes from 0/0 farther than this is not of that place.
_WIDE_DEG = 20.0
_NOWHERE = (
    "lies at exactly 0/0, which is written for a place that nobody knows: give it its place, or"
    " take the row out"
)


def refuse_nowhere(geometries: Geometries, findings: Findings) -> None:
    """Refuse rows at exactly 0/0, in whatever CRS, or with one vertex there and others far off."""
    box = shapely.bounds(geometries)
    around = np.flatnonzero((box[:, :2] <= 0).all(axis=1) & (box[:, 2:] >= 0).all(axis=1))
    xy, owner = shapely.get_coordinates(geometries[around], return_index=True)
    rows = around[np.unique(owner[(xy == 0).all(axis=1)])]
    if not len(rows):
        return
    box = shapely.bounds(geometries[rows])
    wide = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) > _WIDE_DEG
    points = shapely.get_dimensions(geometries[rows]) == 0
    # What no layer takes, wherever it lies, is refused for that.
    single = [
        len(set(shapely.get_type_id(shapely.get_parts(one)))) == 1 for one in geometries[rows]
    ]
    findings.refuse_all(dict.fromkeys(rows[(points | wide) & single].tolist(), _NOWHERE))


def refuse_beyond(degrees: Geometries, findings: Findings) -> None:
    """Refuse the few rows beyond 180° east that would come to lie far from all others, were they
    taken for longitudes of 0 to 360: more likely somebody mistyped them."""
    box = shapely.bounds(degrees)
    west, east = box[:, 0], box[:, 2]
    there = findings.fine & ~np.isnan(west)
    beyond = there & (east > 180) & (east <= 360)
    others = there & ~beyond & (east <= 180)
    if not beyond.any() or beyond.sum() >= others.sum():
        return
    home = np.sort(((west + east) / 2)[others])
    for row in np.flatnonzero(beyond).tolist():
        off = np.abs((home - (west[row] + east[row]) / 2 + 180) % 360 - 180)
        if off.min() > _OPPOSITE_DEG:
            findings.refuse(
                row,
                f"has the longitude {east[row]:g}, beyond 180, while the others are from"
                f" {home[0]:.2f} to {home[-1]:.2f}: mend it, or write {east[row] - 360:g} if that"
                " is meant",
            )


def tell(geometries: Geometries, region: Bounds | None, findings: Findings) -> None:
    """Note rows far from all others, or from the region in which the others lie."""
    rows = np.flatnonzero(~shapely.is_missing(geometries))
    if len(rows) < _FEWEST:
        return
    box = shapely.bounds(geometries[rows])
    middle = np.column_stack([(box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2])
    off_km, where = _off(middle, region)
    far = np.flatnonzero(off_km > 0)
    if not len(far):
        return
    told = []
    home = middle[off_km == 0]
    for n in far[:_MOST_TOLD].tolist():
        lon, lat = middle[n]
        told.append(
            f"{findings.where(int(rows[n]))} at {lon:.4f}, {lat:.4f} is {off_km[n]:,.0f} km from"
            f" {where}{_hint(middle[n], home)}"
        )
    if len(far) > len(told):
        told.append(f"{len(far) - len(told)} more rows are as far off")
    findings.notes.extend(told)
    findings.suspicions.extend(told)


def _off(middle: Floats, region: Bounds | None) -> tuple[Floats, str]:
    """How many kilometres each row is off, 0 for those that are where the others are; of what."""
    if region is not None:
        beyond = _beyond_km(middle, region)
        off = np.where(beyond > _BESIDE_KM, beyond, 0.0)
        if (beyond == 0).mean() >= _NEARLY_ALL and off.any():
            return off, "the region, in which the others lie"
    centre = np.median(middle, axis=0)
    away = _km(middle, centre)
    usual = float(np.quantile(away, 0.75, method="lower"))
    far = away > max(_FAR_KM, _TIMES * usual)
    return np.where(far, away, 0.0), "where the others are"


def _beyond_km(middle: Floats, region: Bounds) -> Floats:
    """Kilometres from a box of the region; 0 within."""
    west, south, east, north = region
    nearest = np.column_stack(
        [np.clip(middle[:, 0], west, east), np.clip(middle[:, 1], south, north)]
    )
    round_km = _km(middle, nearest)
    # Beyond the antimeridian the other edge is nearer.
    other = np.column_stack([np.where(middle[:, 0] > east, west + 360, east - 360), nearest[:, 1]])
    return np.minimum(round_km, _km(middle, other))


def _km(a: Floats, b: Floats) -> Floats:
    """Great-circle distance (haversine) on a sphere: good enough to say how far."""
    lon, lat = np.radians(a[..., 0] - b[..., 0]), np.radians(a[..., 1] - b[..., 1])
    cos = np.cos(np.radians(a[..., 1])) * np.cos(np.radians(b[..., 1]))
    h = np.sin(lat / 2) ** 2 + cos * np.sin(lon / 2) ** 2
    return np.asarray(2 * np.degrees(np.arcsin(np.sqrt(np.minimum(h, 1)))) * _KM_PER_DEG)


def _hint(place: Floats, home: Floats) -> str:
    """What would bring a row among the others."""
    if not len(home):
        return ""
    low, high = home.min(axis=0) - 0.05, home.max(axis=0) + 0.05
    lon, lat = float(place[0]), float(place[1])
    ways = {
        "longitude and latitude swapped": (lat, lon),
        "the longitude's sign changed": (-lon, lat),
        "the latitude's sign changed": (lon, -lat),
        "both signs changed": (-lon, -lat),
        "the longitude ten times as large": (lon * 10, lat),
        "the latitude ten times as large": (lon, lat * 10),
        "the longitude a tenth": (lon / 10, lat),
        "the latitude a tenth": (lon, lat / 10),
    }
    fits = (how for how, at in ways.items() if (low <= at).all() and (at <= high).all())
    found = next(fits, None)
    return f": with {found} it would be among them" if found else ": is it right?"
