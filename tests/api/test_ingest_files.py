"""The command ingest: fixes in GPX, JSON, GeoJSON, Arrow and Parquet files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from sqlalchemy import Engine, text

from tests.api.command_words import Run, write

TIMES = ["2026-03-02T04:00:00Z", "2026-03-02T04:01:00Z"]
ROWS = [
    {"unit": "eagle", "time": time, "lon": 103.5, "lat": 42.25 + n / 100, "accuracy_m": 4,
     "rider": "Bob"}
    for n, time in enumerate(TIMES)
]  # fmt: skip
FEATURES = [
    {"type": "Feature", "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"], 9]},
     "properties": {k: v for k, v in row.items() if k not in {"lon", "lat"}}}
    for row in ROWS
]  # fmt: skip


def _lines(rows: list[Any]) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n\n"


def _table() -> pa.Table:
    frame = pd.DataFrame(ROWS).assign(time=pd.to_datetime(TIMES))
    return pa.Table.from_pandas(frame, preserve_index=False)


def _stream() -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, _table().schema) as writer:
        writer.write_table(_table())
    return out.getvalue()


def _file() -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, _table().schema) as writer:
        writer.write_table(_table())
    return out.getvalue()


def _geoparquet(path: Path) -> None:
    places = [shapely.Point(row["lon"], row["lat"]) for row in ROWS]
    frame = pd.DataFrame(ROWS).drop(columns=["lon", "lat"])
    gpd.GeoDataFrame(frame, geometry=places, crs=4326).to_crs(32648).to_parquet(path)


def kept(engine: Engine) -> list[tuple[Any, ...]]:
    """Unit, time, lon, lat and accuracy_m of the fixes that are stored."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT u.id, to_char(f.time, 'HH24:MI'), round(lon::numeric, 6),"
                 " round(lat::numeric, 6), f.accuracy_m FROM fixes f JOIN units u USING (unit_no)"
                 " ORDER BY u.id, time")
        )  # fmt: skip
        return [tuple(row) for row in rows]


