"""The command ingest: which files of fixes are read, whom it enrols, and what it advises."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Engine, text

from rows import everything
from tests.api.command_words import WALK, Run, write


def test_strangers_fixes_are_refused_and_nothing_of_them_is_kept(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    done = run("ingest", write(tmp_path / "walk.csv", WALK))
    assert done.code == 1
    assert "0 accepted" in done.out
    assert "30 refused" in done.out
    (line,) = done.err.splitlines()
    assert "--enrol" in line
    rows = everything(engine)
    assert rows["units"] == rows["fixes"] == rows["quarantine"] == []
    assert "eagle" not in str(rows)


def test_a_bad_file_of_fixes_gets_one_line_and_changes_nothing(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    before = everything(engine)
    files = {
        "no such file": tmp_path / "missing.csv",
        "empty": write(tmp_path / "empty.csv", ""),
        "no fix": write(tmp_path / "head.csv", "unit,time,lon,lat\n"),
        "no column time": write(tmp_path / "short.csv", "unit,lon,lat\na,1,2\n"),
        "it is no whole GPX": write(tmp_path / "lie.gpx", WALK),
        "fixes come as .csv, .gpx, .geojson": write(tmp_path / "walk.docx", WALK),
        "parquet": write(tmp_path / "lie.parquet", WALK),
    }
    for says, file in files.items():
        assert says in run("ingest", file, "--enrol", "foot").refusal.replace("Parquet", "parquet")
    nobody = write(tmp_path / "w.csv", "unit,time,lon,lat\n,2026-03-02T04:00:00Z,103,42\n")
    assert "kind 'boat' is none" in run("ingest", nobody, "--enrol", "boat").refusal
    assert everything(engine) == before


GPX = (
    '<?xml version="1.0"?><gpx version="1.1" creator="x"'
    ' xmlns="http://www.topografix.com/GPX/1/1">{}</gpx>'
)
TRACK = (
    "<trk><name>eagle</name><trkseg>"
    '<trkpt lat="42.1" lon="103.1"><time>2026-03-02T04:00:00Z</time></trkpt>'
    '<trkpt lat="42.1" lon="103.11"><time>2026-03-02T04:01:00Z</time></trkpt>'
    "</trkseg></trk>"
)


def units(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.execute(text("SELECT id FROM units")).scalars())


def test_what_is_no_file_of_points_is_refused_by_its_base_name(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    whole = GPX.format(TRACK)
    frame = gpd.GeoDataFrame(
        {"unit": ["a"], "time": ["2026-03-02T04:00:00Z"]},
        geometry=[shapely.LineString([(103, 42), (104, 42)])], crs=4326,
    )  # fmt: skip
    frame.to_parquet(tmp_path / "track.parquet")
    frame.set_geometry([shapely.Point(1, 2)]).set_crs(None, allow_override=True).to_parquet(
        tmp_path / "lost.parquet"
    )
    way = '<wpt lat="42" lon="103"><time>2026-03-02T04:00:00Z</time></wpt>'
    refused = {
        "it is a folder: name a file": tmp_path,
        "pipe.csv: it is no regular file: name a file": tmp_path / "pipe.csv",
        "cut.gpx: it is no whole GPX": write(tmp_path / "cut.gpx", whole[:-30]),
        "way.gpx: it has no track with a point; only tracks are read": write(
            tmp_path / "way.gpx", GPX.format(way)
        ),
        "track.parquet: it holds a LineString: fixes are points": tmp_path / "track.parquet",
        "lost.parquet: the points declare no CRS": tmp_path / "lost.parquet",
        "x.csv: it is not UTF-8 text": write(tmp_path / "x.csv", WALK.encode() + b"\xff\xff\x81"),
    }
    for says, file in refused.items():
        line = run("ingest", file).refusal
        assert says in line
        assert f"{tmp_path}/" not in line
    assert run("ingest", write(tmp_path / "x.gpx", whole), "--enrol", "foot").code == 0


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_any_separator_that_load_takes_is_taken(run: Run, tmp_path: Path, separator: str) -> None:
    # With one at the end of each row but the header's, as some programs write.
    head, *rows = WALK.splitlines()
    lines = [head, *(f"{row}," for row in rows)]
    file = write(tmp_path / "walk.csv", "\n".join(lines).replace(",", separator))
    done = run("ingest", file, "--enrol", "vehicle")
    assert (done.code, done.err) == (0, "")
    assert "1 unit enrolled as vehicle" in done.out
    assert "30 accepted, 0 duplicate, 0 refused, 0 quarantined, 0 breaches" in done.out


def test_where_nothing_is_believed_the_command_fails_and_says_what_to_do(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    assert run("ingest", write(tmp_path / "walk.csv", WALK), "--enrol", "vehicle").code == 0
    zoneless = write(tmp_path / "a.csv", WALK.replace("Z", ""))
    done = run("ingest", zoneless)
    assert done.code == 1
    assert "quarantined: 30 no_time" in done.out
    assert done.err == (
        "no_time: give times with a date and a zone, such as 2026-11-22T06:00:00Z\n"
    )
    swapped = write(tmp_path / "b.csv", WALK.replace("lon,lat", "lat,lon"))
    done = run("ingest", swapped)
    assert done.code == 1
    assert done.err == ("latitude_out_of_range: are lon and lat swapped? --map lon=… --map lat=…\n")
    assert run("ingest", swapped, "--map", "lon=lat", "--map", "lat=lon").code == 0
    # Beside what is good it is a remark.
    mixed = write(tmp_path / "c.csv", WALK + "eagle,2026-03-02T06:00:00,103,42\n")
    done = run("ingest", mixed)
    assert (done.code, done.err) == (0, "")
    assert "no_time: give times with" in done.out


def test_only_units_with_a_fix_that_could_be_one_are_enrolled(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "x.csv",
        "unit,time,lon,lat\n"
        "hawk,2026-03-02T04:00:00Z,103,42\n"
        "kite,2026-03-02 04:00:00,103,42\n"
        "kite,2026-03-02T04:00:00Z,nan,42\n"
        "owl,2026-03-02T04:00:00Z,203,42\n"
        ",2026-03-02T04:00:00Z,103,42\n"
        f"{'x' * 201},2026-03-02T04:00:00Z,103,42\n",
    )
    done = run("ingest", file, "--enrol", "foot")
    assert done.code == 1
    assert units(engine) == ["hawk"]
    assert "1 unit enrolled as foot" in done.out
    (line,) = done.err.splitlines()
    assert "3 rows of units that have no row with a time and a place on the earth" in line
    assert "2 rows have no unit, or a name that cannot be one" in line
    assert "--enrol KIND" not in line


def test_a_file_that_names_nobody_enrols_nobody(run: Run, engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", "unit,time,lon,lat\n,2026-03-02T04:00:00Z,103,42\n")
    done = run("ingest", file, "--enrol", "foot")
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith("refused: 1 row has no unit, or a name that cannot be one")
    assert units(engine) == []


def test_times_as_postgresql_and_others_write_them_are_read(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    times = (
        "2026-10-01 08:01:00+00", "2026-10-01 16:02:00 +0800", "2026-10-01T16:03:00 +08:00",
        "2026-10-01 08:04:00.250+00", "2026-10-01T08:05:00z",
    )  # fmt: skip
    no_times = ("2026-10-01 08:06:00", "2026-10-01", "1790841960", "2026-10-01 08:06:00  +00", "")
    rows = [f"eagle,{time},103.{n:02d},42" for n, time in enumerate(times + no_times)]
    file = write(tmp_path / "x.csv", "\n".join(["unit,time,lon,lat", *rows]))
    done = run("ingest", file, "--enrol", "drone")
    assert "5 accepted" in done.out
    assert "quarantined: 5 no_time" in done.out
    with engine.connect() as connection:
        found = connection.execute(text("SELECT time FROM fixes ORDER BY time")).scalars().all()
    assert [f"{at:%H:%M}" for at in found] == ["08:01", "08:02", "08:03", "08:04", "08:05"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "unit,time,lon,lat\nu,2026-03-02T04:00:00Z,104,5,41,5\n",
            "row 1 has 6 cells, the header 4",
        ),
        ("unit,time,lon,lat\nu,2026-03-02T04:00:00Z,104\n", "row 1 has 3 cells, the header 4"),
        ("unit,time,lon, lon,lat\nu,2026-03-02T04:00:00Z,1,2,3\n", "two columns are called 'lon'"),
    ],
)
def test_a_table_that_could_be_misread_is_refused(
    run: Run, tmp_path: Path, content: str, told: str
) -> None:
    line = run("ingest", write(tmp_path / "x.csv", content), "--enrol", "vehicle").refusal
    assert f"x.csv: {told}" in line


@pytest.mark.parametrize(
    "content",
    [
        "\n\nunit;time;lon;lat\nu;2026-03-02T04:00:00Z;103;42\n\n",
        'unit,time,lon,lat,"a;b;c;d;e;f"\nu,2026-03-02T04:00:00Z,103,42,x\n',
    ],
)
def test_blank_lines_and_quoted_separators_do_not_matter(
    run: Run, tmp_path: Path, content: str
) -> None:
    done = run("ingest", write(tmp_path / "x.csv", content), "--enrol", "vehicle")
    assert (done.code, done.err) == (0, "")
    assert "1 accepted" in done.out
