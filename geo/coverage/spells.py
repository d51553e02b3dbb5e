"""Spells: what units did for some time, kept so that those that follow each other make one.

Whether a fix is an outlier, and what lies between two, is said by the fixes on both sides. So a
spell holds what its fixes alone decide (steps between fixes that have others on both sides), and
at its edges the few fixes themselves: what these did is decided when a spell is joined with its
neighbours. Joined in any order, cut anywhere, the same fixes give the same to the last digit, so
a spell that is kept is good for as long as no fix within it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.coverage.lattice import Lattice
from geo.coverage.paths import BEGIN, GAP, LEG, Path
from geo.coverage.rows import Flags, Floats, Ints
from geo.coverage.swept import Swept
from geo.coverage.walk import PIECE, Pieces
from geo.tracks import Track

#: What a fix at an edge is: one of all that its unit has in the spell, or of those at its
#: beginning or end.
ALL, HEAD, TAIL = 0, 1, 2


class Fixes(NamedTuple):
    """Fixes, by unit and time, each column one array."""

    unit: NDArray[np.int32]  #: by number
    time_us: Ints  #: microseconds since 1970, UTC
    lon: Floats
    lat: Floats
    patrol: NDArray[np.int32]  #: by number; 0 without

    def take(self, at: NDArray[np.generic] | slice) -> Fixes:
        """Some of them."""
        return Fixes(self.unit[at], self.time_us[at], self.lon[at], self.lat[at], self.patrol[at])

    @classmethod
    def none(cls) -> Fixes:
        """No fix at all."""
        return cls(
            np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0),
            np.empty(0, np.int32),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Pace:
    """What tells legs from gaps, by unit."""

    number: Ints  #: ascending
    max_gap_s: Floats
    top_speed_ms: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What paths come to."""

    pieces: Pieces
    swept: Mapping[tuple[str, Lattice], Swept]  #: by who swept it

    @classmethod
    def together(cls, several: Sequence[Seen]) -> Seen:
        """What all of them come to."""
        some = [one.pieces for one in several if len(one.pieces)]
        keys = {key for one in several for key in one.swept}
        return cls(
            pieces=np.concatenate(some) if some else np.empty(0, PIECE),
            swept={
                key: Swept.union(key[1], [one.swept[key] for one in several if key in one.swept])
                for key in sorted(keys)
            },
        )  # fmt: skip

    def sorted(self) -> Seen:
        """The same with its pieces by unit and time."""
        return replace(self, pieces=in_order([self.pieces]))


