"""The border as a line: what share of each stretch was seen, by whom and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import earth, tracks
from geo.coverage.inputs import checked_legs, checked_swath, checked_window
from geo.coverage.rows import Floats, Ints
from geo.coverage.sightings import sightings
from geo.errors import NoCrsError, OutOfRangeError, WrongGeometryError

#: Edges are cut to this, so that a plane's straight line keeps to the one in lon/lat (0.2 m).
_MAX_EDGE_DEG = 0.01
#: A stretch as long as any line.
_ENDLESS_M = 1e9
#: What is no longer than this is not unseen.
_SLIVER_M = 0.001
#: Passes that follow each other this closely are one stay: their ends are rounded.
_SAME_MOMENT = pd.Timedelta(milliseconds=1)


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
    chainage_end_km, visited_share (0-1 of its length), patrol_s and patrol_m (of legs while they
    are within reach of it), unknown_s (of gaps with both ends within reach), visits (separate stays
    of a unit within reach; such a gap does not end one), patrols and units (distinct),
    first_visit, last_visit (UTC, NaT if never), the longest part of it that nobody saw
    (longest_unseen_m, and longest_unseen_start_km where it begins; 0 and NaN if there is none),
    geometry (4326).

    Raises MissingColumnError, NoCrsError, WrongGeometryError, NaiveTimeError, OutOfRangeError.
    """
    return _looked_at(line, legs, segment_m, swath_m, start, end).stretches()


