"""The border as a line: what share of each stretch was seen, by whom and when."""

from __future__ import annotations

from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import earth, tracks
from geo.coverage.ground import Floats, Ints
from geo.coverage.inputs import checked_legs, checked_swath, checked_window
from geo.coverage.sightings import sightings
from geo.errors import NoCrsError, OutOfRangeError, WrongGeometryError

#: Edges are cut to this, so that a plane's straight line keeps to the one in lon/lat (0.2 m).
_MAX_EDGE_DEG = 0.01


def border(
    line: gpd.GeoDataFrame,
    legs: pd.DataFrame,
    *,
    segment_m: float = 1000.0,
    swath_m: float,
    start: datetime | None = None,
    end: datetime | None = None,
) -> gpd.GeoDataFrame:
    """What of each stretch of a line was within ``swath_m / 2`` of the legs.

    Parameters
    ----------
    line : (Multi)LineStrings, any declared CRS, index = id; ``chainage_start_km`` (default 0) is
        where each begins. Parts of a MultiLineString follow each other.
    legs : the frame of ``geo.tracks.legs``, cut at the window's ends; gaps see nothing.
    segment_m : length of a stretch along the line (the last one of a line is what is left).

    Returns
    -------
    One row a stretch, index ``<id>-<number>``: border (the line's id), chainage_start_km,
    chainage_end_km, seen_share (0-1 of its length), patrol_s (seconds of legs within reach of
    it), patrols and units (distinct), first_seen, last_seen (UTC, NaT if never), geometry (4326).

    Raises MissingColumnError, NoCrsError, WrongGeometryError, NaiveTimeError, OutOfRangeError.
    """
    checked_window(start, end)
    swath_m, rows = checked_swath(swath_m), checked_legs(legs)
    if not (np.isfinite(segment_m) and segment_m > 0):
        raise OutOfRangeError(f"segment_m={segment_m!r}: give a length in metres, above 0")
    if start is not None or end is not None:
        rows = checked_legs(tracks.cut(rows, start, end))
    rows = rows[rows["is_leg"].to_numpy(dtype=bool)].reset_index(drop=True)
    edges, stretches = _stretches(_checked_line(line), segment_m)
    return _with_sightings(stretches, edges, sightings(edges, rows, swath_m / 2), rows)


