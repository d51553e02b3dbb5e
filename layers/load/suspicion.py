"""Whether a file looks shifted by GCJ-02 or BD-09, by what is loaded already.

Never corrected, only told: a vertex is held against the stored outline that it should lie on, as
it is and with each shift undone. What it should lie on is the feature of the same id or name, else
whatever grid or border runs there (for a road, other roads). What merely runs alongside something
fits a shift, too; so a shift is believed only where it fits edges of several directions better
than running alongside does, and where other ways to move as far fit nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo import datum as datums
from geo.datum import Datum
from layers.places import Layer
from layers.places.judged import Geometries

Floats = NDArray[np.float64]
#: As it is (None), with one of the shifts undone, or with what is stored shifted by one.
Reading = Datum | Literal["stored gcj02", "stored bd09"] | None
_STORED: dict[Reading, Datum] = {"stored gcj02": "gcj02", "stored bd09": "bd09"}
_READINGS: tuple[Reading, ...] = (None, *datums.NAMES, *_STORED)
#: A reading is better when what it leaves is at most this part of what another does, …
_CLEARLY = 0.4
#: … which is at least this far off, and not so far that it must be another place.
_LEAST_M, _MOST_M = 40.0, 3_000.0
#: How near an outline a vertex counts as on it, where no id says which outline is meant.
_ON_M = 60.0
_FEWEST_VERTICES, _FEWEST_POINTS = 8, 3
_MOST_FEATURES, _MOST_VERTICES, _MOST_OUTLINES = 2_000, 4_000, 3_000
_M_PER_DEG = 111_195.0
#: Whose outlines vertices should lie on, by layer; and how notes call them.
_GROUND = (("grids", "border"), "the grids or the border that are there")
_OUTLINES = {"roads": (("roads",), "the roads that are there")}
#: A shift is sure where its edges are of several directions (0: all parallel, 1: all alike often)
#: and so many times more vertices come to lie on them than after any other move as far.
_SPREAD, _TIMES_DECOYS = 0.05, 2.0
_DECOYS_DEG = range(60, 301, 30)
#: What counts as on an outline then: this part of the shift, within these metres.
_PART, _LEAST_ON_M = 0.25, 15.0

_ANY = "SELECT EXISTS (SELECT FROM {layer})"
_BY_ID = "SELECT id AS key, ST_AsBinary(geom) FROM {layer} WHERE id = ANY(:keys)"
_BY_NAME = """
SELECT name AS key, (array_agg(ST_AsBinary(geom)))[1] FROM {layer}
WHERE name = ANY(:keys) GROUP BY name HAVING count(*) = 1
"""
_AROUND = """
SELECT ST_AsBinary(geom) FROM {layer}
WHERE geom && ST_MakeEnvelope(:west, :south, :east, :north, 4326) LIMIT :most
"""


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """How far vertices lie off what is stored, in metres, under each reading."""

    off_m: dict[Reading, float]
    of: str


def look(
    connection: Connection,
    layer: Layer,
    geometries: Geometries,
    ids: Sequence[str] | None,
    names: Sequence[str | None] | None,
    datum: Datum | None,
) -> list[str]:
    """Notes on the datum of geometries in degrees as the file has them; ``datum`` is what was said.

    Empty where nothing is loaded to compare with, and where no reading is clearly better.
    """
    fit = None
    if ids is not None:
        fit = _matched(connection, layer, geometries, ids, _BY_ID)
    if fit is None and names is not None:
        fit = _matched(connection, layer, geometries, names, _BY_NAME)
    if fit is None and layer.geometries != ("Point",):
        fit = _along(connection, geometries, _OUTLINES.get(layer.name, _GROUND))
    if fit is None:
        return []
    best = min(_READINGS, key=lambda reading: fit.off_m[reading])
    said, left = fit.off_m[datum], fit.off_m[best]
    if best == datum or not _LEAST_M <= said <= _MOST_M or left > _CLEARLY * said:
        return []
    if best in _STORED:
        return [
            f"{fit.of} look shifted by {datums.NAMES[_STORED[best]]}: this file is {_m(said)} off"
            f" them, and would be {_m(left)} if they were put back; nothing was corrected"
        ]
    if datum is None:
        return [
            f"looks shifted by {datums.NAMES[cast('Datum', best)]}: {_m(said)} off {fit.of},"
            f" {_m(left)} after --datum {best}; nothing was corrected"
        ]
    how = "as it is" if best is None else f"with --datum {best}"
    return [
        f"does not look shifted by {datums.NAMES[datum]}: {_m(said)} off {fit.of} after"
        f" --datum {datum}, {_m(left)} {how}"
    ]


def _m(distance_m: float) -> str:
    return f"{distance_m:.0f} m" if distance_m >= 10 else f"{distance_m:.1f} m"


def _matched(
    connection: Connection,
    layer: Layer,
    geometries: Geometries,
    keys: Sequence[str | None],
    query: str,
) -> _Fit | None:
    """Vertices against the outlines of the stored features of the same key."""
    if not connection.execute(text(_ANY.format(layer=layer.name))).scalar_one():
        return None
    by_key: dict[str, int] = {}
    twice: set[str] = set()
    for row, key in enumerate(keys):
        if key and by_key.setdefault(key, row) != row:
            twice.add(key)
    asked = [
        key for key, row in by_key.items() if key not in twice and geometries[row] is not None
    ][:_MOST_FEATURES]
    stored = connection.execute(text(query.format(layer=layer.name)), {"keys": asked}).all()
    if not stored:
        return None
    per_feature = max(_MOST_VERTICES // len(stored), 4)
    xy, outlines = [], []
    for key, wkb in stored:
        some = _some(shapely.get_coordinates(geometries[by_key[key]]), per_feature)
        xy.append(some)
        outlines += [_outline(shapely.from_wkb(bytes(wkb)))] * len(some)
    points = layer.geometries == ("Point",)
    found, held = np.concatenate(xy), np.array(outlines, dtype=object)
    if len(found) < (_FEWEST_POINTS if points else _FEWEST_VERTICES):
        return None
    off_m = {}
    for reading in _READINGS:
        lon, lat = _read(found, reading)
        wide = np.cos(np.radians(lat))
        nearest = shapely.get_coordinates(
            shapely.shortest_line(held, shapely.points(lon, lat))
        ).reshape(-1, 2, 2)
        d = (nearest[:, 0] - nearest[:, 1]) * _M_PER_DEG
        off_m[reading] = float(np.median(np.hypot(d[:, 0] * wide, d[:, 1])))
    return _Fit(off_m=off_m, of=f"the {layer.name} that are there under the same ids or names")


def _along(
    connection: Connection, geometries: Geometries, outlined: tuple[tuple[str, ...], str]
) -> _Fit | None:
    """Vertices against any outline of some layers near them: those that come to lie on one under
    some reading, more than chance has them."""
    present = geometries[~shapely.is_missing(geometries)]
    if not len(present):
        return None
    west, south, east, north = shapely.total_bounds(present)
    box = {"west": west - 0.02, "south": south - 0.02, "east": east + 0.02, "north": north + 0.02}
    rows = [
        row[0]
        for name in outlined[0]
        for row in connection.execute(
            text(_AROUND.format(layer=name)), {**box, "most": _MOST_OUTLINES}
        )
    ]
    if not rows:
        return None
    outlines = [_outline(shape) for shape in shapely.from_wkb([bytes(row) for row in rows])]
    tree, wide = _segments(outlines, (south + north) / 2)
    some = _some(shapely.get_coordinates(present), 5 * _MOST_VERTICES)
    off = {reading: _distances_m(tree, wide, *_read(some, reading)) for reading in _READINGS}
    on = {reading: off_m < _ON_M for reading, off_m in off.items()}
    best = max(_READINGS, key=lambda reading: on[reading].sum())
    others = [on[reading].sum() for reading in _READINGS if reading != best]
    if on[best].sum() < max(_FEWEST_VERTICES, 3 * max(others)):
        return None
    if best is not None and not _is_sure(tree, wide, some, best, off[None]):
        return None
    return _Fit(
        off_m={reading: float(np.median(off_m[on[best]])) for reading, off_m in off.items()},
        of=outlined[1],
    )


def _is_sure(
    tree: shapely.STRtree, wide: float, xy: Floats, best: Reading, as_it_is_m: Floats
) -> bool:
    """Whether a shift explains where vertices lie better than chance, or than their running
    alongside an outline."""
    lon, lat = _read(xy, best)
    move = np.column_stack([(lon - xy[:, 0]) * wide, lat - xy[:, 1]])
    limit_m = float(np.clip(_PART * np.median(np.hypot(*move.T)) * _M_PER_DEG, _LEAST_ON_M, _ON_M))
    off_m, edge = _nearest(tree, wide, lon, lat)
    on = off_m < limit_m
    if on.sum() < _FEWEST_VERTICES:
        return False
    ends = shapely.get_coordinates(tree.geometries.take(edge[on])).reshape(-1, 2, 2)
    along = ends[:, 1] - ends[:, 0]
    # Twice the angle: both ways along an edge are one direction.
    turned = np.exp(2j * np.arctan2(along[:, 1], along[:, 0]))
    if 1 - abs(turned.mean()) < _SPREAD:
        return False
    beside = as_it_is_m[on]
    if np.median(np.abs(beside - np.median(beside))) < np.median(off_m[on]) * 1.5:
        return False
    for turn_deg in _DECOYS_DEG:
        cos, sin = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        decoy = move @ np.array([[cos, sin], [-sin, cos]])
        there_m = _distances_m(tree, wide, xy[:, 0] + decoy[:, 0] / wide, xy[:, 1] + decoy[:, 1])
        if on.sum() < _TIMES_DECOYS * (there_m < limit_m).sum():
            return False
    return True


def _outline(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.boundary(shape) if shapely.get_dimensions(shape) == 2 else shape


def _some(xy: Floats, most: int) -> Floats:
    """At most so many of the vertices, evenly."""
    return xy[:: max(-(-len(xy) // most), 1)]


def _read(xy: Floats, reading: Reading) -> tuple[Floats, Floats]:
    if reading is None:
        return xy[:, 0], xy[:, 1]
    if reading in _STORED:
        return datums.from_wgs84(xy[:, 0], xy[:, 1], _STORED[reading])
    return datums.to_wgs84(xy[:, 0], xy[:, 1], cast("Datum", reading))


def _segments(outlines: list[shapely.Geometry], lat: float) -> tuple[shapely.STRtree, float]:
    """Every edge of some outlines in a plane whose units are degrees of latitude."""
    wide = float(np.cos(np.radians(lat)))
    xy, line = shapely.get_coordinates(
        shapely.get_parts(np.array(outlines, dtype=object)), return_index=True
    )
    flat = xy * (wide, 1.0)
    same = line[1:] == line[:-1]
    edges = np.stack([flat[:-1][same], flat[1:][same]], axis=1)
    return shapely.STRtree(shapely.linestrings(edges)), wide


def _distances_m(tree: shapely.STRtree, wide: float, lon: Floats, lat: Floats) -> Floats:
    """Distance of each point to the nearest edge; infinite beyond some kilometres."""
    return _nearest(tree, wide, lon, lat)[0]


def _nearest(
    tree: shapely.STRtree, wide: float, lon: Floats, lat: Floats
) -> tuple[Floats, NDArray[np.intp]]:
    """Distance of each point to the nearest edge, infinite beyond some kilometres, and which."""
    points = shapely.points(lon * wide, lat)
    (row, edge), off = tree.query_nearest(
        points, max_distance=_MOST_M / _M_PER_DEG, return_distance=True, all_matches=False
    )
    found, which = np.full(len(points), np.inf), np.zeros(len(points), dtype=np.intp)
    found[row], which[row] = off * _M_PER_DEG, edge
    return found, which
