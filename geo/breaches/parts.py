"""The parts of visits that fall in the spans in which a fence version is in force and active.

Compiled. A visit that lasts carries its part along: ``begin`` starts it, ``elapse`` lets time
pass, ``finish`` ends it. A part that lies wholly in a gap is left out: nobody knows of it.
"""

from __future__ import annotations

from numba import njit

from geo.breaches.records import ABSENCE, EDIT, MISSING, first_ending_after, put


@njit(cache=True)
def set_moment(record, at_us, earliest_us, latest_us, fix_us, lon, lat):
    """Let a record's part begin."""
    record.at_us, record.earliest_us, record.latest_us = at_us, earliest_us, latest_us
    record.fix_us, record.lon, record.lat = fix_us, lon, lat
    record.exit_us = record.exit_earliest_us = record.exit_latest_us = MISSING
    record.exit_fix_us = MISSING
    record.unknown_us, record.confirmed, record.seen = 0, 0, 0
    record.breach, record.told_unknown_us, record.told_confirmed = 0, 0, 0
    record.open = 1


@njit(cache=True)
def place_at(path, step, part):
    """Where a leg is at a fraction of it: on its pieces, which are straight in lon/lat."""
    p = step.piece0
    while p + 1 < step.piece1 and path.tails[p] < part:
        p += 1
    along = (part - path.heads[p]) / (path.tails[p] - path.heads[p])
    x0, y0 = path.pieces[p, 0], path.pieces[p, 1]
    return x0 + along * (path.pieces[p, 2] - x0), y0 + along * (path.pieces[p, 3] - y0)


@njit(cache=True)
def _place_then(path, step, moment_us):
    """Where the unit was at a moment of a step: on its leg; across a gap at the fix before."""
    if moment_us >= step.now_us:
        return step.lon1, step.lat1
    if not step.is_leg or moment_us <= step.before_us:
        return step.lon0, step.lat0
    part = (moment_us - step.before_us) / (step.now_us - step.before_us)
    return place_at(path, step, part)


@njit(cache=True)
def begin(record, law, at_us, step, lon, lat):
    """Begin a visit at a moment of a step; its key is that of the fix that decided it."""
    rule = law.fences[record.fence]
    record.begun_us = at_us
    record.key_us, record.key_nth = step.now_us, record.nth
    if at_us <= rule.from_us:
        record.key_us, record.key_nth = rule.from_us, 1
    record.span = first_ending_after(law.ends, rule.span0, rule.span1, at_us)
    record.open = record.whole = 0
    if record.span < rule.span1 and law.starts[record.span] <= at_us:
        set_moment(record, at_us, step.before_us, step.now_us, step.now_us, lon, lat)
        record.whole = 1


@njit(cache=True)
def _known(record, step):
    return record.seen or step.is_leg


@njit(cache=True)
def _close(record, exit_us, earliest_us, latest_us, fix_us, rows, count):
    record.exit_us, record.exit_earliest_us, record.exit_latest_us = exit_us, earliest_us, latest_us
    record.exit_fix_us, record.until_us, record.open = fix_us, exit_us, 0
    return put(rows, count, record)


@njit(cache=True)
def _add_unknown(record, step, start_us, end_us):
    low, high = max(record.at_us, start_us), end_us
    if not step.is_leg and high > low:
        record.unknown_us += high - low


@njit(cache=True)
def elapse(record, law, path, step, start_us, end_us, leaves, within, rows, count):
    """Let the time of a step from ``start_us`` to ``end_us`` pass in a visit.

    ``leaves``: the visit ends then. ``within``: the whole step is in the visit, so that a gap is
    unknown time of it. Returns the new count of rows.
    """
    rule = law.fences[record.fence]
    while record.span < rule.span1:
        low, high = law.starts[record.span], law.ends[record.span]
        if record.open:
            if high > end_us or (leaves and high == end_us):
                break
            if within:
                _add_unknown(record, step, start_us, high)
            if not record.silent and _known(record, step):
                count = _close(record, high, high, high, step.now_us, rows, count)
            record.open, record.whole = 0, 0
            record.span += 1
        else:
            if low > end_us or (leaves and low == end_us):
                break
            lon, lat = _place_then(path, step, low)
            set_moment(record, low, low, low, step.now_us, lon, lat)
            record.whole = 0
    if within and record.open:
        _add_unknown(record, step, start_us, end_us)
    if rule.has_heir and start_us < rule.to_us <= end_us and record.begun_us < rule.to_us:
        count = _edited(record, rows, count)
    return count


@njit(cache=True)
def _edited(record, rows, count):
    kept = record.kind
    record.kind, record.silent = EDIT, record.silent + 2 * (kept == ABSENCE)
    count = put(rows, count, record)
    record.kind, record.silent = kept, record.silent & 1
    return count


@njit(cache=True)
def finish(record, law, path, step, exit_us, rows, count):
    """End a visit at a moment of a step."""
    count = elapse(record, law, path, step, step.before_us, exit_us, True, False, rows, count)
    if record.open and not record.silent:
        lasted = record.at_us < exit_us or record.whole
        if lasted and _known(record, step):
            count = _close(record, exit_us, step.before_us, step.now_us, step.now_us, rows, count)
    record.open = 0
    return count


@njit(cache=True)
def passed(record, law, path, step, start_us, end_us, lon, lat, rows, count):
    """A visit that begins and ends on one leg."""
    begin(record, law, start_us, step, lon, lat)
    count = elapse(record, law, path, step, start_us, end_us, True, False, rows, count)
    if record.open and (record.at_us < end_us or record.whole):
        count = _close(record, end_us, step.before_us, step.now_us, step.now_us, rows, count)
    record.open = 0
    return count
