"""Coverage part by part, and of grids that lie in others: sums, unions and what is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import text

from layers import coverage
from layers.coverage import Measured, Question
from layers.db.engine import SYSTEM, acting
from tests.layers.conftest import Post
from tests.layers.test_coverage_keeping import grid

DAY = datetime.fromisoformat("2026-03-02T00:00:00+08:00")
WHOLE = Question(start=DAY, end=DAY + timedelta(days=1), level="cell")


def drive(unit: str, start: datetime, *lons: float, lat: float = 40.02) -> pd.DataFrame:
    """A fix every five minutes."""
    times = pd.Timestamp(start) + pd.to_timedelta([300 * n for n in range(len(lons))], unit="s")
    return pd.DataFrame({"unit": unit, "time": times, "lon": lons, "lat": lat, "accuracy_m": 5.0})


@pytest.fixture
def patrolled(post: Post) -> Post:
    """A gacha with two cells, a car and a walker of other teams at other hours in them."""
    grid(post, "g", 100.0, 40.0, 0.2, level="gacha")
    grid(post, "g1", 100.0, 40.0, 0.05, parent="g")
    grid(post, "g2", 100.05, 40.0, 0.05, parent="g")
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.exec_driver_sql(
            "INSERT INTO teams (id, name) VALUES ('east', 'E'), ('west', 'W')"
        )
    post.enrol("car", team="east")
    post.enrol("walker", kind="foot", team="west")
    now = DAY + timedelta(days=3)
    # At nine: ten minutes in g1, ten in g2, and ten in the rest of the gacha.
    nine = DAY + timedelta(hours=9)
    post.send(drive("car", nine, 100.01, 100.03, 100.05, 100.075, 100.1, 100.11, 100.12), now=now)
    # From five to ten until five past ten, in g1 alone.
    ten = DAY + timedelta(hours=9, minutes=55)
    post.send(drive("walker", ten, 100.02, 100.023, 100.025), now=now)
    return post


def asked(post: Post, **more: object) -> Measured:
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        return coverage.answer(connection, post.region, replace(WHOLE, **more))  # type: ignore[arg-type]


def test_a_grid_is_its_children_and_its_rest(patrolled: Post) -> None:
    cells, gacha = asked(patrolled), asked(patrolled, level="gacha")
    assert cells.grids["patrol_s"].to_dict() == {"g1": 1200, "g2": 600}
    assert gacha.grids["patrol_s"].to_dict() == {"g": 2400}
    assert gacha.rest["patrol_s"].to_dict() == {"g": 600}
    assert cells.rest.empty
    for name in ("patrol_s", "patrol_m", "unknown_s"):
        parts = cells.grids[name].sum() + gacha.rest[name].sum()
        assert round(parts * 1e6) == round(gacha.grids[name].sum() * 1e6)
    # One drive through two cells is two visits of cells, and one of the gacha.
    assert cells.grids["visits"].to_dict() == {"g1": 2, "g2": 1}
    assert gacha.grids["visits"].to_dict() == {"g": 2}
    assert cells.totals["outside_s"] == 600
    assert gacha.totals["outside_s"] == 0


@pytest.mark.parametrize(
    ("by", "seconds"),
    [
        ("mode", {"vehicle": 600, "foot": 600}),
        ("team", {"east": 600, "west": 600}),
        ("hour", {"09": 900, "10": 300}),
    ],
)
def test_parts_add_up_to_the_whole(patrolled: Post, by: str, seconds: dict[str, float]) -> None:
    whole, told = asked(patrolled), asked(patrolled, by=by)
    pd.testing.assert_frame_equal(told.grids, whole.grids, check_exact=True)
    assert {word: part.loc["g1", "patrol_s"] for word, part in told.parts.items()} == seconds
    for name in ("patrol_s", "patrol_m"):
        summed = sum(part[name] for part in told.parts.values())
        assert (summed * 1e6).round().tolist() == (whole.grids[name] * 1e6).round().tolist()
    shares = [part.loc["g1", "visited_share"] for part in told.parts.values()]
    union = whole.grids.loc["g1", "visited_share"]
    assert max(shares) <= union <= sum(shares) + 1e-12


def test_each_kind_is_seen_by_its_own_swath(patrolled: Post) -> None:
    kinds = dict(patrolled.region.kinds)
    kinds["foot"] = replace(kinds["foot"], swath_m=100.0)
    near = Post(engine=patrolled.engine, region=replace(patrolled.region, kinds=kinds))
    own = asked(near, by="mode")
    alone = {
        word: asked(near, by="mode", swath_m=swath_m).parts[word].loc["g1", "visited_share"]
        for word, swath_m in (("vehicle", 500.0), ("foot", 100.0))
    }
    for word, share in alone.items():
        assert own.parts[word].loc["g1", "visited_share"] == pytest.approx(share, abs=0.0005)
    wide = asked(near, by="mode", swath_m=500.0).parts["foot"].loc["g1", "visited_share"]
    assert own.parts["foot"].loc["g1", "visited_share"] < wide / 4
    assert own.swept == "kept"


def test_how_long_ago_and_how_long_without(patrolled: Post) -> None:
    row = asked(patrolled).grids.loc["g2"]
    # From nine and ten minutes, for ten minutes.
    assert row["first_visit"] == pd.Timestamp(DAY + timedelta(hours=9, minutes=10))
    assert row["days_since_visit"] == pytest.approx((24 - 9 - 20 / 60) / 24)
    assert row["longest_unvisited_s"] == (24 - 9) * 3600 - 1200
    never = asked(patrolled, start=DAY + timedelta(hours=12)).grids.loc["g2"]
    assert pd.isna(never["days_since_visit"])
    assert never["longest_unvisited_s"] == 12 * 3600


def test_a_patrol_is_of_the_team_that_its_unit_was_of_then(patrolled: Post) -> None:
    """The car changes sides at ten past nine, in the middle of a leg."""
    change = DAY + timedelta(hours=9, minutes=12)
    with acting(patrolled.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.exec_driver_sql("UPDATE units SET team = 'west' WHERE id = 'car'")
        connection.execute(
            text("UPDATE memberships SET valid_to = :at WHERE unit = 'car' AND team = 'east'"),
            {"at": change},
        )
        connection.execute(
            text("UPDATE memberships SET valid_from = :at WHERE unit = 'car' AND team = 'west'"),
            {"at": change},
        )
    before, after = (
        asked(patrolled, start=start, end=end)
        for start, end in ((WHOLE.start, change), (change, WHOLE.end))
    )
    parts = asked(patrolled, by="team").parts
    assert sorted(parts) == ["east", "west"]
    for name in ("patrol_s", "patrol_m", "visited_share"):
        assert parts["east"][name].to_dict() == before.grids[name].to_dict()
    for name in ("patrol_s", "visited_share"):  # the walker was of the west all the time
        assert parts["west"][name].to_dict() == after.grids[name].to_dict()
    whole = asked(patrolled).grids
    sums = parts["east"][["patrol_s", "patrol_m"]] + parts["west"][["patrol_s", "patrol_m"]]
    pd.testing.assert_frame_equal(sums, whole[["patrol_s", "patrol_m"]])
