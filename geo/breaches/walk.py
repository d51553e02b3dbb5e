"""The walk: each unit from fix to fix, and what that does at the fences.

Compiled. Every fence version is taken as if it were always in force; ``parts`` cuts what is told
to the time in force and to active hours. What a unit was doing is the sum of its visits that
last, so a walk may go on from them later as if it had never stopped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.breaches.distances import boundary_within
from geo.breaches.edges import LINE
from geo.breaches.parts import begin, elapse, finish, passed, place_at
from geo.breaches.records import (
    ABSENCE,
    MISSING,
    PASSAGE,
    RECORD,
    STAY,
    first_ending_after,
    put,
)
from geo.breaches.stretches import runs_of_fences, stretches_inside
from geo.breaches.tree import edges_along, fences_at, holds, is_bare, locate, strictly_inside

#: What a fence version wants of the walk.
INSIDES, ABSENCES, CROSSINGS = 1, 2, 3
_FAR_US = np.int64(1 << 62)

RULE = np.dtype(
    [
        ("wants", "u1"), ("has_heir", "u1"), ("margin_m", "f8"),
        ("from_us", "i8"), ("to_us", "i8"),
        ("heir_of", "i4"),  # the version before, -1 without
        ("span0", "i4"), ("span1", "i4"),  # in ``starts`` and ``ends`` of the law
        ("edge0", "i4"), ("edge1", "i4"),
    ],
    align=True,
)  # fmt: skip


class Law(NamedTuple):
    """Fence versions as the walk takes them."""

    fences: NDArray[np.void]  #: RULE
    starts: NDArray[np.int64]  #: the spans in force and active, sorted by fence
    ends: NDArray[np.int64]
    edits_us: NDArray[np.int64]  #: when versions come into force, sorted …
    edits: NDArray[np.int32]  #: … and which
    asked: NDArray[np.bool_]  #: (kinds of units, fences) whether it speaks of them
    guards: NDArray[np.int32]  #: the fences that want absences


class Path(NamedTuple):
    """The fixes to walk, by unit and time, and their legs."""

    starts: NDArray[np.int64]  #: the fixes of unit u are starts[u]:starts[u + 1]
    kind: NDArray[np.int64]  #: of each unit: its row in ``asked``
    time_us: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]  #: stated or typical
    is_leg: NDArray[np.bool_]
    piece: NDArray[np.int32]  #: of a leg that bends: the first of its pieces; else 0
    pieces: NDArray[np.float64]  #: (n, 4) x0, y0, x1, y1; row 0 is room for a straight leg
    heads: NDArray[np.float64]
    tails: NDArray[np.float64]
    going: NDArray[np.bool_]  #: of each unit: its first fix was walked before
    inside: NDArray[np.int32]  #: fences that units begin inside of, by unit …
    inside_starts: NDArray[np.int64]  #: … those of unit u are inside_starts[u]:inside_starts[u + 1]


class Step(NamedTuple):
    """From one fix to the next."""

    fix: int
    before_us: int
    now_us: int
    is_leg: bool
    lon0: float
    lat0: float
    lon1: float
    lat1: float
    piece0: int
    piece1: int


class Room(NamedTuple):
    """What is written on while walking; each by fence but where told."""

    now: NDArray[np.void]  #: RECORD: the unit's visits that last
    slot: NDArray[np.int32]  #: where in ``now`` a fence's is, -1 if none
    odd: NDArray[np.uint8]
    on: NDArray[np.int64]  #: the step at which the unit is on its boundary
    here: NDArray[np.int64]  #: the step at which it is strictly inside
    done: NDArray[np.int64]  #: the step at which its visit held, began or ended
    found: NDArray[np.int32]
    run: NDArray[np.int64]  #: the step of its stretches …
    run_of: NDArray[np.int32]  #: … and their position in ``runs``
    runs: NDArray[np.int64]  #: (n, 2) in ``edges``
    fence_of_run: NDArray[np.int32]
    cuts: NDArray[np.int64]  #: (n, 2) in the stretches of a leg
    edges: NDArray[np.int32]
    stamps: NDArray[np.int64]  #: by edge


def room_for(fences: int, edges: int) -> Room:
    """Room for a walk; zeroed pages cost nothing until they are touched."""
    return Room(
        now=np.zeros(fences + 1, RECORD),
        slot=np.full(fences, -1, np.int32),
        odd=np.zeros(fences, np.uint8),
        on=np.zeros(fences, np.int64),
        here=np.zeros(fences, np.int64),
        done=np.zeros(fences, np.int64),
        found=np.empty(2 * fences + 1, np.int32),
        run=np.zeros(fences, np.int64),
        run_of=np.zeros(fences, np.int32),
        runs=np.empty((fences + 1, 2), np.int64),
        fence_of_run=np.empty(fences + 1, np.int32),
        cuts=np.empty((fences + 1, 2), np.int64),
        edges=np.empty(edges + 1, np.int32),
        stamps=np.zeros(edges, np.int64),
    )


@njit(cache=True)
def walk(tree, law, path, room, before, before_starts, rows, lasting, pairs):  # noqa: PLR0913
    """Walk all units; how many rows, lasting visits and pairs of step and line edge there are.

    ``before``: by unit the visits that lasted when its walk stopped at its first fix here. What
    is beyond the room in ``rows``, ``lasting`` and ``pairs`` is only counted: then ask again.
    """
    n_rows = n_lasting = n_pairs = 0
    stamp = np.int64(0)
    for u in range(len(path.starts) - 1):
        first, last = path.starts[u], path.starts[u + 1]
        if first == last:
            continue
        m = before_starts[u + 1] - before_starts[u]
        _take_up(law, path, room, before, before_starts[u], m, first)
        leaf = locate(tree, path.lon[first], path.lat[first])
        edit = first_ending_after(law.edits_us, 0, len(law.edits_us), path.time_us[first])
        owed = _owed(law, path, room, u, path.time_us[first])
        at = first + 1 if path.going[u] else first
        calm_until = MISSING  # until then nothing can happen in this leaf
        for i in range(at, last):
            lon, lat, now_us = path.lon[i], path.lat[i], path.time_us[i]
            if now_us < calm_until and path.is_leg[i] and holds(tree, leaf, lon, lat):
                continue
            while edit < len(law.edits_us) and law.edits_us[edit] <= now_us:
                stamp += 1
                m, more = _wake(tree, law, path, room, u, m, leaf, stamp, i - 1, law.edits[edit])
                edit, owed = edit + 1, owed + more
            stamp += 1
            step = _step(path, i, first)
            new_leaf = locate(tree, lon, lat)
            inside, beside = _look(tree, law, path, room, u, step, new_leaf, stamp)
            stretches, n_runs, n_pairs = _along(
                tree, law, path, room, u, step, leaf, stamp, pairs, n_pairs
            )
            m, n_rows = _go_on(tree, law, path, room, step, m, stamp, stretches, rows, n_rows)
            m, n_rows = _come_in(
                tree, law, path, room, u, step, m, stamp, stretches, inside, rows, n_rows
            )
            n_rows = _pass(law, path, room, u, step, stamp, stretches, n_runs, rows, n_rows)
            if owed:
                m, owed = _stay_out(tree, law, path, room, u, step, m, stamp)
            leaf = new_leaf
            calm_until = MISSING
            if not owed and not beside and is_bare(tree, leaf):
                calm_until = _calm_until(law, room, m, stamp, now_us)
                if edit < len(law.edits_us):
                    calm_until = min(calm_until, law.edits_us[edit])
        n_rows, n_lasting = _leave_off(
                law, path, room, u, m, last, rows, n_rows, lasting, n_lasting
            )
    return n_rows, n_lasting, n_pairs


# A unit's walk begins and ends ---------------------------------------------------------------------


@njit(cache=True)
def _take_up(law, path, room, before, begun, m, first):
    """Put the visits that last in their places; spans are numbered anew each time."""
    for k in range(m):
        room.now[k] = before[begun + k]
        record = room.now[k]
        rule = law.fences[record.fence]
        record.span = first_ending_after(law.ends, rule.span0, rule.span1, path.time_us[first])
        room.slot[record.fence] = k


@njit(cache=True)
def _wake(tree, law, path, room, u, m, leaf, stamp, fix, f):  # noqa: PLR0913
    """A version comes into force: it is taken up at the last fix before.

    A unit that is beside it then, on its boundary or in its margin, does what it did at the
    version before. Returns the count of visits that last, and whether an absence is owed.
    """
    if not law.asked[path.kind[u], f] or room.slot[f] >= 0:
        return m, 0
    step, rule = _step(path, fix, fix), law.fences[f]
    if rule.wants == CROSSINGS:
        return m, 0
    kind = ABSENCE
    if strictly_inside(tree, f, step.lon1, step.lat1):
        kind = STAY
    else:
        fences_at(tree, leaf, step.lon1, step.lat1, room.odd, room.on, stamp, room.found)
        if _is_near(tree, law, room, f, step, stamp):
            k = -1 if rule.heir_of < 0 else room.slot[rule.heir_of]
            if k < 0:
                return m, int(rule.wants == ABSENCES)
            kind = room.now[k].kind
    if kind == ABSENCE and rule.wants != ABSENCES:
        return m, 0
    record = room.now[m]
    record.unit, record.fence, record.kind, record.nth = u, f, kind, 1
    record.silent = kind == STAY and rule.wants == ABSENCES
    begin(record, law, step.now_us, step, step.lon1, step.lat1)
    room.slot[f] = m
    return m + 1, 0


@njit(cache=True)
def _owed(law, path, room, u, moment_us):
    """How many keep_in fences the unit has been neither inside nor outside of so far."""
    owed = 0
    for f in law.guards:
        started = law.fences[f].from_us <= moment_us
        owed += started and law.asked[path.kind[u], f] and room.slot[f] < 0
    return owed


@njit(cache=True)
def _leave_off(law, path, room, u, m, last, rows, n_rows, lasting, n_lasting):
    """Tell the parts that are open, and hand on what lasts."""
    for k in range(m):
        record = room.now[k]
        record.unit = u
        record.until_us = path.time_us[last - 1]
        if record.open and not record.silent:
            n_rows = put(rows, n_rows, record)
        if law.fences[record.fence].to_us > record.until_us:
            n_lasting = put(lasting, n_lasting, record)
        room.slot[record.fence] = -1
    return n_rows, n_lasting


# One step ------------------------------------------------------------------------------------------


@njit(cache=True)
def _step(path, i, first):
    before = i if i == first else i - 1
    piece0, piece1 = 0, 1
    if path.piece[i] > 0:
        piece0 = path.piece[i]
        piece1 = piece0 + 1
        while path.tails[piece1 - 1] < 1.0:
            piece1 += 1
    elif path.is_leg[i]:
        path.pieces[0, 0], path.pieces[0, 1] = path.lon[before], path.lat[before]
        path.pieces[0, 2], path.pieces[0, 3] = path.lon[i], path.lat[i]
    return Step(
        i, path.time_us[before], path.time_us[i], path.is_leg[i],
        path.lon[before], path.lat[before], path.lon[i], path.lat[i], piece0, piece1,
    )  # fmt: skip


@njit(cache=True)
def _speaks(law, path, u, f, step):
    """Whether a version speaks of the unit, and is in force in some moment of the step."""
    if not law.asked[path.kind[u], f]:
        return False
    rule = law.fences[f]
    return rule.from_us <= step.now_us and rule.to_us > step.before_us


@njit(cache=True)
def _look(tree, law, path, room, u, step, leaf, stamp):
    """Stamp the fences that the fix is inside or on the boundary of; list the former."""
    inside, beside = fences_at(
        tree, leaf, step.lon1, step.lat1, room.odd, room.on, stamp, room.found
    )
    kept = 0
    for k in range(inside):
        f = room.found[k]
        if _speaks(law, path, u, f, step):
            room.here[f] = stamp
            room.found[kept] = f
            kept += 1
    if step.before_us == step.now_us:
        for k in range(path.inside_starts[u], path.inside_starts[u + 1]):
            f = path.inside[k]
            if room.here[f] == stamp or not _speaks(law, path, u, f, step):
                continue
            if _is_near(tree, law, room, f, step, stamp):
                room.here[f] = stamp
                room.found[kept] = f
                kept += 1
    return kept, beside


@njit(cache=True)
def _is_near(tree, law, room, f, step, stamp):
    """Whether the fix is inside, on the boundary, or outside by no more than the margin."""
    if room.here[f] == stamp or room.on[f] == stamp:
        return True
    rule = law.fences[f]
    return rule.margin_m > 0 and boundary_within(
        tree, f, rule.edge0, rule.edge1, step.lon1, step.lat1, rule.margin_m
    )


@njit(cache=True)
def _along(tree, law, path, room, u, step, leaf, stamp, pairs, n_pairs):
    """The stretches of the leg inside fences, and the edges of lines that it comes near."""
    none = np.empty((0, 2))
    if not step.is_leg:
        return none, 0, n_pairs
    count = 0
    for p in range(step.piece0, step.piece1):
        x0, y0, x1, y1 = path.pieces[p]
        start = leaf if p == step.piece0 and step.piece1 == 1 else locate(tree, x0, y0)
        count = edges_along(tree, start, x0, y0, x1, y1, room.stamps, stamp, room.edges, count)
    if count == 0:
        return none, 0, n_pairs
    kept = 0
    for k in range(count):
        e = room.edges[k]
        if _speaks(law, path, u, tree.edges[e].fence, step):
            if tree.edges[e].kind != LINE:
                room.edges[kept] = e
                kept += 1
            else:
                if n_pairs < len(pairs):
                    pairs[n_pairs, 0], pairs[n_pairs, 1] = step.fix, e
                n_pairs += 1
    if kept == 0:
        return none, 0, n_pairs
    runs = runs_of_fences(tree, room.edges, kept, room.runs)
    out, n = np.empty(((step.piece1 - step.piece0) * (3 * kept + 2 * runs), 2)), 0
    for r in range(runs):
        f = tree.edges[room.edges[room.runs[r, 0]]].fence
        room.fence_of_run[r] = f
        if _is_held(room, f, stamp):
            continue
        room.run[f], room.run_of[f] = stamp, r
        room.cuts[r, 0] = n
        n = stretches_inside(
            tree, room.edges, room.runs[r, 0], room.runs[r, 1],
            path.pieces, path.heads, path.tails, step.piece0, step.piece1, out, n,
        )  # fmt: skip
        room.cuts[r, 1] = n
    return out, runs, n_pairs


@njit(cache=True)
def _is_held(room, f, stamp):
    """Whether the unit was in a stay and is still strictly inside: then no stretch is asked."""
    k = room.slot[f]
    return k >= 0 and room.now[k].kind == STAY and room.here[f] == stamp


@njit(cache=True)
def _moment(path, step, part):
    """Time and place of a fraction of the leg."""
    lon, lat = place_at(path, step, part)
    return step.before_us + np.int64(round(part * (step.now_us - step.before_us))), lon, lat


@njit(cache=True)
def _entry(path, room, f, step, stamp, stretches):
    """When and where the step led in: at the first crossing, across a gap with its fix."""
    if not step.is_leg:
        return step.now_us, step.lon1, step.lat1
    if room.run[f] == stamp and room.cuts[room.run_of[f], 0] < room.cuts[room.run_of[f], 1]:
        return _moment(path, step, stretches[room.cuts[room.run_of[f], 0], 0])
    return step.now_us, step.lon1, step.lat1


@njit(cache=True)
def _exit(path, room, f, step, stamp, stretches):
    """When and where the step led out: at the last crossing, or at its start from the margin."""
    if not step.is_leg:
        return step.now_us, step.lon1, step.lat1
    if room.run[f] == stamp and room.cuts[room.run_of[f], 0] < room.cuts[room.run_of[f], 1]:
        return _moment(path, step, stretches[room.cuts[room.run_of[f], 1] - 1, 1])
    return step.before_us, step.lon0, step.lat0


@njit(cache=True)
def _see(tree, law, path, room, record, step, stamp):
    """Take the fix into the part that is open: it may confirm it."""
    if not record.open:
        return
    record.seen = 1
    if record.confirmed or record.silent:
        return
    f, away = record.fence, record.kind == ABSENCE
    if (room.here[f] == stamp) == away or (away and room.on[f] == stamp):
        return
    rule = law.fences[f]
    record.confirmed = not boundary_within(
        tree, f, rule.edge0, rule.edge1, step.lon1, step.lat1, path.accuracy_m[step.fix]
    )


@njit(cache=True)
def _go_on(tree, law, path, room, step, m, stamp, stretches, rows, n_rows):
    """The visits that last go on or end; a stay that ends may begin an absence."""
    k = 0
    while k < m:
        record = room.now[k]
        f = record.fence
        room.done[f] = stamp
        if law.fences[f].to_us <= step.before_us:
            m = _drop(room, k, m)
            continue
        if record.kind == STAY:
            goes_on = _is_near(tree, law, room, f, step, stamp)
        else:
            goes_on = room.here[f] != stamp
        if goes_on:
            n_rows = elapse(
                record, law, path, step, step.before_us, step.now_us, False, True, rows, n_rows
            )
            _see(tree, law, path, room, record, step, stamp)
            k += 1
            continue
        if record.kind == ABSENCE:
            at_us, lon, lat = _entry(path, room, f, step, stamp, stretches)
            n_rows = finish(record, law, path, step, at_us, rows, n_rows)
            n_rows = _begin_stay(law, path, record, step, at_us, lon, lat, rows, n_rows)
            _see(tree, law, path, room, record, step, stamp)
            k += 1
            continue
        at_us, lon, lat = _exit(path, room, f, step, stamp, stretches)
        n_rows = finish(record, law, path, step, at_us, rows, n_rows)
        if law.fences[f].wants == ABSENCES:
            record.kind, record.silent, record.nth = ABSENCE, 0, 1
            begin(record, law, at_us, step, lon, lat)
            n_rows = elapse(
                record, law, path, step, at_us, step.now_us, False, False, rows, n_rows
            )
            _see(tree, law, path, room, record, step, stamp)
            k += 1
            continue
        m = _drop(room, k, m)
    return m, n_rows


@njit(cache=True)
def _drop(room, k, m):
    """Forget a visit; the last one takes its place."""
    room.slot[room.now[k].fence] = -1
    if k < m - 1:
        room.now[k] = room.now[m - 1]
        room.slot[room.now[k].fence] = k
    return m - 1


@njit(cache=True)
def _begin_stay(law, path, record, step, at_us, lon, lat, rows, n_rows):
    record.kind, record.nth = STAY, 1
    record.silent = law.fences[record.fence].wants == ABSENCES
    begin(record, law, at_us, step, lon, lat)
    return elapse(record, law, path, step, at_us, step.now_us, False, False, rows, n_rows)


@njit(cache=True)
def _come_in(tree, law, path, room, u, step, m, stamp, stretches, inside, rows, n_rows):  # noqa: PLR0913
    """Stays that begin with this fix."""
    for k in range(inside):
        f = room.found[k]
        if room.slot[f] >= 0:
            continue
        room.done[f] = stamp
        at_us, lon, lat = _entry(path, room, f, step, stamp, stretches)
        record = room.now[m]
        record.unit, record.fence = u, f
        n_rows = _begin_stay(law, path, record, step, at_us, lon, lat, rows, n_rows)
        _see(tree, law, path, room, record, step, stamp)
        room.slot[f] = m
        m += 1
    return m, n_rows


@njit(cache=True)
def _pass(law, path, room, u, step, stamp, stretches, runs, rows, n_rows):
    """Stretches of the leg with neither end in a stay: each is a visit of its own."""
    for r in range(runs):
        f = room.fence_of_run[r]
        if room.run[f] != stamp or room.done[f] == stamp or law.fences[f].wants != INSIDES:
            continue
        record = room.now[len(room.now) - 1]
        record.unit, record.fence, record.kind, record.silent = u, f, PASSAGE, 0
        for k in range(room.cuts[r, 0], room.cuts[r, 1]):
            start_us, lon, lat = _moment(path, step, stretches[k, 0])
            end_us, _, _ = _moment(path, step, stretches[k, 1])
            record.nth = k - room.cuts[r, 0] + 1
            n_rows = passed(record, law, path, step, start_us, end_us, lon, lat, rows, n_rows)
    return n_rows


@njit(cache=True)
def _stay_out(tree, law, path, room, u, step, m, stamp):
    """A unit that was never inside a keep_in fence is absent from its first fix outside."""
    owed = 0
    for f in law.guards:
        if room.slot[f] >= 0 or not _speaks(law, path, u, f, step):
            continue
        if _is_near(tree, law, room, f, step, stamp):
            owed += 1
            continue
        record = room.now[m]
        record.unit, record.fence, record.kind = u, f, ABSENCE
        record.silent, record.nth = 0, 1
        begin(record, law, step.now_us, step, step.lon1, step.lat1)
        _see(tree, law, path, room, record, step, stamp)
        room.slot[f] = m
        m += 1
    return m, owed


@njit(cache=True)
def _calm_until(law, room, m, stamp, now_us):
    """Until when nothing can happen while the unit stays in a leaf without edges."""
    until = _FAR_US
    for k in range(m):
        record = room.now[k]
        rule = law.fences[record.fence]
        if record.kind == STAY and room.here[record.fence] != stamp:
            return MISSING  # held by its margin
        if record.open:
            if not (record.seen and (record.confirmed or record.silent)):
                return MISSING
            until = min(until, law.ends[record.span])
        elif record.span < rule.span1:
            until = min(until, law.starts[record.span])
        if rule.has_heir and rule.to_us > now_us:
            until = min(until, rule.to_us)
    return until
