"""``patrolgrid load``: its options reach the loader, and its report the terminal or a file."""

from __future__ import annotations

import json
from pathlib import Path

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
    assert "would repair: row 1 (id 'A'): Self-intersection[105.05 40.05]" in strict.out
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
