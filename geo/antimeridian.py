"""Longitudes beyond 180, and shapes that cross the antimeridian, as RFC 7946 wants them.

A shape that crosses the 180th meridian is cut there (section 3.1.9). It shows by a jump of more
than 180 degrees from one vertex to the next, all of them beyond 90 degrees east or west, or by
longitudes of 0 to 360.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.earth import Geometries
from geo.enclosed import enclosed

Floats = NDArray[np.float64]
_ROUND = 360.0
#: Nothing that crosses the antimeridian has a longitude of less, east or west.
_NEAR_DEG = 90.0
_POLE = (
    "goes round a pole, or jumps so that its inside is not certain: cut it at the 180th meridian"
)
_FAR = (
    "has an edge over more than 180 degrees of longitude, far from the antimeridian: if it is"
    " meant to be so wide, write a vertex on the way; if not, mend it"
)
_MIXED = "has longitudes beyond 180 where others are below 0: write all of them within ±180"


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Geometries with every longitude within ±180, and what was done to which rows."""

    geometries: Geometries
    faults: dict[int, str] = field(default_factory=dict)  #: row → why its inside is not certain
    cut: list[int] = field(default_factory=list)  #: rows that cross the antimeridian
    turned: list[int] = field(default_factory=list)  #: rows that were written from 180 to 360


def cut(geometries: Geometries, fine: NDArray[np.bool_] | None = None) -> Cut:
    """Geometries in degrees, cut at the antimeridian where they cross it. Only rows that are
    ``fine`` are looked at for a jump; None stands for all of them."""
    box = shapely.bounds(geometries)
    if not ((box[:, 2] > 180) | (box[:, 2] - box[:, 0] > 180)).any():
        return Cut(geometries=geometries)
    xy, owner = shapely.get_coordinates(geometries, return_index=True)
    lon = xy[:, 0]
    faults: dict[int, str] = {}
    beyond = _beyond(xy, owner, len(geometries))
    if beyond.any() and lon.min() < 0:
        faults = dict.fromkeys(np.flatnonzero(beyond).tolist(), _MIXED)
        beyond[:] = False
    step = np.abs(np.diff(lon))
    # From -180 straight to 180 is the whole width of the map, not a crossing.
    jumps = (step > 180) & (step < _ROUND) & (owner[1:] == owner[:-1])
    crossing = np.zeros(len(geometries), dtype=bool)
    crossing[owner[1:][jumps]] = True
    # Between two points or two parts nothing jumps.
    crossing &= np.isin(shapely.get_type_id(geometries), (1, 3, 5, 6))
    crossing[list(faults)] = False
    if fine is not None:
        crossing &= fine
    # A shape across the antimeridian lies on its side of the earth; any other is as it says.
    near = np.full(len(geometries), np.inf)
    np.minimum.at(near, owner, np.abs(lon))
    far = crossing & ~beyond & (near < _NEAR_DEG)
    out = geometries.copy()
    rows: list[int] = []
    turned: list[int] = []
    for row in np.flatnonzero(beyond | crossing).tolist():
        found = _within(geometries[row])
        if found is None:
            faults[row] = _POLE
            continue
        if far[row]:
            faults[row] = _FAR
            continue
        if found.normalize().equals_exact(geometries[row].normalize(), 0):
            continue  # parts on both sides of the meridian, none of them across it
        parts = shapely.get_num_geometries(geometries[row])
        if beyond[row] and shapely.get_num_geometries(found) == parts:
            turned.append(row)
        else:
            rows.append(row)
        out[row] = found
    return Cut(geometries=out, faults=faults, cut=rows, turned=turned)


def _beyond(xy: Floats, owner: NDArray[np.intp], rows: int) -> NDArray[np.bool_]:
    """Rows with a longitude of 180 to 360, and none that is no place in such a file."""
    found = np.zeros(rows, dtype=bool)
    found[owner[(xy[:, 0] > 180) & (xy[:, 0] <= _ROUND)]] = True
    found[owner[~((xy[:, 0] >= -180) & (xy[:, 0] <= _ROUND) & (np.abs(xy[:, 1]) <= 90))]] = False
    return found


