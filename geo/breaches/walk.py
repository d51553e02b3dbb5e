"""The walk: each unit from fix to fix, and what that does at the fences. Compiled.

Each fence version is walked from the last fix before it comes into force; ``parts`` cuts what is
told to the time in force and to active hours. What a unit was doing is the sum of its visits that
last, so a walk may go on from them later as if it had never stopped.
"""

from __future__ import annotations

from numba import njit

from geo.breaches.calm import calm_box, calm_until
from geo.breaches.lending import borrowed, law_of, path_of, room_of, tree_of
from geo.breaches.parts import begin, elapse, finish, passed
from geo.breaches.places import fences_at, locate, strictly_inside
from geo.breaches.records import ABSENCE, MISSING, PASSAGE, STAY, first_ending_after, put
from geo.breaches.steps import (
    along,
    is_near,
    led_in,
    led_out,
    look,
    moment_on,
    see,
    speaks,
    step_to,
)
from geo.breaches.ways import ABSENCES, CROSSINGS, INSIDES, heard, inlined


@njit(cache=True, nogil=True)
def walk(tree, law, path, room, before, before_starts, rows, lasting, pairs):
    """Walk all units; how many rows, lasting visits and pairs of step and line edge there are.

    ``before``: by unit the visits that lasted when its walk stopped at its first fix here. What
    is beyond the room in ``rows``, ``lasting`` and ``pairs`` is only counted: then ask again.
    """
    tree, law, path, room = tree_of(tree), law_of(law), path_of(path), room_of(room)
    before, before_starts = borrowed(before), borrowed(before_starts)
    rows, lasting, pairs = borrowed(rows), borrowed(lasting), borrowed(pairs)
    n_rows = n_lasting = n_pairs = 0
    stamp = room.clock[0]
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
        calm_us = MISSING  # until then nothing can happen in this box
        west, east, south, north = 0.0, 0.0, 0.0, 0.0
        for i in range(at, last):
            lon, lat, now_us = path.lon[i], path.lat[i], path.time_us[i]
            if (
                now_us < calm_us
                and path.is_leg[i]
                and path.piece[i] == 0
                and west < lon < east
                and south < lat < north
            ):
                continue
            while edit < len(law.edits_us) and law.edits_us[edit] <= now_us:
                stamp += 1
                m, more = _wake(tree, law, path, room, u, m, leaf, stamp, i - 1, law.edits[edit])
                edit, owed = edit + 1, owed + more
            stamp += 1
            step = step_to(path, i, first)
            new_leaf = locate(tree, lon, lat)
            inside, _ = look(tree, law, path, room, u, step, new_leaf, stamp)
            stretches, n_runs, n_pairs = along(
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
            calm_us = MISSING
            known = i == first and path.inside_starts[u] < path.inside_starts[u + 1]
            if not owed and not known:
                calm_us = calm_until(law, room, m, stamp, now_us)
                if edit < len(law.edits_us):
                    calm_us = min(calm_us, law.edits_us[edit])
                if calm_us > now_us:
                    west, east, south, north = calm_box(
                        tree, law, path.kind[u], leaf, lon, lat, now_us
                    )
        n_rows, n_lasting = _leave_off(
            law, path, room, u, m, last, rows, n_rows, lasting, n_lasting
        )
    room.clock[0] = stamp
    return n_rows, n_lasting, n_pairs


@njit(cache=True)
def _take_up(law, path, room, before, begun, m, first):
    """Put the visits that last in their places; spans are numbered anew each time."""
    for k in range(m):
        room.now[k] = before[begun + k]
        record = room.now[k]
        rule = law.fences[record.fence]
        record.span = first_ending_after(law.ends, rule.span0, rule.span1, path.time_us[first])
        room.marks[record.fence].slot = k


@njit(cache=True)
def _wake(tree, law, path, room, u, m, leaf, stamp, fix, f):
    """A version comes into force: it is taken up at the last fix before.

    A unit that is beside it then, on its boundary or in its margin, does what it did at the
    version before. Returns the count of visits that last, and whether an absence is owed.
    """
    if not heard(law, path.kind[u], f) or room.marks[f].slot >= 0:
        return m, 0
    step, rule = step_to(path, fix, fix), law.fences[f]
    if rule.wants == CROSSINGS:
        return m, 0
    kind = ABSENCE
    if strictly_inside(tree, f, step.lon1, step.lat1):
        kind = STAY
    else:
        fences_at(tree, leaf, step.lon1, step.lat1, room.marks, stamp, room.found)
        if is_near(tree, law, room, f, step, stamp):
            k = -1 if rule.heir_of < 0 else room.marks[rule.heir_of].slot
            if k < 0:
                return m, int(rule.wants == ABSENCES)
            kind = room.now[k].kind
    if kind == ABSENCE and rule.wants != ABSENCES:
        return m, 0
    record = _blank(room, m)
    record.unit, record.fence, record.kind, record.nth = u, f, kind, 1
    record.silent = kind == STAY and rule.wants == ABSENCES
    begin(record, law, step.now_us, step, step.lon1, step.lat1)
    room.marks[f].slot = m
    return m + 1, 0


@njit(cache=True)
def _owed(law, path, room, u, moment_us):
    """How many keep_in fences the unit has been neither inside nor outside of so far."""
    owed = 0
    kind = path.kind[u]
    for g in range(law.guard_starts[kind], law.guard_starts[kind + 1]):
        rule = law.fences[law.guards[g]]
        owed += rule.from_us <= moment_us < rule.to_us and room.marks[law.guards[g]].slot < 0
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
        room.marks[record.fence].slot = -1
    return n_rows, n_lasting


@inlined
def _go_on(tree, law, path, room, step, m, stamp, stretches, rows, n_rows):
    """The visits that last go on or end; a stay that ends may begin an absence."""
    k = 0
    while k < m:
        record = room.now[k]
        f = record.fence
        room.marks[f].done = stamp
        if law.fences[f].to_us <= step.before_us:
            m = _drop(room, k, m)
            continue
        if record.kind == STAY:
            goes_on = is_near(tree, law, room, f, step, stamp)
        else:
            goes_on = room.marks[f].here != stamp
        if goes_on:
            n_rows = elapse(
                record, law, path, step, step.before_us, step.now_us, False, True, rows, n_rows
            )
            see(tree, law, path, room, record, step, stamp)
            k += 1
            continue
        if record.kind == ABSENCE:
            at_us, lon, lat = led_in(path, room, f, step, stamp, stretches)
            n_rows = finish(record, law, path, step, at_us, rows, n_rows)
            n_rows = _begin_stay(law, path, record, step, at_us, lon, lat, rows, n_rows)
            see(tree, law, path, room, record, step, stamp)
            k += 1
            continue
        at_us, lon, lat = led_out(path, room, f, step, stamp, stretches)
        n_rows = finish(record, law, path, step, at_us, rows, n_rows)
        if law.fences[f].wants == ABSENCES:
            record.kind, record.silent, record.nth = ABSENCE, 0, 1
            begin(record, law, at_us, step, lon, lat)
            n_rows = elapse(record, law, path, step, at_us, step.now_us, False, False, rows, n_rows)
            see(tree, law, path, room, record, step, stamp)
            k += 1
            continue
        m = _drop(room, k, m)
    return m, n_rows


@njit(cache=True)
def _drop(room, k, m):
    """Forget a visit; the last one takes its place."""
    room.marks[room.now[k].fence].slot = -1
    if k < m - 1:
        room.now[k] = room.now[m - 1]
        room.marks[room.now[k].fence].slot = k
    return m - 1


@inlined
def _blank(room, m):
    """Room for a visit with nothing left in it of another."""
    room.now[m] = room.now[len(room.now) - 2]
    return room.now[m]


@inlined
def _begin_stay(law, path, record, step, at_us, lon, lat, rows, n_rows):
    record.kind, record.nth = STAY, 1
    record.silent = law.fences[record.fence].wants == ABSENCES
    begin(record, law, at_us, step, lon, lat)
    return elapse(record, law, path, step, at_us, step.now_us, False, False, rows, n_rows)


@inlined
def _come_in(tree, law, path, room, u, step, m, stamp, stretches, inside, rows, n_rows):
    """Stays that begin with this fix."""
    for k in range(inside):
        f = room.found[k]
        if room.marks[f].slot >= 0:
            continue
        room.marks[f].done = stamp
        at_us, lon, lat = led_in(path, room, f, step, stamp, stretches)
        record = _blank(room, m)
        record.unit, record.fence = u, f
        n_rows = _begin_stay(law, path, record, step, at_us, lon, lat, rows, n_rows)
        see(tree, law, path, room, record, step, stamp)
        room.marks[f].slot = m
        m += 1
    return m, n_rows


@inlined
def _pass(law, path, room, u, step, stamp, stretches, runs, rows, n_rows):
    """Stretches of the leg with neither end in a stay: each is a visit of its own."""
    for r in range(runs):
        f = room.fence_of_run[r]
        if (
            room.marks[f].run != stamp
            or room.marks[f].done == stamp
            or law.fences[f].wants != INSIDES
        ):
            continue
        record = room.now[len(room.now) - 1]
        record.unit, record.fence, record.kind, record.silent = u, f, PASSAGE, 0
        for k in range(room.cuts[r, 0], room.cuts[r, 1]):
            start_us, lon, lat = moment_on(path, step, stretches[k, 0])
            end_us, _, _ = moment_on(path, step, stretches[k, 1])
            record.nth = k - room.cuts[r, 0] + 1
            n_rows = passed(record, law, path, step, start_us, end_us, lon, lat, rows, n_rows)
    return n_rows


@njit(cache=True)
def _stay_out(tree, law, path, room, u, step, m, stamp):
    """A unit that was never inside a keep_in fence is absent from its first fix outside."""
    owed = 0
    kind = path.kind[u]
    for g in range(law.guard_starts[kind], law.guard_starts[kind + 1]):
        f = law.guards[g]
        if room.marks[f].slot >= 0 or not speaks(law, path, u, f, step):
            continue
        if is_near(tree, law, room, f, step, stamp):
            owed += 1
            continue
        record = _blank(room, m)
        record.unit, record.fence, record.kind = u, f, ABSENCE
        record.silent, record.nth = 0, 1
        begin(record, law, step.now_us, step, step.lon1, step.lat1)
        see(tree, law, path, room, record, step, stamp)
        room.marks[f].slot = m
        m += 1
    return m, owed
