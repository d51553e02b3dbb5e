"""Crossings of line fences as rows, from the legs that come near their edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.breaches.fences import Fences
from geo.breaches.lines import LineCrossings, line_crossings, touches
from geo.breaches.pieces import Pieces, pieces
from geo.breaches.records import CROSSING, RECORD
from geo.breaches.ways import Law
from geo.earth import interpolate
from geo.tracks.columns import Bools, Ints
from geo.tracks.path import Track


@dataclass(frozen=True, kw_only=True, eq=False)
class Met:
    """What units did at lines."""

    rows: NDArray[np.void]  #: RECORD of kind CROSSING
    on_line: Bools  #: by unit: its last fix is on a line


def crossings(track: Track, fences: Fences, law: Law, pairs: Ints) -> Met:
    """The crossings among pairs (fix that ends a leg, edge of a line)."""
    on_line = np.zeros(len(track.units), dtype=bool)
    if not len(pairs):
        return Met(rows=np.empty(0, dtype=RECORD), on_line=on_line)
    legs = _with_neighbours(track, np.unique(pairs[:, 0]))
    cut = pieces(legs, track.lon, track.lat)
    piece, edge = _each_piece(cut, pairs)
    joins = np.zeros(len(cut.leg), dtype=bool)
    joins[1:] = (cut.leg[1:] == cut.leg[:-1]) | (cut.leg[1:] == cut.leg[:-1] + 1)
    joins[1:] &= track.unit[cut.leg[1:]] == track.unit[cut.leg[:-1]]
    found = line_crossings(cut, piece, edge, fences, joins)
    ends = track.starts[1:][track.unit[cut.leg[piece]]] - 1
    last = (cut.leg[piece] == ends) & (cut.tail[piece] == 1)
    rests = last & touches(cut.end[piece], fences.edges, edge)
    on_line[track.unit[cut.leg[piece[rests]]]] = True
    return Met(rows=_rows(track, fences, law, found), on_line=on_line)


def _with_neighbours(track: Track, legs: Ints) -> Ints:
    """The legs, and what the path does before and after them: over stands to the next move."""
    near = np.zeros(len(track.lon) + 1, dtype=bool)
    near[legs] = True
    still = track.is_leg.copy()
    still[1:] &= (np.diff(track.lat) == 0) & (np.diff(track.lon) % 360 == 0)
    block = near[:-1] | still
    ends = np.flatnonzero(np.diff(block, prepend=False, append=False))
    low, high = ends[::2], ends[1::2]
    before = np.r_[0, np.cumsum(near)]
    met = before[high] > before[low]
    change = np.zeros(len(near) + 1, dtype=np.int64)
    change[np.maximum(low[met] - 1, 0)] += 1
    change[high[met] + 1] -= 1
    near |= np.cumsum(change)[:-1] > 0
    return np.flatnonzero(near[:-1] & track.is_leg)


def _each_piece(cut: Pieces, pairs: Ints) -> tuple[Ints, Ints]:
    first = np.searchsorted(cut.leg, pairs[:, 0])
    count = np.searchsorted(cut.leg, pairs[:, 0], side="right") - first
    row = np.repeat(np.arange(len(pairs)), count)
    along = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return first[row] + along, pairs[row, 1]


def _rows(track: Track, fences: Fences, law: Law, found: LineCrossings) -> NDArray[np.void]:
    """Crossings in force in the forbidden direction, numbered where one leg has several."""
    order = np.lexsort((found.to_right, found.part, found.leg, found.fence))
    fence, leg, to_right = found.fence[order], found.leg[order], found.to_right[order]
    span_us = track.time_us[leg] - track.time_us[leg - 1]
    at_us = track.time_us[leg - 1] + np.rint(found.part[order] * span_us).astype(np.int64)
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (fence[1:] == fence[:-1]) & (leg[1:] == leg[:-1])
    twice = same.copy()  # two strands of one fence meet there
    twice[1:] &= (to_right[1:] == to_right[:-1]) & (at_us[1:] == at_us[:-1])
    counted = np.cumsum(~twice)
    nth = counted - np.maximum.accumulate(np.where(same, 0, counted - 1)) if len(order) else counted
    keep = ~twice & np.asarray(
        [
            _forbidden(fences.directions[f], bool(r)) and _in_force(law, f, moment)
            for f, r, moment in zip(fence, to_right, at_us, strict=True)
        ],
        dtype=bool,
    )
    fence, leg, to_right, at_us, nth = (
        fence[keep],
        leg[keep],
        to_right[keep],
        at_us[keep],
        nth[keep],
    )
    part = found.part[order][keep]
    rows = np.zeros(len(fence), dtype=RECORD)
    rows["unit"], rows["fence"], rows["kind"] = track.unit[leg], fence, CROSSING
    rows["to_right"], rows["nth"], rows["key_nth"] = to_right, nth, nth
    for name in ("at_us", "begun_us", "exit_us", "until_us"):
        rows[name] = at_us
    for name in ("earliest_us", "exit_earliest_us"):
        rows[name] = track.time_us[leg - 1]
    for name in ("latest_us", "exit_latest_us", "fix_us", "exit_fix_us", "key_us"):
        rows[name] = track.time_us[leg]
    if len(leg):
        ends = track.lon[leg - 1], track.lat[leg - 1], track.lon[leg], track.lat[leg]
        rows["lon"], rows["lat"] = interpolate(*ends, part)
    return rows


def _forbidden(direction: str, to_right: bool) -> bool:
    return direction == "any" or (direction == "left_to_right") == to_right


def _in_force(law: Law, fence: int, moment_us: int) -> bool:
    rule = law.fences[fence]
    starts = law.starts[rule["span0"] : rule["span1"]]
    ends = law.ends[rule["span0"] : rule["span1"]]
    return bool(((starts <= moment_us) & (moment_us < ends)).any())