def _within(geometry: shapely.Geometry) -> shapely.Geometry | None:
    """The same ground within ±180; None where that is not certain."""
    kind = shapely.get_type_id(geometry)
    parts = shapely.get_parts(geometry)
    if kind in (0, 4):
        moved = [shapely.transform(part, _home) for part in parts]
        return moved[0] if kind == 0 else shapely.multipoints(moved)
    if kind in (1, 5):
        lines = [piece for part in parts for piece in _line(shapely.get_coordinates(part))]
        return lines[0] if len(lines) == 1 and kind == 1 else shapely.multilinestrings(lines)
    if kind in (3, 6):
        areas = [_polygon(part) for part in parts]
        if any(pieces is None for pieces in areas):
            return None
        pieces = [piece for found in areas for piece in found or ()]
        if len(areas) == 1 and len(pieces) == 1:
            return pieces[0]
        return shapely.multipolygons(pieces)
    return geometry


def _home(xy: Floats) -> Floats:
    """Longitudes brought within ±180."""
    out = xy.copy()
    out[:, 0] -= _ROUND * (out[:, 0] > 180)
    return out


def _unrolled(lon: Floats) -> Floats:
    """Longitudes that run on beyond 180 instead of jumping."""
    step = np.diff(lon)
    jump = (np.abs(step) > 180) & (np.abs(step) < _ROUND)
    turns = np.where(jump, -np.sign(step), 0.0)
    return lon + _ROUND * np.concatenate([[0.0], np.cumsum(turns)])


def _line(xy: Floats) -> list[shapely.Geometry]:
    """The pieces of a line between the meridians where it is cut, in its direction."""
    lon, lat = _unrolled(xy[:, 0]), xy[:, 1]
    pieces: list[list[tuple[float, float]]] = []
    before = None
    for n in range(len(lon) - 1):
        a, b = lon[n], lon[n + 1]
        cuts = [m for m in (-540.0, -180.0, 180.0, 540.0) if min(a, b) < m < max(a, b)]
        cuts.sort(reverse=bool(b < a))
        stops = [(a, lat[n])]
        stops += [(m, lat[n] + (lat[n + 1] - lat[n]) * (m - a) / (b - a)) for m in cuts]
        stops.append((b, lat[n + 1]))
        for start, end in itertools.pairwise(stops):
            turn = math.floor(((start[0] + end[0]) / 2 + 180) / _ROUND)
            if turn != before:
                pieces.append([(start[0] - turn * _ROUND, start[1])])
                before = turn
            pieces[-1].append((end[0] - turn * _ROUND, end[1]))
    return [shapely.LineString(piece) for piece in pieces]


def _polygon(polygon: shapely.Geometry) -> list[shapely.Geometry] | None:
    """The pieces of a polygon between the meridians where it is cut."""
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(polygon)]
    unrolled: list[Floats] = []
    for ring in rings:
        lon = _unrolled(ring[:, 0])
        if not math.isclose(lon[0], lon[-1]):
            return None
        if unrolled:
            # A hole lies where its shell does.
            shell = unrolled[0][:, 0]
            lon = lon + _ROUND * round((shell.mean() - lon.mean()) / _ROUND)
        unrolled.append(np.column_stack([lon, ring[:, 1]]))
    whole, _ = enclosed(shapely.Polygon(unrolled[0], unrolled[1:]))
    pieces: list[shapely.Geometry] = []
    for turn in (-1, 0, 1):
        window = shapely.box(-180 + turn * _ROUND, -90, 180 + turn * _ROUND, 90)
        cut_out = shapely.intersection(whole, window)
        back = shapely.transform(cut_out, _by(-turn * _ROUND))
        pieces += [part for part in shapely.get_parts(back) if shapely.area(part) > 0]
    return pieces or None


def _by(shift_deg: float) -> Callable[[Floats], Floats]:
    return lambda xy: xy + np.array([shift_deg, 0.0])
