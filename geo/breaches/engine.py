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
from geo.breaches.records import EDIT, RECORD
from geo.breaches.walk import walk
from geo.breaches.ways import Path, room_for
from geo.tracks.columns import Bools, Ints, need
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
    """Walk a track past fences.

    ``every``: stays inside areas, whatever their rule. ``known_inside``: (unit, fence) pairs with
    which a track begins inside. To walk on, give ``lasting`` of the walk before (units and fences
    numbered as here) and say of which units (``going``): their first fix must be the last one
    that was walked. Raises MissingColumnError.
    """
    need(units, ("accuracy_m",), "units")
    count = len(track.units)
    none = np.empty(0, dtype=RECORD)
    if not len(track.lon) or not len(fences):
        return Walked(rows=none, lasting=none, on_line=np.zeros(count, dtype=bool))
    kinds, kind = kinds_of(fences, track.units, units)
    law = law_of(
        fences, kinds, int(track.time_us.min()), int(track.time_us.max()), zone=zone, every=every
    )
    path = _path(track, units, fences, kind, known_inside, going)
    before = none if lasting is None else lasting
    before_starts = np.searchsorted(before["unit"], np.arange(count + 1))
    room = room_for(len(fences), len(fences.tree.edges))
    many = 2 * len(track.lon) + 1024
    sizes = np.asarray([many, len(before) + many, many])
    while True:
        rows, last = np.empty(sizes[0], dtype=RECORD), np.empty(sizes[1], dtype=RECORD)
        pairs = np.empty((sizes[2], 2), dtype=np.int64)
        found = np.asarray(
            walk(fences.tree, law, path, room, before, before_starts, rows, last, pairs)
        )
        if (found <= sizes).all():
            break
        sizes = np.maximum(sizes, found)
        room = room_for(len(fences), len(fences.tree.edges))
    rows, last = rows[: found[0]], last[: found[1]]
    met = crossings(track, fences, law, pairs[: found[2]])
    rows, last = link(rows, last, fences)
    rows = rows[rows["kind"] != EDIT]
    if len(met.rows):
        rows = np.concatenate([rows, met.rows])
    return Walked(rows=rows, lasting=last, on_line=met.on_line)


def _path(
    track: Track,
    units: pd.DataFrame,
    fences: Fences,
    kind: Ints,
    known_inside: Collection[tuple[str, str]],
    going: Bools | None,
) -> Path:
    typical_m = units["accuracy_m"].reindex(track.units).to_numpy(dtype=float)
    stated_m = track.accuracy_m
    accuracy_m = np.where(np.isnan(stated_m), np.nan_to_num(typical_m)[track.unit], stated_m)
    bent = np.flatnonzero(bends(track))
    piece = np.zeros(len(track.lon), dtype=np.int32)
    cut = pieces(bent, track.lon, track.lat)
    of = np.searchsorted(cut.leg, bent)
    piece[bent] = of + 1
    inside, inside_starts = _known(track, fences, known_inside)
    return Path(
        starts=track.starts.astype(np.int64),
        kind=kind,
        time_us=track.time_us,
        lon=track.lon,
        lat=track.lat,
        accuracy_m=accuracy_m,
        is_leg=track.is_leg,
        piece=piece,
        pieces=np.vstack([np.zeros((1, 4)), np.hstack([cut.start, cut.end])]),
        heads=np.r_[0.0, cut.head],
        tails=np.r_[1.0, cut.tail],
        going=np.zeros(len(track.units), dtype=bool) if going is None else going,
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