def _checked_line(line: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if line.crs is None:
        raise NoCrsError("border: no coordinate reference system; set it (EPSG:4326 for lon/lat)")
    wrong = ~np.isin(shapely.get_type_id(line.geometry.to_numpy()), (1, 5))
    if wrong.any():
        raise WrongGeometryError(f"border {line.index[wrong][0]!r}: is no line; leave it out")
    return line.to_crs(earth.LONLAT)


def _cut_line(geometry: shapely.Geometry, segment_m: float) -> tuple[Floats, Floats, Ints]:
    """Edges (n, 4) of a line cut at every ``segment_m``, their (from, to) in metres, stretch."""
    parts = shapely.segmentize(shapely.get_parts(geometry), _MAX_EDGE_DEG)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    edges = np.column_stack((xy[:-1], xy[1:]))[part[1:] == part[:-1]]
    length_m = earth.geodesic_m(*edges.T)
    edges, length_m = edges[length_m > 0], length_m[length_m > 0]
    to_m = np.cumsum(length_m)
    ends = np.arange(1, int(to_m[-1] / segment_m) + 1) * segment_m if len(to_m) else np.empty(0)
    ends = ends[ends < to_m[-1] - 1e-6] if len(to_m) else ends
    edge = np.searchsorted(to_m, ends)
    part_of_edge = (ends - (to_m - length_m)[edge]) / length_m[edge]
    # every edge begins at its own start, and again at each cut that falls on it
    owner = np.r_[np.arange(len(edges)), edge]
    begin = np.r_[np.zeros(len(edges)), part_of_edge]
    order = np.lexsort((begin, owner))
    owner, begin = owner[order], begin[order]
    last = np.r_[owner[1:] != owner[:-1], True][: len(owner)]
    end = np.where(last, 1.0, np.r_[begin[1:], 1.0][: len(owner)])
    a, way = edges[owner, :2], edges[owner, 2:] - edges[owner, :2]
    out = np.hstack((a + begin[:, None] * way, a + end[:, None] * way))
    out[last, 2:] = edges[owner[last], 2:]
    metres = (to_m - length_m)[owner, None] + length_m[owner, None] * np.column_stack((begin, end))
    real = end > begin
    stretch = np.searchsorted(ends, metres.mean(axis=1))
    return out[real], metres[real], stretch[real].astype(np.int64)


def _stretches(line: gpd.GeoDataFrame, segment_m: float) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """The edges (x0, y0, x1, y1, from_m, to_m, stretch) and the frame of stretches, bare."""
    edges, names = [], []
    rows: list[tuple[str, float, float, shapely.Geometry]] = []
    chainage = line.get("chainage_start_km", pd.Series(0.0, index=line.index)).fillna(0.0)
    for name, start_km, geometry in zip(line.index, chainage, line.geometry, strict=True):
        xy, metres, stretch = _cut_line(geometry, segment_m)
        edges.append(np.column_stack((xy, metres, stretch + len(rows))))
        for n in range(int(stretch.max(initial=-1)) + 1):
            own = stretch == n
            from_m, to_m = metres[own, 0].min(), metres[own, 1].max()
            names.append(f"{name}-{n:04d}")
            rows.append((name, start_km + from_m / 1000, start_km + to_m / 1000, _line_of(xy[own])))
    columns = ["border", "chainage_start_km", "chainage_end_km", "geometry"]
    frame = pd.DataFrame(rows, columns=columns, index=pd.Index(names, name="id", dtype="str"))
    table = np.vstack([np.empty((0, 7)), *edges])
    return (
        pd.DataFrame(table, columns=["x0", "y0", "x1", "y1", "from_m", "to_m", "stretch"]),
        gpd.GeoDataFrame(frame, geometry="geometry", crs=earth.LONLAT),
    )


def _line_of(edges: Floats) -> shapely.Geometry:
    """Consecutive edges as one line; several where a part of the line ends."""
    breaks = np.flatnonzero((edges[1:, :2] != edges[:-1, 2:]).any(axis=1)) + 1
    runs = [np.vstack((run[:, :2], run[-1:, 2:])) for run in np.split(edges, breaks)]
    return shapely.LineString(runs[0]) if len(runs) == 1 else shapely.MultiLineString(runs)


def _united(group: Ints, low: Floats, high: Floats) -> pd.Series:
    """Length of the union of intervals, by group."""
    order = np.lexsort((low, group))
    group, low, high = group[order], low[order], high[order]
    reached = pd.Series(high).groupby(group).cummax().groupby(group).shift().to_numpy()
    new = np.maximum(high - np.fmax(low, np.nan_to_num(reached, nan=-np.inf)), 0)
    return pd.Series(new).groupby(group).sum()


def _with_sightings(
    stretches: gpd.GeoDataFrame, edges: pd.DataFrame, seen: pd.DataFrame, rows: pd.DataFrame
) -> gpd.GeoDataFrame:
    """The stretches with their figures."""
    count = range(len(stretches))
    own, leg = edges.loc[seen["edge"]].reset_index(drop=True), rows.loc[seen["leg"]]
    stretch = own["stretch"].to_numpy().astype(np.int64)
    length_m = own["to_m"] - own["from_m"]
    see = [(own["from_m"] + length_m * seen[s].to_numpy()).to_numpy() for s in ("see0", "see1")]
    whole_m = edges["to_m"].sub(edges["from_m"]).groupby(edges["stretch"].astype(int)).sum()
    pair = stretch * max(len(rows), 1) + seen["leg"].to_numpy()
    passed = _united(pair, seen["at0"].to_numpy(), seen["at1"].to_numpy())
    passed_s = passed * rows["duration_s"].to_numpy(dtype=float)[passed.index % max(len(rows), 1)]
    times = {
        name: (leg["start"] + (leg["end"] - leg["start"]) * seen[at].to_numpy()).dt.round("us")
        for name, at in (("first_seen", "at0"), ("last_seen", "at1"))
    }

    figures = {
        "seen_share": _united(stretch, *see).reindex(count, fill_value=0.0) / whole_m,
        "patrol_s": passed_s.groupby(passed.index // max(len(rows), 1)).sum(),
        "patrols": leg["patrol"].groupby(stretch).nunique(),
        "units": leg["unit"].groupby(stretch).nunique(),
    }
    filled = {n: s.reindex(count, fill_value=0).to_numpy() for n, s in figures.items()}
    filled |= {
        "first_seen": times["first_seen"].groupby(stretch).min().reindex(count).array,
        "last_seen": times["last_seen"].groupby(stretch).max().reindex(count).array,
    }
    out = stretches.assign(**filled)
    out["seen_share"] = out["seen_share"].clip(0.0, 1.0)
    return out[[c for c in out.columns if c != "geometry"] + ["geometry"]]