EXPECTED = [("eagle", "04:00", 103.5, 42.25, 4.0), ("eagle", "04:01", 103.5, 42.26, 4.0)]
MARK = "\ufeff"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(ROWS)),
        ("a.json", MARK + json.dumps({"type": "FeatureCollection", "features": FEATURES})),
        ("a.geojson", json.dumps({"type": "FeatureCollection", "features": FEATURES, "crs": {
            "type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}})),
        ("a.ndjson", _lines(ROWS)), ("a.JSONL", _lines(ROWS)), ("a.geojsonl", _lines(FEATURES)),
        ("a.geojsons", "\x1e" + _lines(FEATURES)),
        ("a.arrows", _stream()), ("a.arrow", _file()), ("a.arrow", _stream()),
        ("a.feather", _file()),
    ],
)  # fmt: skip
def test_a_file_of_any_kind_gives_the_same_fixes(
    run: Run, engine: Engine, tmp_path: Path, name: str, content: str | bytes
) -> None:
    done = run("ingest", write(tmp_path / name, content), "--enrol", "foot")
    assert (done.code, done.err) == (0, "")
    assert "2 accepted, 0 duplicate, 0 refused, 0 quarantined" in done.out
    assert "dropped columns: rider" in done.out
    assert [(u, t, float(x), float(y), a) for u, t, x, y, a in kept(engine)] == EXPECTED
    again = run("ingest", tmp_path / name)
    assert (again.code, again.err) == (0, "")
    assert "0 accepted, 2 duplicate" in again.out


def test_parquet_with_and_without_geometry_gives_them_too(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    _table().to_pandas().to_parquet(tmp_path / "plain.parquet")
    _geoparquet(tmp_path / "metres.geoparquet")
    assert "2 accepted" in run("ingest", tmp_path / "plain.parquet", "--enrol", "foot").out
    assert run("ingest", tmp_path / "metres.geoparquet").code == 0
    assert [(u, t, float(x), float(y), a) for u, t, x, y, a in kept(engine)] == EXPECTED


GPX = (
    '<?xml version="1.0"?><gpx version="1.1" creator="x"'
    ' xmlns="http://www.topografix.com/GPX/1/1">{}</gpx>'
)


def _track(name: str, points: str) -> str:
    named = f"<name>{name}</name>" if name else ""
    return f"<trk>{named}<trkseg>{points}</trkseg></trk>"


def _point(minute: int | None, lon: float) -> str:
    time = "" if minute is None else f"<time>2026-03-02T04:{minute:02d}:00Z</time>"
    return f'<trkpt lat="42" lon="{lon}"><ele>1200</ele>{time}</trkpt>'


def test_several_tracks_are_several_units_unless_one_is_named(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    tracks = _track("eagle", _point(0, 103) + _point(1, 103.001)) + _track("hawk", _point(2, 104))
    file = write(tmp_path / "a.gpx", GPX.format(tracks))
    done = run("ingest", file, "--enrol", "foot")
    assert (done.code, done.err) == (0, "")
    assert "2 units enrolled as foot" in done.out
    assert [row[:2] for row in kept(engine)] == [
        ("eagle", "04:00"), ("eagle", "04:01"), ("hawk", "04:02")
    ]  # fmt: skip
    assert run("ingest", file, "--unit", "owl", "--enrol", "foot").code == 0
    assert [row[1] for row in kept(engine) if row[0] == "owl"] == ["04:00", "04:01", "04:02"]


def test_a_track_without_name_is_nobodys_unless_one_is_named(run: Run, tmp_path: Path) -> None:
    alone = write(tmp_path / "a.gpx", GPX.format(_track("", _point(0, 103))))
    assert "no column unit" in run("ingest", alone, "--enrol", "foot").refusal
    assert "--unit NAME says whose they are" in run("ingest", alone).refusal
    both = write(
        tmp_path / "b.gpx", GPX.format(_track("", _point(0, 103)) + _track("a", _point(1, 103)))
    )
    done = run("ingest", both, "--enrol", "foot")
    assert done.code == 1
    assert "1 accepted, 0 duplicate, 1 refused" in done.out
    assert "1 row has no unit, or a name that cannot be one" in done.err
    assert run("ingest", both, "--unit", "owl", "--enrol", "foot").code == 0


def test_points_without_times_are_set_aside_and_told(run: Run, tmp_path: Path) -> None:
    some = GPX.format(_track("eagle", _point(0, 103) + _point(None, 103.001)))
    done = run("ingest", write(tmp_path / "a.gpx", some), "--enrol", "foot")
    assert (done.code, done.err) == (0, "")
    assert "1 accepted, 0 duplicate, 0 refused, 1 quarantined" in done.out
    assert "1 no_time" in done.out
    none = GPX.format(_track("eagle", _point(None, 103) + _point(None, 103.001)))
    done = run("ingest", write(tmp_path / "b.gpx", none))
    assert done.code == 1
    assert "quarantined: 2 no_time" in done.out
    assert done.err.startswith("no_time: give times with a date and a zone")


def _no_time_zone(path: Path) -> None:
    frame = _table().to_pandas().assign(time=pd.to_datetime(TIMES).tz_localize(None))
    frame.to_feather(path)


@pytest.mark.parametrize("make", [_no_time_zone])
def test_times_without_a_zone_are_none_in_arrow_too(
    run: Run, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "a.feather")
    done = run("ingest", tmp_path / "a.feather", "--enrol", "foot", "--unit", "eagle")
    assert done.code == 1


def test_a_file_that_is_not_what_its_name_says_gets_one_line(run: Run, tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    strange = {"type": "FeatureCollection", "features": [{**FEATURES[0], "geometry": line}]}
    metres = {"type": "FeatureCollection", "features": FEATURES, "crs": {
        "type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}}  # fmt: skip
    for name, content, said in (
        ("a.json", "{", "a.json: the file is not JSON"),
        ("b.json", "{}", "b.json: it is no list of fixes and no FeatureCollection"),
        ("c.ndjson", _lines(ROWS) + "{", "c.ndjson: line 4 is not JSON"),
        ("d.geojson", json.dumps(strange), "d.geojson: feature 1 is a LineString: fixes are"),
        ("e.geojson", json.dumps(metres), "e.geojson: its coordinates are in urn:ogc:def"),
        ("f.arrow", _file()[:-40], "f.arrow: this is no whole Arrow file or stream"),
        ("g.arrow", b"unit,time", "g.arrow: this is no whole Arrow file or stream"),
        ("h.json", "[]", "h.json: no column unit, time, lon, lat"),
        ("i.ndjson", "7\n", "i.ndjson: no column unit, time, lon, lat"),
    ):  # fmt: skip
        assert said in run("ingest", write(tmp_path / name, content), "--enrol", "foot").refusal
