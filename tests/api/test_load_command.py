"""``patrolgrid load``: its options reach the loader, and its report the terminal or a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from tests.api.command_words import Run, write

ROWS = "id,lon,lat,households,remark\nA,105.05,40.05,0,x\nB,105.06,40.05,many,y\nC,,,1,z\n"


def test_faulty_rows_are_listed_left_out_and_written_to_a_report(run: Run, tmp_path: Path) -> None:
    file, report = write(tmp_path / "x.csv", ROWS), tmp_path / "report.json"
    said = run("load", "settlements", file, "--report", report).refusal
    assert said.endswith("(and 1 more row); --skip-bad leaves them out, --dry-run lists them")
    assert run("load", "settlements", file, "--dry-run").out.count("refused: row") == 2
    assert len(json.loads(report.read_text())["refused"]) == 2
    looked = run("load", "settlements", file, "--skip-bad", "--dry-run")
    assert looked.code == 0
    assert (
        "3 read, 1 new, 0 updated, 0 unchanged, 2 refused (dry run: nothing was stored)"
        in looked.out
    )
    loaded = run(
        "load", "settlements", file, "--skip-bad", "--unknown", "households=0", "--report", report
    )
    assert "3 read, 1 new" in loaded.out
    assert "refused: row 3 (id 'C'): has no geometry" in loaded.out
    assert "dropped columns: remark" in loaded.out
    told = json.loads(report.read_text())
    assert (told["inserted"], told["dropped_columns"]) == (1, ["remark"])


def test_more_lines_than_a_screen_takes_are_counted(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"{n},105,40,many\n" for n in range(30))
    file = write(tmp_path / "x.csv", "id,lon,lat,households\n" + rows)
    refused = run("load", "settlements", file, "--dry-run")
    assert refused.code == 1
    assert refused.out.count("refused: row") == 20
    assert "refused: … and 10 more (--report FILE has all)" in refused.out


def test_strict_and_wrong_words_for_options_are_refused(run: Run, tmp_path: Path) -> None:
    ring = "POLYGON ((105 40, 105.1 40.1, 105.1 40, 105 40.1, 105 40))"
    file = write(tmp_path / "x.csv", f"id;wkt\nA;{ring}\n")
    strict = run("load", "grids", file, "--strict")
    assert strict.code == 1
    assert "--strict: row 1 (id 'A'): Self-inter" in strict.err
    assert (strict.out, strict.err.count("\n")) == ("", 1)
    assert run("load", "grids", file, "--datum", "mars").code == 2
    assert "no such zone" in run("load", "grids", file, "--time-zone", "Mars").refusal


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_stored(
    run: Run, tmp_path: Path
) -> None:
    file = write(tmp_path / "x.csv", "id,lon,lat\nA,105,40\n")
    for target in (tmp_path, tmp_path / "nowhere" / "report.json"):
        ended = run("load", "settlements", file, "--report", target)
        assert ended.code == 2
        assert "cannot be written" in ended.err
    assert "1 new" in run("load", "settlements", file).out


def test_an_option_given_twice_counts_twice_or_is_refused(run: Run, tmp_path: Path) -> None:
    rows = "A,105.05,40.05,0\nB,105.06,40.05,999\nC,105.07,40.05,5\n"
    file = write(tmp_path / "x.csv", "id,lon,lat,households\n" + rows)
    run("load", "settlements", file, "--unknown", "households=0", "--unknown", "households=999")
    out = tmp_path / "out.geojson"
    run("export", "settlements", out)
    found = [one["properties"]["households"] for one in json.loads(out.read_text())["features"]]
    assert found == [None, None, 5]
    twice = run("load", "settlements", file, "--map", "name=id", "--map", "name=lon")
    assert twice.code == 2
    assert "name is given twice" in twice.err


def test_ambiguous_dates_are_read_as_told(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", "id,lon,lat,last_heartbeat\nA,105,40,03/01/2026 8:00\n")
    asked = run("load", "checkpoints", file, "--time-zone", "Asia/Shanghai").refusal
    assert "say which with --dates day-first or --dates month-first" in asked
    told = run("load", "checkpoints", file, "--time-zone", "UTC", "--dates", "day-first")
    assert "1 read, 1 new" in told.out


def test_a_file_that_cannot_be_read_has_its_report(run: Run, tmp_path: Path) -> None:
    file, report = write(tmp_path / "x.csv", "a,b\n1,2\n"), tmp_path / "report.json"
    said = run("load", "settlements", file, "--report", report).refusal
    assert json.loads(report.read_text())["refused"][0] in said


def test_a_raster_is_looked_at_and_reported_before_it_is_loaded(run: Run, tmp_path: Path) -> None:
    file, report = tmp_path / "x.tif", tmp_path / "report.json"
    profile = {"count": 1, "height": 2, "width": 3, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(
        file, "w", driver="GTiff", transform=Affine(0.1, 0, 105, 0, -0.1, 41), **profile
    ) as made:
        made.write(np.arange(6, dtype="float32").reshape(1, 2, 3))
    looked = run("load", "elevation", file, "--dry-run", "--report", report)
    assert "3 x 2 pixels loaded, 0 without a value, from 0 to 5 m (dry run: nothing" in looked.out
    told = json.loads(report.read_text())
    assert (told["width"], told["most"], told["dry_run"]) == (3, 5.0, True)
    assert run("export", "elevation", tmp_path / "out.tif").code == 1
    assert "dry run" not in run("load", "elevation", file).out
    assert run("export", "elevation", tmp_path / "out.tif").code == 0
    wrong = write(tmp_path / "y.tif", "no picture")
    said = run("load", "elevation", wrong, "--report", report).refusal
    assert json.loads(report.read_text())["refused"][0] in said
