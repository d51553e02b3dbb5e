"""One step of a walk: where it leads, and which edges and fences it comes near. Compiled."""

from __future__ import annotations

import numpy as np

from geo.breaches.distances import boundary_within
from geo.breaches.edges import LINE, TOUCH_DEG
from geo.breaches.parts import place_at
from geo.breaches.places import edges_along, fences_at, locate
from geo.breaches.records import ABSENCE, STAY
from geo.breaches.stretches import runs_of_fences, stretches_inside
from geo.breaches.ways import Step, heard, inlined

_REACH = 2 * TOUCH_DEG


@inlined
def step_to(path, i, first):
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


@inlined
def speaks(law, path, u, f, step):
    """Whether a version speaks of the unit, and is in force in some moment of the step."""
    if not heard(law, path.kind[u], f):
        return False
    rule = law.fences[f]
    return rule.from_us <= step.now_us and rule.to_us > step.before_us


@inlined
def look(tree, law, path, room, u, step, leaf, stamp):
    """Stamp the fences that the fix is inside or on the boundary of; list the former."""
    inside, beside = fences_at(tree, leaf, step.lon1, step.lat1, room.marks, stamp, room.found)
    kept = 0
    for k in range(inside):
        f = room.found[k]
        if speaks(law, path, u, f, step):
            room.marks[f].here = stamp
            room.found[kept] = f
            kept += 1
    if step.before_us == step.now_us:
        for k in range(path.inside_starts[u], path.inside_starts[u + 1]):
            f = path.inside[k]
            if room.marks[f].here == stamp or not speaks(law, path, u, f, step):
                continue
            if is_near(tree, law, room, f, step, stamp):
                room.marks[f].here = stamp
                room.found[kept] = f
                kept += 1
    return kept, beside


@inlined
def is_near(tree, law, room, f, step, stamp):
    """Whether the fix is inside, on the boundary, or outside by no more than the margin."""
    if room.marks[f].here == stamp or room.marks[f].on == stamp:
        return True
    rule = law.fences[f]
    return rule.margin_m > 0 and boundary_within(
        tree, f, rule.edge0, rule.edge1, step.lon1, step.lat1, rule.margin_m
    )


@inlined
def along(tree, law, path, room, u, step, leaf, stamp, pairs, n_pairs):  # noqa: C901  as above
    """The stretches of the leg inside fences, and the edges of lines that it comes near."""
    if not step.is_leg:
        return room.stretches, 0, n_pairs
    count = 0
    for p in range(step.piece0, step.piece1):
        x0, y0, x1, y1 = path.pieces[p]
        start = leaf if p == step.piece0 and step.piece1 == 1 else locate(tree, x0, y0)
        count = edges_along(
            tree, start, x0, y0, x1, y1, room.stamps, stamp, room.edges, count, room.todo
        )
    if count == 0:
        return room.stretches, 0, n_pairs
    kept = 0
    for k in range(count):
        e = room.edges[k]
        if speaks(law, path, u, tree.edges[e].fence, step):
            if tree.edges[e].kind != LINE:
                room.edges[kept] = e
                kept += 1
            elif step.piece1 - step.piece0 > 1 or _boxes_meet(path, step, tree.edges[e]):
                if n_pairs < len(pairs):
                    pairs[n_pairs, 0], pairs[n_pairs, 1] = step.fix, e
                n_pairs += 1
    if kept == 0:
        return room.stretches, 0, n_pairs
    runs = runs_of_fences(tree, room.edges, kept, room.runs)
    out, places, n = room.stretches, room.places, 0
    most = (step.piece1 - step.piece0) * (2 * kept + runs)
    if most >= len(places):
        out, places = np.empty((most + 1, 2)), np.empty(most + 1)
    for r in range(runs):
        f = tree.edges[room.edges[room.runs[r, 0]]].fence
        room.fence_of_run[r] = f
        if _is_held(room, f, stamp):
            continue
        room.marks[f].run, room.marks[f].run_of = stamp, r
        room.cuts[r, 0] = n
        n = stretches_inside(
            tree, room.edges, room.runs[r, 0], room.runs[r, 1],
            path.pieces, path.heads, path.tails, step.piece0, step.piece1,
            room.marks[f].here == stamp, places, out, n,
        )  # fmt: skip
        room.cuts[r, 1] = n
    return out, runs, n_pairs


@inlined
def _boxes_meet(path, step, edge):
    x0, y0, x1, y1 = path.pieces[step.piece0]
    return (
        max(x0, x1) >= min(edge.x0, edge.x1) - _REACH
        and min(x0, x1) <= max(edge.x0, edge.x1) + _REACH
        and max(y0, y1) >= min(edge.y0, edge.y1) - _REACH
        and min(y0, y1) <= max(edge.y0, edge.y1) + _REACH
    )


@inlined
def _is_held(room, f, stamp):
    """Whether the unit was in a stay and is still strictly inside: then no stretch is asked."""
    k = room.marks[f].slot
    return k >= 0 and room.now[k].kind == STAY and room.marks[f].here == stamp


@inlined
def moment_on(path, step, part):
    """Time and place of a fraction of the leg."""
    lon, lat = place_at(path, step, part)
    return step.before_us + np.int64(round(part * (step.now_us - step.before_us))), lon, lat


@inlined
def led_in(path, room, f, step, stamp, stretches):
    """When and where the step led in: at the first crossing, across a gap with its fix."""
    if not step.is_leg:
        return step.now_us, step.lon1, step.lat1
    if (
        room.marks[f].run == stamp
        and room.cuts[room.marks[f].run_of, 0] < room.cuts[room.marks[f].run_of, 1]
    ):
        return moment_on(path, step, stretches[room.cuts[room.marks[f].run_of, 0], 0])
    return step.now_us, step.lon1, step.lat1


@inlined
def led_out(path, room, f, step, stamp, stretches):
    """When and where the step led out: at the last crossing, or at its start from the margin."""
    if not step.is_leg:
        return step.now_us, step.lon1, step.lat1
    if (
        room.marks[f].run == stamp
        and room.cuts[room.marks[f].run_of, 0] < room.cuts[room.marks[f].run_of, 1]
    ):
        return moment_on(path, step, stretches[room.cuts[room.marks[f].run_of, 1] - 1, 1])
    return step.before_us, step.lon0, step.lat0


@inlined
def see(tree, law, path, room, record, step, stamp):
    """Take the fix into the part that is open: it may confirm it."""
    if not record.open:
        return
    record.seen = 1
    if record.confirmed or record.silent:
        return
    f, away = record.fence, record.kind == ABSENCE
    if (room.marks[f].here == stamp) == away or (away and room.marks[f].on == stamp):
        return
    rule = law.fences[f]
    record.confirmed = not boundary_within(
        tree, f, rule.edge0, rule.edge1, step.lon1, step.lat1, path.accuracy_m[step.fix]
    )
