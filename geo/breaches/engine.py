"""The engine: a track and fence versions in, rows of what was done at the fences out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.breaches.crossings import crossings
from geo.breaches.fences import Fences
from geo.breaches.law import kinds_of, law_of
from geo.breaches.links import link
from geo.breaches.pieces import bends, pieces
from geo.breaches.records import RECORD
from geo.breaches.rooms import lent
from geo.breaches.walk import walk
from geo.breaches.ways import Path, still
from geo.tracks.columns import Bools, Floats, Ints, need
from geo.tracks.path import Track

Records = NDArray[np.void]


@dataclass(frozen=True, kw_only=True, eq=False)
class Walked:
    """What units did; ``unit`` in both is their position in the track, ``fence`` in the fences."""

    rows: Records  #: RECORD: parts of visits in force, ended or open, and crossings
    lasting: Records  #: RECORD: the visits that last, by unit: give them to the next walk
    on_line: Bools  #: by unit: it stopped on a line, so a crossing there is not decided yet


def walked(
    track: Track,
    units: pd.DataFrame,
    fences: Fences,
    *,
    zone: ZoneInfo | None,
    every: bool = False,
    known_inside: Collection[tuple[str, str]] = (),
    lasting: Records | None = None,
    going: Bools | None = None,
) -> Walked:
    """``walked_by`` of units that a frame tells of: index unit; accuracy_m [, kind, team].

    Raises MissingColumnError.
    """
    need(units, ("accuracy_m",), "units")
    own = units.loc[track.units]
    words = [
        [word if isinstance(word, str) else "" for word in own[name].tolist()]
        if name in own
        else [""] * len(own)
        for name in ("kind", "team")
    ]
    asked, kind = kinds_of(fences, track.units, *words)
    return walked_by(
        track, fences, asked=asked, kind=kind, typical_m=own["accuracy_m"].to_numpy(dtype=float),
        zone=zone, every=every, known_inside=known_inside, lasting=lasting, going=going,
    )  # fmt: skip


def walked_by(
    track: Track,
    fences: Fences,
    *,
    asked: Bools,
    kind: Ints,
    typical_m: Floats,
    zone: ZoneInfo | None,
    every: bool = False,
    known_inside: Collection[tuple[str, str]] = (),
    lasting: Records | None = None,
    going: Bools | None = None,
) -> Walked:
    """Walk a track past fences.

    ``asked`` (kinds, fences) and ``kind`` (of each unit of the track): whom fences speak of, as
    ``kinds_of`` says it. ``typical_m``: by unit, how accurate its fixes are where they do not
    tell. ``every``: stays inside areas, whatever their rule. ``known_inside``: (unit, fence)
    pairs with which a track begins inside. To walk on, give ``lasting`` of the walk before (units
    and fences numbered as here, sorted by unit) and say of which units (``going``): their first
    fix must be the last one that was walked.
    """
    count = len(track.units)
    before = still(np.empty(0, dtype=RECORD) if lasting is None else lasting, RECORD)
    if not len(track.lon) or not len(fences):
        none = np.empty(0, dtype=RECORD)
        return Walked(rows=none, lasting=none, on_line=np.zeros(count, dtype=bool))
    law = law_of(
        fences, asked, int(track.time_us.min()), int(track.time_us.max()), zone=zone, every=every
    )
    path = _path(track, fences, kind, typical_m, known_inside, going)
    before_starts = np.searchsorted(before["unit"], np.arange(count + 1))
    many = 2 * len(track.lon) + 1024
    sizes = np.asarray([many, len(before) + many, many])
    with lent(fences) as room:
        while True:
            rows, last = np.empty(sizes[0], dtype=RECORD), np.empty(sizes[1], dtype=RECORD)
            pairs = np.empty((sizes[2], 2), dtype=np.int64)
            found = np.asarray(
                walk(fences.tree, law, path, room, before, before_starts, rows, last, pairs)
            )
            if (found <= sizes).all():
                break
            sizes = np.maximum(sizes, found)
    rows, last = rows[: found[0]], last[: found[1]]
    met = crossings(track, fences, law, pairs[: found[2]])
    rows, last = link(rows, last, fences)
    if len(met.rows):
        rows = np.concatenate([rows, met.rows])
    return Walked(rows=rows, lasting=last, on_line=met.on_line)


def _path(
    track: Track,
    fences: Fences,
    kind: Ints,
    typical_m: Floats,
    known_inside: Collection[tuple[str, str]],
    going: Bools | None,
) -> Path:
    accuracy_m = track.accuracy_m
    silent = np.flatnonzero(np.isnan(accuracy_m))
    if len(silent):
        accuracy_m = accuracy_m.copy()
        accuracy_m[silent] = np.nan_to_num(typical_m)[track.unit[silent]]
    bent = np.flatnonzero(bends(track))
    piece = np.zeros(len(track.lon), dtype=np.int32)
    shape, heads, tails = np.zeros((1, 4)), np.zeros(1), np.ones(1)
    if len(bent):
        cut = pieces(bent, track.lon, track.lat)
        piece[bent] = np.searchsorted(cut.leg, bent) + 1
        shape = np.vstack([shape, np.hstack([cut.start, cut.end])])
        heads, tails = np.r_[heads, cut.head], np.r_[tails, cut.tail]
    inside, inside_starts = _known(track, fences, known_inside)
    if going is None:
        going = np.zeros(len(track.units), dtype=bool)
    return Path(
        starts=still(track.starts, np.int64),
        kind=still(kind, np.int64),
        time_us=still(track.time_us, np.int64),
        lon=still(track.lon, np.float64),
        lat=still(track.lat, np.float64),
        accuracy_m=still(accuracy_m, np.float64),
        is_leg=still(track.is_leg, np.bool_),
        piece=piece,
        pieces=shape,
        heads=heads,
        tails=tails,
        going=still(going, np.bool_),
        inside=inside,
        inside_starts=inside_starts,
    )


def _known(
    track: Track, fences: Fences, known_inside: Collection[tuple[str, str]]
) -> tuple[NDArray[np.int32], Ints]:
    """The fences inside of which units begin because the caller knows so, by unit."""
    if not known_inside:
        return np.empty(0, dtype=np.int32), np.zeros(len(track.units) + 1, dtype=np.int64)
    versions: dict[str, list[int]] = {}
    for f, name in enumerate(fences.ids):
        versions.setdefault(name, []).append(f)
    of: dict[str, list[int]] = {}
    for unit, fence in sorted(known_inside):
        of.setdefault(unit, []).extend(versions.get(fence, ()))
    each = [of.get(unit, []) for unit in track.units]
    starts = np.cumsum([0, *(len(own) for own in each)]).astype(np.int64)
    return np.asarray([f for own in each for f in own], dtype=np.int32), starts
