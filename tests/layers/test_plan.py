"""The plan: rounds of grids and visits of checkpoints, as the stored fixes say."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from sqlalchemy import text

from layers import coverage, plan
from layers.coverage import keeping
from layers.db.engine import SYSTEM, acting, make_engine
from layers.errors import BadDutyError, DutyExistsError, NoSuchDutyError
from layers.plan import Duty, Kept, duties
from layers.plan.stayed import Stayed
from tests.layers.conftest import Post
from tests.layers.test_coverage_keeping import grid

#: Monday.
DAY = datetime.fromisoformat("2026-03-02T00:00:00+08:00")
ONE = timedelta(days=1)
LATER = DAY + timedelta(days=40)


def drive(unit: str, start: datetime, *lons: float, lat: float = 40.02) -> pd.DataFrame:
    """A fix every five minutes."""
    times = pd.Timestamp(start) + pd.to_timedelta([300 * n for n in range(len(lons))], unit="s")
    return pd.DataFrame({"unit": unit, "time": times, "lon": lons, "lat": lat, "accuracy_m": 5.0})


def at(hour: float, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour)


def ask(post: Post, **more: Any) -> Kept:
    """The plan as of the end of Monday."""
    asked = {"start": DAY, "end": DAY + ONE} | more
    with acting(post.engine, SYSTEM, "patrolgrid_read") as connection:
        return plan.answer(connection, post.region, **asked)


def put(post: Post, *asked: Duty) -> None:
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        duties.put(connection, asked, post.region, by="test")


def states(kept: Kept) -> dict[str, str]:
    return dict(kept.targets.set_index("target")["state"])


def checkpoint(post: Post, name: str, lon: float, lat: float, layer: str = "checkpoints") -> None:
    with acting(post.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(
            text(
                f"INSERT INTO {layer} (id, geom)"
                " VALUES (:id, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))"
            ),
            {"id": name, "lon": lon, "lat": lat},
        )


@pytest.fixture
def patrolled(post: Post) -> Post:
    """A gacha with three cells; a car makes three rounds of the first, one of the second."""
    grid(post, "g", 100.0, 40.0, 0.2, level="gacha")
    for n in range(3):
        grid(post, f"g{n}", 100 + 0.05 * n, 40.0, 0.05, parent="g")
    post.enrol("car")
    post.enrol("walker", kind="foot")
    for hour in (1, 9, 17):
        post.send(drive("car", at(hour), 100.01, 100.02, 100.04), now=LATER)
    post.send(drive("car", at(9.25), 100.06, 100.07), now=LATER)
    return post


def test_three_rounds_a_day_are_kept_or_missed(patrolled: Post) -> None:
    put(patrolled, Duty(id="rounds", rounds=3))
    kept = ask(patrolled)
    assert states(kept) == {"g0": "kept", "g1": "missed", "g2": "missed"}
    assert kept.targets["rounds"].tolist() == [3, 1, 0]
    assert kept.counts() == {"kept": 1, "due": 0, "late": 0, "missed": 2}
    # Nobody was ever in g2.
    assert kept.next["target"].tolist() == ["g2", "g1"]
    assert kept.targets["periods"].tolist() == [1, 1, 1]
    assert kept.targets["periods_kept"].tolist() == [1, 0, 0]
    row = kept.targets.loc["rounds/g1"]
    assert row["last_visit"] == pd.Timestamp(at(9.25) + timedelta(minutes=5))
    assert row["due_at"] == row["last_visit"] + timedelta(hours=8)


def test_as_of_a_moment_what_comes_later_is_not_known(patrolled: Post) -> None:
    put(patrolled, Duty(id="rounds", rounds=3))
    assert states(ask(patrolled, end=at(16))) == {"g0": "due", "g1": "due", "g2": "late"}
    assert states(ask(patrolled, end=at(17.5))) == {"g0": "kept", "g1": "late", "g2": "late"}


def test_last_visits_are_those_of_coverage(patrolled: Post) -> None:
    put(patrolled, Duty(id="rounds", rounds=3, apart_s=0), Duty(id="up", level="gacha"))
    with acting(patrolled.engine, SYSTEM, "patrolgrid_read") as connection:
        for level, duty in (("cell", "rounds"), ("gacha", "up")):
            found = coverage.measure(
                connection, patrolled.region, start=DAY, end=DAY + ONE, level=level
            )
            told = ask(patrolled, duty=duty).targets.set_index("target")
            last = found.grids["last_visit"].dropna()
            assert last.to_dict() == told["last_visit"].dropna().to_dict()


def test_a_week_and_a_month_are_the_region_s(patrolled: Post) -> None:
    put(patrolled, Duty(id="a", per="week"), Duty(id="b", per="month"))
    kept = ask(patrolled, start=DAY - 20 * ONE, end=DAY + 7.5 * ONE)
    weeks, months = (kept.targets[kept.targets["duty"] == name] for name in "ab")
    assert weeks["period_from"].unique().tolist() == [pd.Timestamp(DAY + 7 * ONE)]
    assert weeks["state"].tolist() == ["due", "late", "late"]
    # Two weeks of the window were over before there were fixes; that of Monday is over, too.
    assert weeks["periods"].tolist() == [1, 1, 1]
    assert kept.looked_from == at(1)
    assert weeks["periods_kept"].tolist() == [1, 1, 0]
    assert months["period_from"].unique().tolist() == [pd.Timestamp(DAY - ONE)]
    assert months["state"].tolist() == ["kept", "kept", "late"]


def test_only_active_hours_and_named_units_count(patrolled: Post) -> None:
    nights = {"weekly": [{"from": "00:00", "to": "06:00"}]}
    put(
        patrolled, Duty(id="night", active=nights),
        Duty(id="walk", applies_to={"kinds": ["foot"]}),
        Duty(id="drive", applies_to={"kinds": ["vehicle"], "units": ["car"]}),
        Duty(id="long", stay_s=600),
    )  # fmt: skip
    assert list(states(ask(patrolled, duty="night")).values()) == ["kept", "missed", "missed"]
    assert list(states(ask(patrolled, duty="walk")).values()) == ["missed"] * 3
    assert list(states(ask(patrolled, duty="drive")).values()) == ["kept", "kept", "missed"]
    assert list(states(ask(patrolled, duty="long")).values()) == ["kept", "missed", "missed"]


def test_a_visit_is_of_the_team_that_its_unit_was_of_then(patrolled: Post) -> None:
    """The car was of the east until noon."""
    with acting(patrolled.engine, SYSTEM, "patrolgrid_write") as connection:
        connection.exec_driver_sql("INSERT INTO teams (id) VALUES ('east'), ('west')")
        for team in ("east", "west"):
            connection.execute(
                text("UPDATE units SET team = :team WHERE id = 'car'"), {"team": team}
            )
        for team, since, until in (("east", None, at(12)), ("west", at(12), None)):
            connection.execute(
                text(
                    "UPDATE memberships SET valid_from = :since, valid_to = :until"
                    " WHERE unit = 'car' AND team = :team"
                ),
                {"team": team, "since": since, "until": until},
            )
    put(
        patrolled, Duty(id="east", ids=("g0",), rounds=3, applies_to={"teams": ["east"]}),
        Duty(id="west", ids=("g0",), rounds=3, applies_to={"teams": ["west"]}),
        Duty(id="both", ids=("g0",), rounds=3, applies_to={"teams": ["west", "east"]}),
    )  # fmt: skip
    assert ask(patrolled).targets["rounds"].to_dict() == {"both/g0": 3, "east/g0": 2, "west/g0": 1}


def test_ids_and_kinds_say_which(patrolled: Post) -> None:
    put(patrolled, Duty(id="a", ids=("g2", "g")), Duty(id="b", kind="urban"), Duty(id="c"))
    kept = ask(patrolled)
    assert kept.targets.index.tolist() == ["a/g", "a/g2", "c/g0", "c/g1", "c/g2"]
    assert states(ask(patrolled, duty="a")) == {"g": "kept", "g2": "missed"}
    assert kept.counts("b") == {"kept": 0, "due": 0, "late": 0, "missed": 0}


def test_checkpoints_are_visited_probably_or_not(patrolled: Post) -> None:
    checkpoint(patrolled, "seen", 100.02, 40.02)  # a fix is there
    checkpoint(patrolled, "passed", 100.03, 40.02)  # a leg passes
    checkpoint(patrolled, "near", 100.04113, 40.02)  # a fix is inside by less than its accuracy
    checkpoint(patrolled, "far", 100.03, 40.03)
    checkpoint(patrolled, "post", 100.0699, 40.02, layer="posts")
    put(
        patrolled,
        Duty(id="c", layer="checkpoints", rounds=3),
        Duty(id="p", layer="posts", per="week"),
    )
    kept = ask(patrolled)
    told = kept.targets.set_index("target")
    assert told["visited"].to_dict() == {
        "far": "not_visited", "near": "probably_visited", "passed": "probably_visited",
        "seen": "visited", "post": "visited",
    }  # fmt: skip
    assert told["state"].to_dict() == {
        "far": "missed", "near": "kept", "passed": "kept", "seen": "kept", "post": "kept",
    }  # fmt: skip
    assert told["evidence"].fillna("none").to_dict() == {
        "far": "none", "near": "probable", "passed": "probable", "seen": "confirmed",
        "post": "confirmed",
    }  # fmt: skip
    assert kept.next["target"].tolist() == ["far"]


def test_a_plan_is_the_same_from_what_is_kept_up(patrolled: Post) -> None:
    put(patrolled, Duty(id="a", rounds=3), Duty(id="b", per="week", level="gacha"))
    window = {"start": DAY - 7 * ONE, "end": DAY + 3 * ONE}
    afresh = ask(patrolled, **window)
    assert keeping.keep_up(patrolled.engine, patrolled.region, now=LATER)
    pd.testing.assert_frame_equal(
        pd.DataFrame(ask(patrolled, **window).targets.drop(columns="geometry")),
        pd.DataFrame(afresh.targets.drop(columns="geometry")),
    )


def afresh(post: Post, **more: Any) -> pd.DataFrame:
    """The plan as a process tells it that remembers nothing."""
    engine = make_engine(post.engine.url.render_as_string(hide_password=False))
    kept = ask(Post(engine=engine, region=post.region), **more)
    engine.dispose()
    return pd.DataFrame(kept.targets.drop(columns="geometry"))


def test_days_that_are_over_are_kept_and_read(patrolled: Post) -> None:
    checkpoint(patrolled, "c", 100.02, 40.02)
    checkpoint(patrolled, "d", 100.12, 40.02, layer="posts")
    # A stay over midnight, in a cell and at a post: in two days, and one.
    patrolled.send(drive("walker", at(23.9), *[100.12] * 4), now=LATER)
    asked = [
        Duty(id="a", rounds=3, apart_s=0), Duty(id="b", per="week", level="gacha"),
        Duty(id="c", layer="checkpoints"), Duty(id="d", layer="posts", within_m=200),
        Duty(id="long", stay_s=700),
    ]  # fmt: skip
    put(patrolled, *asked)
    window = {"start": DAY - 7 * ONE, "end": DAY + 4 * ONE}
    before = afresh(patrolled, **window)
    assert before["periods_kept"].sum() > 4
    keep = partial(plan.keep_up, patrolled.engine, patrolled.region, now=DAY + 4 * ONE)
    # Two levels and two sets of points, of four days.
    assert (keep(), keep()) == (16, 0)
    pd.testing.assert_frame_equal(afresh(patrolled, **window), before)
    stored = "SELECT count(*) FROM patrolgrid.visit_days"
    # Of the third day fixes come in: it, and the days beside it, are not good any more.
    patrolled.send(drive("walker", at(50), 100.02, 100.02), now=LATER)
    after = afresh(patrolled, **window)
    assert after["periods_kept"].sum() > before["periods_kept"].sum()
    assert (keep(), keep()) == (12, 0)
    pd.testing.assert_frame_equal(afresh(patrolled, **window), after)
    # A day later yesterday is told by the days beside it, as others are.
    assert keep(now=DAY + 5 * ONE) == 8
    # What is stored is what is read.
    with patrolled.engine.begin() as connection:
        empty = Stayed.concatenated([]).packed()
        connection.execute(text("UPDATE patrolgrid.visit_days SET content = :c"), {"c": empty})
    assert afresh(patrolled, **window)["periods_kept"].sum() < before["periods_kept"].sum()
    for one in asked:
        with acting(patrolled.engine, SYSTEM, "patrolgrid_write") as connection:
            duties.remove(connection, one.id)
    assert patrolled.scalar(stored) == 20
    keep()
    assert patrolled.scalar(stored) == 0


def test_a_late_fix_changes_what_it_touches(patrolled: Post) -> None:
    put(patrolled, Duty(id="a"))
    assert states(ask(patrolled))["g2"] == "missed"
    patrolled.send(drive("car", at(20), 100.11, 100.12), now=LATER)
    assert states(ask(patrolled)) == {"g0": "kept", "g1": "kept", "g2": "kept"}


def test_days_that_are_remembered_say_the_same_and_late_fixes_count(patrolled: Post) -> None:
    checkpoint(patrolled, "c", 100.03, 40.02)
    checkpoint(patrolled, "d", 100.12, 40.02)
    put(patrolled, Duty(id="c", layer="checkpoints", apart_s=0))
    # A stay over midnight, in two days: one.
    patrolled.send(drive("walker", at(23.9), *[100.12] * 4), now=LATER)
    window = {"start": DAY - 3 * ONE, "end": DAY + 9 * ONE}
    before = ask(patrolled, **window)
    assert before.targets["periods_kept"].tolist() == [1, 2]
    again = ask(patrolled, **window)
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.targets.drop(columns="geometry")),
        pd.DataFrame(before.targets.drop(columns="geometry")),
    )
    patrolled.send(drive("walker", at(50), 100.03, 100.03), now=LATER)
    assert ask(patrolled, **window).targets["periods_kept"].tolist() == [2, 2]
    monday = ask(patrolled, start=DAY - 7 * ONE, end=DAY + 9 * ONE, duty="c")
    assert monday.targets["last_visit"].tolist() == [
        pd.Timestamp(at(50) + timedelta(minutes=5)), pd.Timestamp(at(24.15))
    ]  # fmt: skip


def test_silence_is_no_visit(patrolled: Post) -> None:
    """Who fell silent in a cell and at a checkpoint, and is heard there again two days later."""
    checkpoint(patrolled, "c", 100.12, 40.02)
    for hour in (1, 49):
        patrolled.send(drive("walker", at(hour), 100.12, 100.12), now=LATER)
    patrolled.send(drive("walker", at(60), 100.12), now=LATER)  # once, alone
    put(patrolled, Duty(id="g", ids=("g2",)), Duty(id="c", layer="checkpoints"))
    kept = ask(patrolled, end=DAY + 4 * ONE)
    assert kept.targets["periods_kept"].to_dict() == {"c/c": 2, "g/g2": 2}
    assert kept.targets["state"].to_dict() == {"c/c": "missed", "g/g2": "missed"}
    assert kept.targets["last_visit"].to_dict() == {
        "c/c": pd.Timestamp(at(60)), "g/g2": pd.Timestamp(at(49) + timedelta(minutes=5))
    }  # fmt: skip


def test_years_before_there_were_fixes_cost_nothing_and_are_held_against_nobody(
    patrolled: Post,
) -> None:
    checkpoint(patrolled, "c", 100.02, 40.02)
    put(patrolled, Duty(id="c", layer="checkpoints", per="week"), Duty(id="g", per="month"))
    kept = ask(patrolled, start=DAY - 3650 * ONE, end=DAY + 7 * ONE)
    assert kept.targets["periods"].to_dict() == {"c/c": 1, "g/g0": 0, "g/g1": 0, "g/g2": 0}
    assert kept.targets["state"].tolist() == ["kept", "kept", "kept", "late"]
    assert kept.looked_from == at(1)


def test_without_any_fix_everything_is_to_be_visited(post: Post) -> None:
    grid(post, "g", 100.0, 40.0, 0.2)
    checkpoint(post, "c", 100.02, 40.02)
    put(post, Duty(id="c", layer="checkpoints"), Duty(id="g"))
    kept = ask(post, start=DAY - 300 * ONE, end=at(12))
    assert kept.targets["state"].tolist() == ["late", "late"]
    assert kept.targets["periods"].tolist() == [0, 0]


def test_no_plan_and_nowhere_to_go(patrolled: Post) -> None:
    kept = ask(patrolled)
    assert (len(kept.targets), len(kept.next), kept.duties) == (0, 0, [])
    assert isinstance(kept.targets, gpd.GeoDataFrame)


BAD = {
    "an id": (Duty(id="a/b"), "an id has"),
    "a layer": (Duty(id="a", layer="roads"), "layer is one of"),  # type: ignore[arg-type]
    "per": (Duty(id="a", per="year"), "per is one of"),  # type: ignore[arg-type]
    "rounds": (Duty(id="a", rounds=0), "rounds is"),
    "half rounds": (Duty(id="a", rounds=1.5), "rounds is"),  # type: ignore[arg-type]
    "apart": (Duty(id="a", apart_s=-1), "apart_s is"),
    "no number": (Duty(id="a", stay_s=float("nan")), "stay_s is"),
    "within": (Duty(id="a", layer="posts", within_m=0), "within_m is"),
    "level": (Duty(id="a", level="county"), "level 'county' is neither"),
    "level of posts": (Duty(id="a", layer="posts", level="cell"), "posts have no level"),
    "kind": (Duty(id="a", kind="wild"), "give one of rural, urban, dedicated"),
    "kind of posts": (Duty(id="a", layer="posts", kind="rural"), "leave it out"),
    "ids": (Duty(id="a", ids=("g0", "g9")), "there is no 'g9' among the grids"),
    "no ids": (Duty(id="a", ids=()), "ids is a list"),
    "hours": (Duty(id="a", active={"weekly": [{"from": "25:00"}]}), "active.weekly"),
    "units": (Duty(id="a", applies_to={"kinds": ["boat"]}), "applies_to.kinds"),
    "name": (Duty(id="a", name="two\nlines"), "name is a line"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_a_duty_is_refused_and_nothing_is_stored(what: str, patrolled: Post) -> None:
    duty, said = BAD[what]
    with pytest.raises(BadDutyError, match=said):
        put(patrolled, Duty(id="good"), duty)
    assert patrolled.scalar("SELECT count(*) FROM patrolgrid.plan_duties") == 0


def test_duties_are_added_once_changed_and_removed(patrolled: Post) -> None:
    one = Duty(id="a", ids=("g1", "g0"), active={"weekly": [{"days": ["mon"]}]}, name_zh="夜巡")
    with acting(patrolled.engine, SYSTEM, "patrolgrid_write") as connection:
        assert duties.add(connection, one, patrolled.region, by="test") == one
        with pytest.raises(DutyExistsError):
            duties.add(connection, one, patrolled.region, by="test")
        assert duties.listed(connection) == [one]
        duties.remove(connection, "a")
        for refused in (lambda: duties.remove(connection, "a"),
                        lambda: duties.listed(connection, "a")):  # fmt: skip
            with pytest.raises(NoSuchDutyError):
                refused()


def test_a_plan_has_an_end(patrolled: Post) -> None:
    many = [Duty(id=f"d{n}") for n in range(duties.MOST_DUTIES + 1)]
    with pytest.raises(BadDutyError, match="at most"):
        put(patrolled, *many)
    put(patrolled, *many[:-1])


def test_the_plan_s_version_moves_however_it_is_edited(patrolled: Post) -> None:
    def version() -> int:
        return int(
            patrolled.scalar(
                "SELECT coalesce(sum(version), 0) FROM patrolgrid.layer_versions"
                " WHERE layer = 'plan'"
            )
        )

    put(patrolled, Duty(id="a"))
    seen = [version()]
    for statement in ("UPDATE {} SET rounds = 2", "DELETE FROM {}", "TRUNCATE {}"):
        with patrolled.engine.begin() as connection:
            connection.exec_driver_sql(statement.format("patrolgrid.plan_duties"))
        seen.append(version())
    assert seen == sorted(set(seen))
