"""Sightings: which part of a line a leg sees, and during which part of the leg."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import shapely

from geo import earth
from geo.coverage.inputs import lines_near
from geo.coverage.rows import Floats, Ints

#: Edges within so many degrees of longitude are measured on one plane.
_BLOCK_DEG = 4.0
#: How far a chord may leave its geodesic.
_SAGITTA_M = 0.001


def _within(p: Floats, q: Floats, r: float) -> tuple[Floats, Floats]:
    """Which fractions of segments ``p`` lie within ``r`` of segments ``q`` (n, 4), from and to.

    What is within r of a segment is convex: the hull of where p meets both end discs and the band
    between them. Empty: from above to.
    """
    low, high = np.full(len(p), np.inf), np.full(len(p), -np.inf)
    way, along = p[:, 2:] - p[:, :2], q[:, 2:] - q[:, :2]
    square, q_square = (way**2).sum(axis=1), (along**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        for centre in (q[:, :2], q[:, 2:]):
            to = p[:, :2] - centre
            half = (to * way).sum(axis=1)
            root = np.sqrt(half**2 - square * ((to**2).sum(axis=1) - r * r))
            low, high = np.fmin(low, (-half - root) / square), np.fmax(high, (root - half) / square)
        to = p[:, :2] - q[:, :2]
        # along q: 0 <= a + t b <= |q|²; across q: |c + t d| <= r |q|
        a, b = (to * along).sum(axis=1), (way * along).sum(axis=1)
        c = to[:, 1] * along[:, 0] - to[:, 0] * along[:, 1]
        d = way[:, 1] * along[:, 0] - way[:, 0] * along[:, 1]
        begin, end = np.full(len(p), -np.inf), np.full(len(p), np.inf)
        wide = r * np.sqrt(q_square)
        for at, slope, least, most in ((a, b, 0.0, q_square), (c, d, -wide, wide)):
            one, two = (least - at) / slope, (most - at) / slope
            always = (at >= least) & (at <= most)
            flat = slope == 0
            flat_begin = np.where(always, -np.inf, np.inf)
            begin = np.maximum(begin, np.where(flat, flat_begin, np.fmin(one, two)))
            end = np.minimum(end, np.where(flat, np.inf, np.fmax(one, two)))
        real = (begin <= end) & (q_square > 0)
        low = np.where(real, np.fmin(low, begin), low)
        high = np.where(real, np.fmax(high, end), high)
    low, high = np.clip(low, 0, None), np.clip(high, None, 1)
    standing = square == 0
    return np.where(standing, 0.0, low), np.where(standing, 1.0, high)


def sightings(edges: pd.DataFrame, rows: pd.DataFrame, r_m: float) -> pd.DataFrame:
    """Every (edge, leg) within reach: of the edge ``see0..see1``, of the leg ``at0..at1``."""
    found = []
    if len(edges) and len(rows):
        block = np.floor((edges["x0"] + edges["x1"]) / 2 / _BLOCK_DEG)
        for _, own in edges.groupby(block):
            found.append(_block_sightings(own, rows, r_m))
    empty = pd.DataFrame({
        "edge": np.empty(0, np.int64), "leg": np.empty(0, np.int64),
        "see0": np.empty(0), "see1": np.empty(0), "at0": np.empty(0), "at1": np.empty(0),
    })  # fmt: skip
    return pd.concat(found, ignore_index=True) if found else empty


def _block_sightings(edges: pd.DataFrame, rows: pd.DataFrame, r_m: float) -> pd.DataFrame:
    xy = edges[["x0", "y0", "x1", "y1"]].to_numpy()
    west, south = np.minimum(xy[:, :2], xy[:, 2:]).min(axis=0)
    east, north = np.maximum(xy[:, :2], xy[:, 2:]).max(axis=0)
    plane = earth.Plane.equal_area((west, south, east, north))
    lines = lines_near(rows, (west + east) / 2)
    low, high = np.minimum(lines[:, :2], lines[:, 2:]), np.maximum(lines[:, :2], lines[:, 2:])
    # what a leg can reach, and a tenth of a degree for the bend of a long one
    dy = r_m / 110_500 + 0.1
    dx = dy / math.cos(math.radians(min(89.0, max(abs(south), abs(north)) + dy)))
    close = (low <= (east + dx, north + dy)).all(axis=1)
    close &= (high >= (west - dx, south - dy)).all(axis=1)
    near = np.flatnonzero(close)
    pieces, line, parts = chords(lines[near], rows["length_m"].to_numpy(dtype=float)[near])
    p, q = _flat(plane, xy), _flat(plane, pieces)
    tree = shapely.STRtree(shapely.linestrings(p.reshape(-1, 2, 2)))
    seers = shapely.linestrings(q.reshape(-1, 2, 2))
    standing = (q[:, :2] == q[:, 2:]).all(axis=1)
    seers[standing] = shapely.points(q[standing, :2])  # no line of no length is near anything
    chord, edge = tree.query(seers, "dwithin", distance=r_m)
    see0, see1 = _within(p[edge], q[chord], r_m)
    at0, at1 = _within(q[chord], p[edge], r_m)
    real = (see0 <= see1) & (at0 <= at1)
    span = parts[chord, 1] - parts[chord, 0]
    return pd.DataFrame({
        "edge": edges.index.to_numpy()[edge], "leg": near[line[chord]], "see0": see0, "see1": see1,
        "at0": parts[chord, 0] + at0 * span, "at1": parts[chord, 0] + at1 * span,
    })[real]  # fmt: skip


def _flat(plane: earth.Plane, lines: Floats) -> Floats:
    """Lines (n, 4) in degrees onto a plane."""
    ends = [np.column_stack(plane.forward(lines[:, c], lines[:, c + 1])) for c in (0, 2)]
    return np.hstack(ends)


def chords(lines: Floats, length_m: Floats) -> tuple[Floats, Ints, Floats]:
    """Geodesics (n, 4: lon0, lat0, lon1, lat1) as chords straight in lon/lat.

    Returns the chords (m, 4), which line each is of, and its two fractions (m, 2) of the line.
    A chord of length L leaves its geodesic by about L² tan(lat) / 8R.
    """
    steep = np.tan(np.radians(np.minimum(np.abs(lines[:, [1, 3]]).max(axis=1, initial=0), 89.0)))
    longest_m = np.sqrt(8 * 6.371e6 * _SAGITTA_M / np.maximum(steep, 0.1))
    count = np.maximum(np.ceil(length_m / longest_m), 1).astype(np.int64)
    line = np.repeat(np.arange(len(lines)), count)
    step = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    parts = np.column_stack((step, step + 1)) / count[line][:, None]
    out = lines[line]
    for at, column in ((0, 0), (1, 2)):
        inner = (parts[:, at] > 0) & (parts[:, at] < 1)
        lon0, lat0, lon1, lat1 = lines[line[inner]].T
        lon, lat = earth.interpolate(lon0, lat0, lon1, lat1, parts[inner, at])
        # a chord is in the turn of longitude that its line begins in
        out[inner, column] = lon + 360 * np.round((lon0 - lon) / 360)
        out[inner, column + 1] = lat
    return out, line, parts
