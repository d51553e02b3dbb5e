from __future__ import annotations

import pytest
import shapely

from tests.geo.walks import (
    GAP,
    breaches,
    fence,
    line,
    times,
    walk,
)

NORTHWARDS = line((0, -5), (0, 0), (0, 5))


@pytest.mark.parametrize(
    ("places", "directions", "minutes"),
    [
        pytest.param([(-1, 2), (1, 2)], ["left_to_right"], [0.5], id="eastwards"),
        pytest.param([(1, 2), (-1, 2)], ["right_to_left"], [0.5], id="westwards"),
        pytest.param([(-1, -1), (1, 1)], ["left_to_right"], [0.5], id="through a vertex"),
        pytest.param([(-1, 0), (0, 0), (1, 0)], ["left_to_right"], [1], id="a fix on a vertex"),
        pytest.param([(-1, 1), (0, 1), (0, 1), (1, 1)], ["left_to_right"], [2], id="waits on it"),
        pytest.param([(-1, 1), (0, 1), (0, 1), (-1, 1)], [], [], id="waits on it and goes back"),
        pytest.param(
            [(-1, 1), (0, 1), (0, 3), (1, 3)], ["left_to_right"], [2], id="along, then over"
        ),
        pytest.param([(-1, 1), (0, 1), (0, -3), (-1, -3)], [], [], id="along and back"),
        pytest.param([(0, 1), (0, 3)], [], [], id="along alone"),
        pytest.param([(0, 1), (1, 1)], [], [], id="begins on it"),
        pytest.param([(-1, 1), (0, 1)], [], [], id="ends on it"),
        pytest.param([(-1, 6), (1, 6)], [], [], id="round its end"),
        pytest.param([(-1, 1), *GAP, (1, 1)], [], [], id="in a gap"),
        pytest.param(
            [(-1, 1), (1, 1), (-1, 1)],
            ["left_to_right", "right_to_left"],
            [0.5, 1.5],
            id="and back",
        ),
    ],
)
def test_a_line_is_crossed_from_one_side_to_the_other(places, directions, minutes):
    found = breaches(walk(*places), fence(NORTHWARDS, "line"))
    assert found["direction"].tolist() == directions
    assert times(found, "entered_at") == times(found, "exited_at") == minutes
    assert set(found["state"]) <= {"closed"}


@pytest.mark.parametrize(
    ("direction", "count"), [("any", 2), ("left_to_right", 1), ("right_to_left", 1)]
)
def test_a_line_minds_its_direction(direction, count):
    there_and_back = walk((-1, 2), (1, 2), (-1, 2))
    found = breaches(there_and_back, fence(NORTHWARDS, "line", direction=direction))
    assert len(found) == count
    assert direction == "any" or found["direction"].tolist() == [direction]


def test_a_leg_across_a_zigzag_crosses_each_time():
    zigzag = line((0, 0), (3, 4), (6, 0), (9, 4))
    found = breaches(walk((0, 2), (12, 2)), fence(zigzag, "line"))
    assert found["direction"].tolist() == ["left_to_right", "right_to_left", "left_to_right"]
    assert times(found, "entered_at") == [0.125, 0.375, 0.625]


def test_parts_of_a_line_that_meet_are_one_line():
    parts = shapely.MultiLineString([line((0, -5), (0, 0)), line((0, 0), (0, 5))])
    assert len(breaches(walk((-1, 0), (1, 0)), fence(parts, "line"))) == 1
