"""``patrolgrid export`` with what it may be asked."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from tests.api.command_words import Run


@pytest.fixture
def grids(run: Run, tmp_path: Path) -> None:
    """A banner of two cells."""
    frame = gpd.GeoDataFrame(
        {"id": ["b", "w", "e"], "level": ["banner", "cell", "cell"], "parent": [None, "b", "b"]},
        geometry=[shapely.box(100, 40, 102, 41), shapely.box(100, 40, 101, 41),
                  shapely.box(101, 40, 102, 41)],
        crs=4326,
    )  # fmt: skip
    frame.to_file(tmp_path / "grids.gpkg")
    assert run("load", "grids", tmp_path / "grids.gpkg").code == 0


def test_an_export_is_of_a_place_a_level_and_a_format(
    run: Run, grids: None, tmp_path: Path
) -> None:
    out = tmp_path / "out.geojsonl"
    asked = ("export", "grids", out, "--level", "cell", "--bbox", "101.5,40,102,41")
    assert run(*asked).out == f"{out}: 1 feature of grids\n"
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["e"]
    plain = tmp_path / "grids"
    for name, suffix in (("gpkg", "gpkg"), ("fgb", "fgb"), ("ndjson", "geojsonl")):
        assert run("export", "grids", plain, "--format", name).out.endswith("3 features of grids\n")
        again = run("load", "grids", plain.replace(tmp_path / f"again.{suffix}"))
        assert again.out == "grids: 3 read, 0 new, 0 updated, 3 unchanged\n"


def test_an_export_that_cannot_be_is_refused_in_one_line(
    run: Run, grids: None, tmp_path: Path
) -> None:
    for arguments, words in (
        (("grids", "x.dwg"), "files that end in '.dwg' are not written"),
        (("grids", "x"), "files that end in 'nothing' are not written"),
        (("grids", "x", "--format", "dwg"), "--format dwg: choose one of"),
        (("moon", "x.csv"), "'moon' is no layer"),
        (("roads", "x.csv", "--level", "cell"), "roads have no level"),
        (("grids", "x.csv", "--bbox", "1,2,3"), "west,south,east,north"),
        (("grids", "no/x.csv"), "its folder does not exist"),
    ):
        refusal = run("export", arguments[0], tmp_path / arguments[1], *arguments[2:]).refusal
        assert words in refusal, arguments
    assert not (tmp_path / "x.csv").exists()
