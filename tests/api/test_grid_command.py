"""The command grid: where it draws, what it reads, and that two drawings never mix."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import shapely
from sqlalchemy import Engine

from rows import everything
from tests.api.command_words import Run, write

BOW_TIE = "POLYGON ((103 42, 103.1 42.1, 103.1 42, 103 42.1, 103 42))"


def test_what_no_plane_shows_is_refused_in_one_line(run: Run, land: Path, tmp_path: Path) -> None:
    ring = "-180 -90, 180 -90, 180 90, -180 90, -180 -90"
    world = write(tmp_path / "world.csv", f'wkt\n"POLYGON (({ring}))"\n')
    line = run("grid", "--size-m", 90000, "--area", world).refusal
    assert "covers 100% of the earth" in line
    assert run("load", "grids", land).code == 0
    assert "at most 1,000,000" in run("grid", "--size-m", "1e30").refusal


def test_another_drawing_under_the_same_prefix_is_refused(
    run: Run, engine: Engine, land: Path
) -> None:
    assert run("load", "grids", land).code == 0
    assert run("grid", "--size-m", 5000, "--within", "banner").code == 0
    before = everything(engine)
    again = run("grid", "--size-m", 5000, "--within", "banner")
    assert (again.code, again.err) == (0, "")
    assert " 0 new, 0 updated" in again.out
    for other in (("--size-m", 7000), ("--size-m", 5000, "--shape", "hexagon")):
        line = run("grid", *other, "--within", "banner").refusal
        assert "with the prefix 'cell' are others than these, such as cell-r" in line
        assert "delete them, or choose another --prefix for cells elsewhere" in line
    assert everything(engine) == before
    # Under another prefix they would lie on those that are there.
    line = run("grid", "--size-m", 7000, "--within", "banner", "--prefix", "big").refusal
    assert "of it lie on 'cell-r" in line
    assert everything(engine) == before
    # Cells whose prefix only begins alike are others' business.
    level = ("--level", "gacha", "--prefix", "cel")
    assert run("grid", "--size-m", 7000, *level).code == 0


def test_the_top_level_is_drawn_over_again_and_again(run: Run, engine: Engine, land: Path) -> None:
    assert run("load", "grids", land).code == 0
    assert run("grid", "--size-m", 5000, "--shape", "hexagon").code == 0
    assert run("grid", "--size-m", 3000, "--prefix", "small", "--level", "gacha").code == 0
    before = everything(engine)
    again = run("grid", "--size-m", 5000, "--shape", "hexagon")
    assert " 0 new, 0 updated" in again.out
    assert everything(engine) == before


def test_an_area_is_read_as_load_reads_files(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "cells.geojson"
    area = write(tmp_path / "area.csv", f'wkt\n"{BOW_TIE}"\n')
    done = run("grid", "--size-m", 50_000, "--area", area, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert "repaired: row 1: Self-intersection" in done.out
    assert "1 cell\n" in done.out
    (cell,) = gpd.read_file(out).geometry
    assert cell.equals(shapely.make_valid(shapely.from_wkt(BOW_TIE)))

    bare = tmp_path / "bare.parquet"
    frame = gpd.GeoDataFrame(geometry=[shapely.box(103, 42, 103.2, 42.2)], crs=4326)
    frame.set_crs(None, allow_override=True).to_parquet(bare)
    draw = ("grid", "--size-m", 5000, "--out", out, "--area")
    assert "bare.parquet: it declares no CRS: say which with --crs" in run(*draw, bare).refusal
    assert run(*draw, bare, "--crs", "EPSG:4326").code == 0
    two = tmp_path / "two.gpkg"
    for name in ("here", "there"):
        frame.to_file(two, layer=name)
    assert "two.gpkg: it has several layers (here, there)" in run(*draw, two).refusal
    assert run(*draw, two, "--layer-name", "there").code == 0
    text = json.dumps({"type": "Point", "coordinates": [103, 42]})
    assert (
        "p.geojson: feature 1: is a Point"
        in run(*draw, write(tmp_path / "p.geojson", text)).refusal
    )
    assert "there is no such file" in run(*draw, tmp_path / "none.gpkg").refusal
    assert run("grid", "--size-m", 5000, "--crs", "EPSG:4326").code == 2
