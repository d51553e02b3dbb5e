"""Breaches by a slow, obvious reading of the meanings, one fix after the other."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
import shapely
from pyproj import Geod, Transformer
from shapely.geometry import LineString, Point
from shapely.ops import split

from tests.geo.walks import line, polygon

GEOD = Geod(ellps="WGS84")
TOUCH = 1e-9
ZONE = "Asia/Shanghai"

AREAS = [
    polygon([(0, 0), (4, 0), (4, 4), (0, 4)]),
    polygon([(-2, -2), (6, -2), (6, 6), (-2, 6)], [(0, 0), (3, 0), (3, 3), (0, 3)]),
    polygon([(0, 0), (6, 0), (6, 5), (4, 5), (4, 2), (2, 2), (2, 5), (0, 5)]),
    polygon([(2, -1), (5, 2), (2, 5), (-1, 2)]),
    shapely.MultiPolygon(
        [polygon([(0, 0), (2, 0), (2, 2), (0, 2)]), polygon([(2, 2), (5, 2), (5, 5)])]
    ),
]
LINES = [[(2, -40), (2, 40)], [(2, -40), (0, 1), (3, 3), (3, 40)], [(-40, -40), (40, 40)]]


@dataclass
class Seen:
    kind: str
    enter: tuple  # at, earliest, latest, deciding fix
    exit: tuple | None
    fixes: list[dict]
    gaps: list[tuple]  # both ends in the stay
    blind_from: pd.Timestamp | None = None  # the last fix before a gap that ended it


def metres(a: dict, b: dict) -> float:
    return GEOD.inv(a["lon"], a["lat"], b["lon"], b["lat"])[2]


def settled(fixes: pd.DataFrame) -> list[dict]:
    best: dict = {}
    for row in fixes.to_dict("records"):
        accuracy = math.inf if pd.isna(row["accuracy_m"]) else row["accuracy_m"]
        rank = (accuracy, row["lon"], row["lat"])
        if row["time"] not in best or rank < best[row["time"]][0]:
            best[row["time"]] = (rank, row)
    return [best[t][1] for t in sorted(best)]


def possible(a: dict, b: dict, unit) -> bool:
    return metres(a, b) <= unit.top_speed_ms * (b["time"] - a["time"]).total_seconds()


def is_leg(a: dict, b: dict, unit) -> bool:
    return (b["time"] - a["time"]).total_seconds() <= unit.max_gap_s and possible(a, b, unit)


def path(fixes: pd.DataFrame, unit) -> list[dict]:
    rows = settled(fixes)
    return [
        row
        for i, row in enumerate(rows)
        if not (
            0 < i < len(rows) - 1
            and not possible(rows[i - 1], row, unit)
            and not possible(row, rows[i + 1], unit)
            and possible(rows[i - 1], rows[i + 1], unit)
        )
    ]


def strictly_in(area, point: Point) -> bool:
    return area.contains(point) and area.boundary.distance(point) > TOUCH


def off_m(shape, lon: float, lat: float) -> float:
    to = Transformer.from_crs("EPSG:4326", f"+proj=aeqd +lat_0={lat} +lon_0={lon}", always_xy=True)
    flat = shapely.transform(shape.segmentize(0.002), to.transform, interleaved=False)
    return flat.distance(Point(0, 0))


def place(fix: dict) -> Point:
    return Point(fix["lon"], fix["lat"])


def middle(leg: LineString, low: float, high: float) -> Point:
    return shapely.line_interpolate_point(leg, (low + high) / 2, normalized=True)


def moments_on(a: dict, b: dict, shape) -> list[float]:
    """Fractions of the leg a→b at which it meets a shape of lines."""
    leg = LineString([place(a), place(b)])
    if leg.length == 0:
        return [0.0, 1.0]
    met = shapely.get_coordinates(leg.intersection(shape))
    return sorted({0.0, 1.0, *(leg.project(Point(xy)) / leg.length for xy in met)})


def spans_inside(a: dict, b: dict, area) -> list[tuple[float, float]]:
    cuts = moments_on(a, b, area.boundary)
    leg, out = LineString([place(a), place(b)]), []
    for low, high in itertools.pairwise(cuts):
        if leg.length and high - low > 1e-9 and strictly_in(area, middle(leg, low, high)):
            if out and low - out[-1][1] < 1e-9:
                out[-1] = (out[-1][0], high)
            else:
                out.append((low, high))
    return out


def on_leg(a: dict, b: dict, part: float) -> tuple:
    # shapely's fractions end a hair beside the round moments at which active hours begin.
    moment = (a["time"] + part * (b["time"] - a["time"])).round("100us")
    return moment, a["time"], b["time"], b["time"]


def is_outside(area, fix: dict, margin_m: float) -> bool:
    touches = area.intersects(place(fix)) or area.distance(place(fix)) <= TOUCH
    return not touches and (margin_m == 0 or off_m(area, fix["lon"], fix["lat"]) > margin_m)


def stays_of(
    fixes: list[dict], unit, area, margin_m: float, begins_inside: bool = False
) -> list[Seen]:
    out, now, before = [], None, None
    for fix in fixes:
        inside = strictly_in(area, place(fix)) or (before is None and begins_inside)
        outside = is_outside(area, fix, margin_m)
        leg = before is not None and is_leg(before, fix, unit)
        spans = spans_inside(before, fix, area) if leg else []
        back = before["time"] if before else fix["time"]
        known_now = (fix["time"], back, fix["time"], fix["time"])
        if now is None and inside:
            enter = on_leg(before, fix, spans[0][0]) if leg else known_now
            now = Seen("stay", enter, None, [fix], [])
        elif now is None:
            out += [
                Seen("passage", on_leg(before, fix, low), on_leg(before, fix, high), [], [])
                for low, high in spans
            ]
        elif not outside:
            now.fixes.append(fix)
            if not leg:
                now.gaps.append((before["time"], fix["time"]))
        else:
            last = spans[-1][1] if spans else 0.0
            now.exit = on_leg(before, fix, last) if leg else known_now
            now.blind_from = None if leg else before["time"]
            out.append(now)
            now = None
        before = fix
    return out + ([now] if now else [])


def absences_of(
    fixes: list[dict], stays: list[Seen], unit, area, margin_m: float, begins_outside: bool = False
) -> list[Seen]:
    stays = [s for s in stays if s.kind == "stay"]
    out, start, back = [], None, None
    for fix in fixes:  # never inside so far: from its first fix outside
        if any(stay.fixes[0] is fix for stay in stays):
            break
        if is_outside(area, fix, margin_m) or (back is None and begins_outside):
            start = (fix["time"], back or fix["time"], fix["time"], fix["time"])
            break
        back = fix["time"]
    for stay in [*stays, None]:
        if start is not None:
            end = stay.enter if stay else None
            during = [f for f in fixes if start[3] <= f["time"] and (not end or f["time"] < end[3])]
            steps = list(itertools.pairwise(during))
            gaps = [(a["time"], b["time"]) for a, b in steps if not is_leg(a, b, unit)]
            entry = [(a, b) for a, b in itertools.pairwise(fixes) if end and b["time"] == end[3]]
            blind = entry and not is_leg(*entry[0], unit)
            out.append(
                Seen("absence", start, end, during, gaps, during[-1]["time"] if blind else None)
            )
        start = stay.exit if stay else None
    return out


def crossings_of(fixes: list[dict], unit, places: list) -> list[tuple]:
    """(time, left to right?) by what lies left and right of a line that divides the world."""
    world = polygon([(-40, -40), (40, -40), (40, 40), (-40, 40)])
    fence = line(*places)
    left = None
    for half in split(world, fence).geoms:
        (ax, ay), (bx, by) = fence.coords[0], fence.coords[1]
        probe = Point((ax + bx) / 2 - (by - ay) * 1e-3, (ay + by) / 2 + (bx - ax) * 1e-3)
        left = half if half.contains(probe) else left
    assert left is not None
    out, side, before = [], None, None
    for fix in fixes:
        if before is None or not is_leg(before, fix, unit):
            side, before = None, fix
            if fence.distance(place(fix)) > TOUCH:
                side = left.contains(place(fix))
            continue
        cuts = moments_on(before, fix, fence)
        leg = LineString([place(before), place(fix)])
        for low, high in itertools.pairwise(cuts):
            half = middle(leg, low, high)
            if high - low < 1e-9 or fence.distance(half) <= TOUCH:
                continue
            new = left.contains(half)
            if side is not None and new != side:
                out.append((on_leg(before, fix, low)[0], side))
            side = new
        before = fix
    return out


def sure(seen: Seen, fixes: list[dict], unit, area) -> bool:
    for fix in fixes:
        accuracy = unit.accuracy_m if pd.isna(fix["accuracy_m"]) else fix["accuracy_m"]
        if seen.kind == "absence":
            if off_m(area, fix["lon"], fix["lat"]) > accuracy:
                return True
        elif (
            strictly_in(area, place(fix))
            and off_m(area.boundary, fix["lon"], fix["lat"]) > accuracy
        ):
            return True
    return False


def seen_of(track: list[dict], unit, version: dict, begins: str | None) -> list[Seen]:
    """Stays inside, of keep_in outside; ``begins``: 'in' or 'out' where the caller knows so."""
    area, margin_m = version["area"], version["margin_m"]
    stays = stays_of(track, unit, area, margin_m, begins == "in")
    if version["rule"] != "keep_in":
        return stays
    return absences_of(track, stays, unit, area, margin_m, begins == "out")


def lasts(seen: Seen, fix: dict) -> bool:
    begun = seen.kind != "passage" and seen.enter[3] <= fix["time"]
    return begun and (seen.exit is None or fix["time"] < seen.exit[3])


def state_at(fix: dict, track: list[dict], unit, version: dict) -> str | None:
    """What the unit did at a version at a fix; None: at a keep_in fence neither so far."""
    during = any(
        s.kind != "passage"
        and s.enter[3] <= fix["time"]
        and (not s.exit or fix["time"] < s.exit[3])
        for s in seen_of(track, unit, version, None)
    )
    if version["rule"] != "keep_in":
        return "in" if during else "out"
    stays = stays_of(track, unit, version["area"], version["margin_m"])
    inside = any(lasts(stay, fix) for stay in stays)
    return "out" if during else "in" if inside else None


def from_its_time(
    track: list[dict], unit, version: dict, low: pd.Timestamp, old: dict | None
) -> tuple[list[dict], str | None]:
    """The fixes from the last one before a version's time on, and what the unit did then.

    Beside the fence, on its boundary or in its margin, it does what it did at the version before.
    """
    earlier = [i for i, fix in enumerate(track) if fix["time"] < low]
    if not earlier:
        return track, None
    first = track[earlier[-1]]
    if strictly_in(version["area"], place(first)):
        begins = "in"
    elif is_outside(version["area"], first, version["margin_m"]):
        begins = "out"
    else:
        begins = state_at(first, track, unit, old) if old else None
    return track[earlier[-1] :], begins


def expected(
    fixes: pd.DataFrame, unit, version: dict, span: tuple | None, old: dict | None = None
) -> list[tuple]:
    """Breaches of one version as (enter, earliest, latest, exit or None, unknown_s, evidence).

    ``span``: when it is in force; ``old``: the version before.
    """
    track = path(fixes, unit)
    if version["rule"] == "line":
        want = {"any": (True, False), "left_to_right": (True,), "right_to_left": (False,)}
        return [
            (t, to_right)
            for t, to_right in crossings_of(track, unit, version["places"])
            if to_right in want[version["direction"]] and (not span or span[0] <= t < span[1])
        ]
    area, last, begins = version["area"], track[-1]["time"], None
    if old is not None and span is not None:
        track, begins = from_its_time(track, unit, version, span[0], old)
    seen = seen_of(track, unit, version, begins)
    out = []
    for s in seen:
        begin, end = s.enter[0], s.exit[0] if s.exit else last
        low, high = span or (begin, end + timedelta(days=1))
        cut_begin, cut_end = max(begin, low), min(end, high)
        still = s.exit is None and high > last
        instant = begin == end and low <= begin < high
        if cut_begin > cut_end or (cut_begin == cut_end and not (still or instant)):
            continue
        during = [f for f in s.fixes if cut_begin <= f["time"] and (still or f["time"] < cut_end)]
        blind = [*s.gaps, *([(s.blind_from, s.exit[3])] if s.blind_from else [])]
        if not during and any(a < cut_begin and cut_end <= b for a, b in blind):
            continue
        if (cut_end - cut_begin).total_seconds() < version["dwell_s"]:
            continue
        unknown = sum(
            max((min(b, cut_end) - max(a, cut_begin)).total_seconds(), 0) for a, b in s.gaps
        )
        first = s.enter[:3] if begin >= low else (low, low, low)
        evidence = "confirmed" if sure(s, during, unit, area) else "probable"
        out.append((*first, None if still else cut_end, unknown, evidence))
    return out


def close(a, b) -> bool:
    if isinstance(a, pd.Timestamp) and isinstance(b, pd.Timestamp):
        return abs((a - b).total_seconds()) < 2e-3
    return abs(a - b) < 2e-3 if isinstance(a, float) and isinstance(b, float) else a == b


def assert_same(got: list[tuple], wanted: list[tuple]) -> None:
    assert len(got) == len(wanted), (got, wanted)
    for g, w in zip(got, wanted, strict=True):
        assert all(close(x, y) for x, y in zip(g, w, strict=True)), (g, w)