def border_and_lines(
    line: gpd.GeoDataFrame,
    legs: pd.DataFrame,
    *,
    segment_m: float,
    swath_m: float,
    start: datetime | None = None,
    end: datetime | None = None,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The stretches as ``border`` gives them, and the same with each line as one stretch; ids of
    lines are there once."""
    found = _looked_at(line, legs, segment_m, swath_m, start, end)
    return found.stretches(), found.lines()


@dataclass(frozen=True, kw_only=True, eq=False)
class _LookedAt:
    """What is seen of lines, by their stretches."""

    line: gpd.GeoDataFrame
    bare: gpd.GeoDataFrame  #: the stretches, without figures
    edges: pd.DataFrame
    rows: pd.DataFrame  #: legs
    gaps: pd.DataFrame
    passes: pd.DataFrame
    near: list[pd.DataFrame]  #: of the beginnings of gaps, and of their ends

    def stretches(self) -> gpd.GeoDataFrame:
        unknown = _unknown(self.near, self.gaps)
        return _with_figures(self.bare, self.edges, self.passes, self.rows, unknown)

    def lines(self) -> gpd.GeoDataFrame:
        _, bare = _stretches(self.line, _ENDLESS_M)
        line_of = pd.Index(bare["border"]).get_indexer(pd.Index(self.bare["border"]))

        def whole(found: pd.DataFrame) -> pd.DataFrame:
            return found.assign(stretch=line_of[found["stretch"].to_numpy().astype(np.int64)])

        unknown = _unknown([whole(one) for one in self.near], self.gaps)
        return _with_figures(bare, whole(self.edges), whole(self.passes), self.rows, unknown)


def _looked_at(
    line: gpd.GeoDataFrame, legs: pd.DataFrame, segment_m: float, swath_m: float,
    start: datetime | None, end: datetime | None,
) -> _LookedAt:  # fmt: skip
    checked_window(start, end)
    swath_m, rows = checked_swath(swath_m), checked_legs(legs)
    if not (np.isfinite(segment_m) and segment_m > 0):
        raise OutOfRangeError(f"segment_m={segment_m!r}: give a length in metres, above 0")
    if start is not None or end is not None:
        rows = checked_legs(tracks.cut(rows, start, end))
    is_leg = rows["is_leg"].to_numpy(dtype=bool)
    gaps, rows = rows[~is_leg].reset_index(drop=True), rows[is_leg].reset_index(drop=True)
    line = _checked_line(line)
    edges, bare = _stretches(line, segment_m)
    return _LookedAt(
        line=line, bare=bare, edges=edges, rows=rows, gaps=gaps,
        passes=_passes(edges, rows, sightings(edges, rows, swath_m / 2)),
        near=_near(edges, gaps, swath_m / 2),
    )  # fmt: skip


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


def _passes(edges: pd.DataFrame, rows: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Sightings with their stretch and leg: of the line ``low``..``high`` metres, of the leg
    ``at0``..``at1``, and when (``start``, ``end``)."""
    own, leg = edges.loc[seen["edge"]].reset_index(drop=True), rows.loc[seen["leg"]]
    start, span = leg["start"].reset_index(drop=True), (leg["end"] - leg["start"]).array
    length_m = own["to_m"] - own["from_m"]
    return pd.DataFrame({
        "stretch": own["stretch"].astype(np.int64), "leg": seen["leg"].to_numpy(),
        "low": own["from_m"] + length_m * seen["see0"].to_numpy(),
        "high": own["from_m"] + length_m * seen["see1"].to_numpy(),
        "at0": seen["at0"].to_numpy(), "at1": seen["at1"].to_numpy(),
        "start": (start + span * seen["at0"].to_numpy()).dt.round("us"),
        "end": (start + span * seen["at1"].to_numpy()).dt.round("us"),
        "unit": leg["unit"].to_numpy(), "patrol": leg["patrol"].to_numpy(),
    })  # fmt: skip


def _near(edges: pd.DataFrame, gaps: pd.DataFrame, r_m: float) -> list[pd.DataFrame]:
    """The stretches within reach of where gaps begin, and of where they end: stretch, gap."""
    near = []
    for lon, lat in (("lon0", "lat0"), ("lon1", "lat1")):
        stands = gaps.assign(
            lon0=gaps[lon], lat0=gaps[lat], lon1=gaps[lon], lat1=gaps[lat], length_m=0.0
        )
        seen = sightings(edges, stands, r_m)
        stretch = edges.loc[seen["edge"], "stretch"].to_numpy().astype(np.int64)
        near.append(pd.DataFrame({"stretch": stretch, "gap": seen["leg"]}))
    return near


def _unknown(near: list[pd.DataFrame], gaps: pd.DataFrame) -> pd.DataFrame:
    """Gaps with both ends within reach of a stretch: stretch, unit, start, end, unknown_s."""
    begin, end = (one.drop_duplicates() for one in near)
    both = begin.merge(end)
    of = gaps.loc[both["gap"]]
    return pd.DataFrame({
        "stretch": both["stretch"].to_numpy(), "unit": of["unit"].to_numpy(),
        "start": of["start"].array, "end": of["end"].array,
        "unknown_s": of["duration_s"].to_numpy(dtype=float),
    })  # fmt: skip


def _visits(passes: pd.DataFrame, unknown: pd.DataFrame) -> pd.Series:
    """By stretch, how many runs of passes follow each other without leaving its reach."""
    both = pd.concat([
        passes[["stretch", "unit", "start", "end"]].assign(is_leg=True),
        unknown[["stretch", "unit", "start", "end"]].assign(is_leg=False),
    ])  # fmt: skip
    both = both.sort_values(["stretch", "unit", "start", "end"], kind="stable", ignore_index=True)
    group = both[["stretch", "unit"]].ne(both[["stretch", "unit"]].shift()).any(axis=1).cumsum()
    reached = both["end"].groupby(group).cummax().groupby(group).shift()
    run = (reached.isna() | (both["start"] > reached + _SAME_MOMENT)).cumsum()
    real = both["is_leg"].groupby(run).any()
    return real.groupby(both["stretch"].groupby(run).first()).sum()


def _united(group: Ints, low: Floats, high: Floats) -> pd.Series:
    """Length of the union of intervals, by group."""
    order = np.lexsort((low, group))
    group, low, high = group[order], low[order], high[order]
    reached = pd.Series(high).groupby(group).cummax().groupby(group).shift().to_numpy()
    new = np.maximum(high - np.fmax(low, np.nan_to_num(reached, nan=-np.inf)), 0)
    return pd.Series(new).groupby(group).sum()


def _unseen(edges: pd.DataFrame, passes: pd.DataFrame) -> pd.DataFrame:
    """By stretch, the longest part that no pass sees: ``unseen_m``, and ``at_m`` of the stretch."""
    whole = edges.groupby(edges["stretch"].astype(np.int64)).agg({"from_m": "min", "to_m": "max"})
    # A pass at either end, of no length, so that what is unseen lies between two passes.
    ends = pd.concat([
        pd.DataFrame({"stretch": whole.index, "low": end.to_numpy(), "high": end.to_numpy()})
        for end in (whole["from_m"], whole["to_m"])
    ])  # fmt: skip
    every = pd.concat([passes[["stretch", "low", "high"]], ends])
    every = every.sort_values(["stretch", "low", "high"], ignore_index=True)
    begins = every["high"].groupby(every["stretch"]).cummax().groupby(every["stretch"]).shift()
    unseen_m = (every["low"] - begins).fillna(0.0).clip(lower=0.0)
    longest = unseen_m.groupby(every["stretch"]).idxmax()
    return pd.DataFrame(
        {"unseen_m": unseen_m[longest].to_numpy(), "at_m": begins[longest].to_numpy()},
        index=longest.index,
    ).assign(at_m=lambda found: found["at_m"] - whole["from_m"])


def _with_figures(
    stretches: gpd.GeoDataFrame,
    edges: pd.DataFrame,
    passes: pd.DataFrame,
    rows: pd.DataFrame,
    unknown: pd.DataFrame,
) -> gpd.GeoDataFrame:
    """The stretches with their figures."""
    count, legs = range(len(stretches)), max(len(rows), 1)
    stretch = passes["stretch"].to_numpy()
    whole_m = edges["to_m"].sub(edges["from_m"]).groupby(edges["stretch"].astype(int)).sum()
    pair = stretch * legs + passes["leg"].to_numpy()
    passed = _united(pair, passes["at0"].to_numpy(), passes["at1"].to_numpy())
    of_leg, of_stretch = passed.index % legs, passed.index // legs
    seen_m = _united(stretch, passes["low"].to_numpy(), passes["high"].to_numpy())
    figures = {
        "visited_share": (seen_m.reindex(count, fill_value=0.0) / whole_m).clip(0.0, 1.0),
        **{
            name: (passed * rows[column].to_numpy(dtype=float)[of_leg]).groupby(of_stretch).sum()
            for name, column in (("patrol_s", "duration_s"), ("patrol_m", "length_m"))
        },
        "unknown_s": unknown.groupby("stretch")["unknown_s"].sum(),
        "visits": _visits(passes, unknown),
        "patrols": passes.groupby("stretch")["patrol"].nunique(),
        "units": passes.groupby("stretch")["unit"].nunique(),
    }
    filled = {n: s.reindex(count, fill_value=0).to_numpy() for n, s in figures.items()}
    filled |= {
        "first_visit": passes.groupby("stretch")["start"].min().reindex(count).array,
        "last_visit": passes.groupby("stretch")["end"].max().reindex(count).array,
    }
    unseen = _unseen(edges, passes).reindex(count)
    # Rounding leaves slivers between passes that meet.
    some = (unseen["unseen_m"] > _SLIVER_M).to_numpy()
    begins_km = stretches["chainage_start_km"].to_numpy() + unseen["at_m"].to_numpy() / 1000
    filled |= {
        "longest_unseen_m": np.where(some, unseen["unseen_m"], 0.0),
        "longest_unseen_start_km": np.where(some, begins_km, np.nan),
    }
    out = stretches.assign(**filled)
    return out[[c for c in out.columns if c != "geometry"] + ["geometry"]]
