from __future__ import annotations

import pandas as pd
import pytest
import shapely

from geo.breaches import Fences, presence, stays
from geo.errors import NoCrsError, OutOfRangeError, UnknownUnitError, WrongGeometryError
from tests.geo.walks import (
    AREA,
    BEYOND,
    GATE,
    INSIDE,
    at,
    breaches,
    fence,
    line,
    polygon,
    times,
    units,
    walk,
)

NORTHWARDS = line((0, -5), (0, 0), (0, 5))


def test_stays_are_told_whatever_the_rule():
    for rule in ("keep_out", "keep_in", "presence"):
        found = stays(walk(GATE, INSIDE, BEYOND), units(), fence(AREA, rule, dwell_s=9999))
        assert times(found, "entered_at") == [0.5]


def test_presence_is_judged_by_the_clock_not_here():
    assert breaches(walk(GATE, INSIDE, BEYOND), fence(AREA, "presence")).empty


def test_presence_search_finds_who_was_inside_and_cuts_at_the_window():
    both = pd.concat([walk(GATE, INSIDE, BEYOND), walk(GATE, GATE, BEYOND, unit="v")])
    found = presence(both, units("u", "v"), AREA, at(1), at(1.75))
    assert found["unit"].tolist() == ["u", "v"]
    assert times(found, "entered_at") == [1, 1.25]
    assert times(found, "exited_at") == [1.5, 1.75]
    assert found["evidence"].tolist() == ["confirmed", "probable"]
    assert presence(both, units("u", "v"), AREA, at(1.8), None).empty
    assert times(presence(walk(GATE, INSIDE), units(), AREA), "exited_at") == [None]


def test_several_units_and_fences_are_judged_at_once():
    both = pd.concat([walk(GATE, INSIDE, BEYOND), walk(BEYOND, GATE, unit="v")])
    two = pd.concat(
        [fence(AREA), fence(polygon([(1, 1), (3, 1), (3, 3), (1, 3)])).assign(fence="g")]
    )
    found = breaches(both.sample(frac=1, random_state=1), Fences.of(two), units("u", "v"))
    assert found[["unit", "fence"]].to_numpy().tolist() == [
        ["u", "f"],
        ["u", "g"],
        ["v", "f"],
        ["v", "g"],
    ]


def test_no_fixes_and_no_fences_are_no_breaches():
    assert breaches(walk(GATE).iloc[:0]).empty
    assert breaches(walk(GATE, INSIDE), fence(AREA).iloc[:0]).empty


def test_bad_fences_are_refused_with_the_reason():
    bow_tie = polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    for shape, rule, words in (
        (NORTHWARDS, "keep_out", "needs a Polygon, has LineString"),
        (AREA, "line", "needs a LineString, has Polygon"),
        (shapely.Polygon(), "keep_in", "has nothing"),
        (bow_tie, "keep_out", "Self-intersection"),
    ):
        with pytest.raises(WrongGeometryError, match=words):
            Fences.of(fence(shape, rule))
    with pytest.raises(NoCrsError, match="EPSG:4326"):
        Fences.of(fence(AREA).set_crs(None, allow_override=True))
    with pytest.raises(NoCrsError, match="convert"):
        Fences.of(fence(AREA).to_crs(3857))
    for bad in (
        {"rule": "no_entry"},
        {"margin_m": -1},
        {"dwell_s": float("inf")},
        {"direction": "up"},
    ):
        with pytest.raises(OutOfRangeError, match="fence f"):
            Fences.of(fence(AREA, **bad))
    for active in ({"weekly": [{"days": ["someday"]}]}, {"dates": [{"from": "spring"}]}):
        with pytest.raises(OutOfRangeError, match="active"):
            Fences.of(fence(AREA, active=active))
    with pytest.raises(UnknownUnitError, match="'x'"):
        breaches(walk(GATE, INSIDE, unit="x"))
