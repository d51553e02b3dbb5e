"""Coverage in the terminal: part by part, over time, to files, and how far it has come."""

from __future__ import annotations

import re
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from tests.api.command_words import WALK, Run, write

#: The walk goes from 04:00 to 04:29, at noon of the region.
WINDOW = ("--from", "2026-03-01T16:00:00Z", "--to", "2026-03-03T16:00:00Z")


@pytest.fixture
def walked(run: Run, land: Path, tmp_path: Path) -> Run:
    """A banner with cells, and a walk of half an hour in it."""
    assert run("load", "grids", land).code == 0
    assert run("grid", "--size-m", 5000, "--within", "banner").code == 0
    assert run("ingest", write(tmp_path / "walk.csv", WALK), "--enrol", "vehicle").code == 0
    return run


def test_the_parts_and_times_of_a_window_are_told_below_it(walked: Run) -> None:
    by_hour = walked("coverage", *WINDOW, "--by", "hour").out
    assert re.search(r"^part .*\n12 +\d+\.\d% +0\.48 ", by_hour, re.MULTILINE)
    by_team = walked("coverage", *WINDOW, "--by", "team").out
    assert re.search(r"^\(none\) +\d+\.\d% +0\.48 ", by_team, re.MULTILINE)
    days = walked("coverage", *WINDOW, "--every", "day", "--by", "mode").out.splitlines()
    assert days[0].startswith("from (Asia/")
    first, car, second, totals = days[1:]
    assert first.startswith("2026-03-02 00:00 ")
    assert re.match(r"  vehicle +\d+\.\d% +0\.48 ", car)
    assert re.match(r"2026-03-03 00:00 +0\.0% +0\.00 +0\.0 +0\.00 +0$", second)
    assert "patrol_s 1740" in totals
    assert "visits" not in totals  # they do not add up


def test_it_says_in_words_whether_the_swath_is_kept_up(walked: Run) -> None:
    assert walked("coverage", *WINDOW).out.endswith("swath 500 m, kept up\n")
    assert walked("coverage", *WINDOW, "--swath-m", 70).out.endswith("swath 70 m, computed\n")
    assert walked("coverage", *WINDOW, "--by", "hour").out.endswith(", computed\n")


def test_a_file_has_a_row_for_each_part_and_time(walked: Run, tmp_path: Path) -> None:
    parquet = tmp_path / "days.parquet"
    told = walked("coverage", *WINDOW, "--every", "day", "--by", "hour", "--out", parquet)
    assert re.match(rf"{re.escape(str(parquet))}: \d+ grids, 2 days\n", told.out)
    days = gpd.read_parquet(parquet)
    cells = days["id"].nunique()
    # All cells on both days, and those of the one hour in which anybody went, once more.
    assert len(days) == 3 * cells
    assert days["by"].fillna("all").value_counts().to_dict() == {"all": 2 * cells, "hour": cells}
    assert days["from"].unique().tolist() == [
        pd.Timestamp("2026-03-01T16:00Z"), pd.Timestamp("2026-03-02T16:00Z")
    ]  # fmt: skip
    whole = days[days["part"].isna()]
    assert whole["patrol_s"].sum() == days.loc[days["part"] == "12", "patrol_s"].sum()
    assert not days.geometry.is_empty.any()

    csv = tmp_path / "banner.csv"
    assert walked("coverage", *WINDOW, "--level", "banner", "--out", csv).code == 0
    (banner,) = pd.read_csv(csv).to_dict("records")
    assert (banner["id"], banner["patrol_s"], banner["rest_patrol_s"]) == ("banner", 1740, 0)


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "fgb", "csv", "parquet"])
def test_every_kind_of_file_holds_a_series(walked: Run, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"days.{suffix}"
    told = walked("coverage", *WINDOW, "--level", "banner", "--every", "day", "--out", out)
    assert (told.code, told.out.splitlines()[0]) == (0, f"{out}: 1 grid, 2 days")
    read = {"csv": pd.read_csv, "parquet": gpd.read_parquet}.get(suffix, gpd.read_file)
    frame = read(out)
    assert frame["id"].tolist() == ["banner", "banner"]
    assert frame["patrol_s"].tolist() == [1740, 0]


def test_a_bar_is_there_on_a_terminal_only(walked: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert walked("coverage", *WINDOW, "--swath-m", 70).err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # what standard error is, rich asks so
    for more in ((), ("--every", "hour")):
        assert "measuring" in walked("coverage", *WINDOW, "--swath-m", 70, *more).err


def test_what_cannot_be_asked_is_refused(walked: Run) -> None:
    assert walked("coverage", *WINDOW, "--by", "horse").code == 2
    assert walked("coverage", *WINDOW, "--every", "year").code == 2
    years = ("--from", "2020-01-01T00:00:00Z", "--to", "2026-01-01T00:00:00Z")
    assert "less" in walked("coverage", *years, "--every", "hour").refusal