def in_order(several: Sequence[Pieces]) -> Pieces:
    """Pieces as one array by unit and time, each of which is so already, or almost."""
    runs = [_sorted(one) for one in several if len(one)]
    while len(runs) > 1:
        pairs = [runs[n : n + 2] for n in range(0, len(runs), 2)]
        runs = [_merged(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return runs[0] if runs else np.empty(0, PIECE)


def _sorted(pieces: Pieces) -> Pieces:
    first = _falls(pieces)
    if first == len(pieces):
        return pieces
    rest = pieces[first:]
    rest = rest[np.lexsort((rest["start_us"], rest["unit"]))]
    return _merged(pieces[:first], rest)


@njit(cache=True, nogil=True)
def _falls(pieces: Pieces) -> int:
    """The first piece that comes before the one ahead of it; how many there are where none does."""
    for n in range(1, len(pieces)):
        now, last = pieces[n], pieces[n - 1]
        if now.unit < last.unit or (now.unit == last.unit and now.start_us < last.start_us):
            return n
    return len(pieces)


@njit(cache=True, nogil=True)
def _merged(a: Pieces, b: Pieces) -> Pieces:
    """Pieces of both, each by unit and time, as one."""
    out = np.empty(len(a) + len(b), a.dtype)
    i, j = 0, 0
    for n in range(len(out)):
        if j == len(b) or (i < len(a) and (
            a[i].unit < b[j].unit or (a[i].unit == b[j].unit and a[i].start_us <= b[j].start_us)
        )):  # fmt: skip
            out[n] = a[i]
            i += 1
        else:
            out[n] = b[j]
            j += 1
    return out


#: What turns a path into pieces and swept ground.
See = Callable[[Path], Seen]


@dataclass(frozen=True, kw_only=True, eq=False)
class Spell:
    """What units did for some time."""

    seen: Seen  #: what its fixes alone decide
    edges: Fixes  #: by unit and time
    part: NDArray[np.uint8]  #: of each edge: ALL, HEAD or TAIL

    @classmethod
    def of(cls, fixes: Fixes, pace: Pace, see: See) -> Spell:
        """The spell of fixes, all of one time, one a unit and moment."""
        return cls.joined([cls.whole(fixes)], pace, see)

    @classmethod
    def whole(cls, fixes: Fixes) -> Spell:
        """Fixes of which nothing is looked at yet."""
        part = np.full(len(fixes.unit), ALL, np.uint8)
        return cls(seen=Seen.together([]), edges=fixes, part=part)

    @classmethod
    def joined(cls, spells: Sequence[Spell], pace: Pace, see: See) -> Spell:
        """Spells of which none has fixes within another."""
        if not any(len(one.edges.unit) for one in spells):
            return cls(seen=Seen.together([]), edges=Fixes.none(), part=np.empty(0, np.uint8))
        runs = _Runs.of(spells)
        steps = runs.decided(pace)
        found = [see(steps.path)] if (steps.path.kind != BEGIN).any() else []
        return cls(
            seen=Seen.together([*(one.seen for one in spells), *found]),
            edges=runs.fixes.take(steps.edge), part=steps.part,
        )  # fmt: skip

    def ended(self, pace: Pace, see: See) -> Seen:
        """All that the fixes come to: the first and the last of a unit always count. Pieces by
        unit and time."""
        return Seen.together(Spell.concluded([self], pace, see)).sorted()

    @classmethod
    def concluded(cls, spells: Sequence[Spell], pace: Pace, see: See) -> list[Seen]:
        """All that the fixes of spells come to, of which none has fixes within another, and that
        no others are around: as if they were joined and ``ended``, but what each saw is left
        as it is, beside what is seen now."""
        seen = [one.seen for one in spells]
        if not any(len(one.edges.unit) for one in spells):
            return seen
        path = _Runs.ends(spells).decided(pace).path
        return [*seen, see(path)] if (path.kind != BEGIN).any() else seen


@dataclass(frozen=True, kw_only=True, eq=False)
class _Steps:
    path: Path  #: the steps that are decided
    edge: Ints  #: the fixes that decide others
    part: NDArray[np.uint8]  #: of each of these


@dataclass(frozen=True, kw_only=True, eq=False)
class _Runs:
    """Fixes of one unit each, after one another, with nothing known of what is between them."""

    fixes: Fixes
    run: Ints  #: of each fix
    open_left: Flags  #: of each run: whether there may be fixes before it
    open_right: Flags  #: and after it

    @classmethod
    def of(cls, spells: Sequence[Spell]) -> _Runs:
        """The edges of spells as they meet: a spell's own inside parts its head and its tail."""
        fixes = Fixes(*map(np.concatenate, zip(*(one.edges for one in spells), strict=True)))
        part = np.concatenate([one.part for one in spells])
        if len(spells) > 1:
            order = np.lexsort((fixes.time_us, fixes.unit))
            fixes, part = fixes.take(order), part[order]
        new = np.ones(len(part), dtype=bool)
        new[1:] = (fixes.unit[1:] != fixes.unit[:-1]) | ((part[1:] == TAIL) & (part[:-1] == HEAD))
        first = np.flatnonzero(new)
        last = np.r_[first[1:], len(part)] - 1
        return cls(
            fixes=fixes, run=np.cumsum(new) - 1, open_left=part[first] != TAIL,
            open_right=part[last] != HEAD,
        )  # fmt: skip

    @classmethod
    def ends(cls, spells: Sequence[Spell]) -> _Runs:
        """The same of spells that no others are around."""
        runs = cls.of(spells)
        shut = np.zeros(len(runs.open_left), dtype=bool)
        return cls(fixes=runs.fixes, run=runs.run, open_left=shut, open_right=shut)

    def decided(self, pace: Pace) -> _Steps:
        """The steps between fixes of which is known whether they are outliers."""
        fixes, count = self.fixes, len(self.open_left)
        first = np.searchsorted(self.run, np.arange(count))
        last = np.searchsorted(self.run, np.arange(count), side="right") - 1
        own = np.searchsorted(pace.number, fixes.unit[first])
        track = Track.of_arrays(
            [""] * count, self.run, fixes.time_us, fixes.lon, fixes.lat,
            np.full(len(self.run), np.nan),
            max_gap_s=pace.max_gap_s[own], top_speed_ms=pace.top_speed_ms[own],
        )  # fmt: skip
        # The ends of a run that others may lie beyond are not known yet.
        known = ~(self.open_left[track.unit] & (track.row == first[track.unit]))
        known &= ~(self.open_right[track.unit] & (track.row == last[track.unit]))
        at = slice(None) if known.all() else np.flatnonzero(known)
        unit, row = track.unit[at], track.row[at]
        heads = np.flatnonzero(np.r_[True, unit[1:] != unit[:-1]][: len(unit)])
        begin, end = np.full(count, -1), np.full(count, -1)
        begin[unit[heads]] = row[heads]
        end[unit[heads]] = row[np.r_[heads[1:], len(unit)][: len(heads)] - 1]
        edge, part = self._edges(first, last, begin, end)
        return _Steps(path=self._path(track, at, begin), edge=edge, part=part)

    def _path(self, track: Track, at: Ints | slice, begin: Ints) -> Path:
        fixes, row = self.fixes, track.row[at]
        kind, length_um, patrol = _told(
            row, row == begin[track.unit[at]], track.is_leg[at], track.step_m[at], fixes.patrol
        )  # fmt: skip
        return Path(
            unit=fixes.unit[row], time_us=track.time_us[at], lon=track.lon[at], lat=track.lat[at],
            kind=kind, length_um=length_um, patrol=patrol,
        )  # fmt: skip

    def _edges(
        self, first: Ints, last: Ints, begin: Ints, end: Ints
    ) -> tuple[Ints, NDArray[np.uint8]]:
        """The fixes from the open ends of runs to where steps are decided; all where none is."""
        undecided = np.flatnonzero(begin < 0)
        left = np.flatnonzero(self.open_left & (begin >= 0))
        right = np.flatnonzero(self.open_right & (begin >= 0))
        spans = [
            (first[undecided], last[undecided], ALL), (first[left], begin[left], HEAD),
            (end[right], last[right], TAIL),
        ]  # fmt: skip
        begins = np.concatenate([a for a, _, _ in spans])
        counts = np.concatenate([b for _, b, _ in spans]) - begins + 1
        parts = np.concatenate([np.full(len(a), part, np.uint8) for a, _, part in spans])
        offset = np.repeat(np.cumsum(counts) - counts, counts)
        edge = np.repeat(begins, counts) + np.arange(counts.sum()) - offset
        part = np.repeat(parts, counts)
        # A fix may be the last of a head and the first of a tail: the head comes first.
        order = np.lexsort((part, edge))
        return edge[order], part[order]


@njit(cache=True, nogil=True)
def _told(
    row: Ints, begins: Flags, is_leg: Flags, step_m: Floats, patrol: NDArray[np.int32]
) -> tuple[NDArray[np.uint8], Ints, NDArray[np.int32]]:
    """``kind``, ``length_um`` and ``patrol`` of a path through the fixes ``row``."""
    kind, length_um = np.empty(len(row), np.uint8), np.zeros(len(row), np.int64)
    out, before = np.zeros(len(row), np.int32), patrol[row[0]] if len(row) else 0
    for n in range(len(row)):
        now = patrol[row[n]]
        kind[n] = BEGIN if begins[n] else (LEG if is_leg[n] else GAP)
        if is_leg[n]:
            length_um[n] = int(np.rint(step_m[n] * 1e6))
        if is_leg[n] or before == now:
            out[n] = before
        before = now
    return kind, length_um, out
