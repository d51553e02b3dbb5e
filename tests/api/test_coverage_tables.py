"""Coverage as CSV and GeoParquet: the figures of the JSON, to the last digit."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import geopandas as gpd
import httpx
import pyarrow.parquet as pq
import pytest
import shapely

from tests.api.api_words import at, box, code, enrol, feature, fix, put, send

WINDOW = {"from": at(0), "to": at(60 * 48), "level": "cell"}
CSV, PARQUET, GEOJSON = "text/csv", "application/vnd.apache.parquet", "application/geo+json"
PATHS = ("/api/coverage", "/api/coverage/series", "/api/coverage/border")


@pytest.fixture
def patrolled(admin: httpx.Client) -> httpx.Client:
    """Cells in a gacha, a border along their south, and two units of which one has no team."""
    put(admin, "grids", feature("g", box(100, 40, 0.1), level="gacha"))
    put(admin, "grids", feature("=c0", box(100, 40, 0.02), level="cell", parent="g",
                                name='=HYPERLINK("x"), 一', name_mn="Хошуу"))  # fmt: skip
    put(admin, "grids", feature("c1", box(100.02, 40, 0.02), level="cell", parent="g"))
    line = {"type": "LineString", "coordinates": [[100, 40], [100.1, 40]]}
    put(admin, "border", feature("south", line, chainage_start_km=7))
    assert admin.post("/api/teams", json={"team": "-east"}).is_success
    enrol(admin, "u")
    enrol(admin, "w", team="-east")
    send(admin, [fix("u", minute, 100.001 + minute / 700, 40.001) for minute in range(0, 30, 3)])
    send(admin, [fix("w", minute, 100.011, 40.0112) for minute in (5, 9, 1455)])
    return admin


def _rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def _frame(answer: httpx.Response) -> gpd.GeoDataFrame:
    assert answer.headers["content-type"] == PARQUET
    return gpd.read_parquet(io.BytesIO(answer.content))


def _as_text(value: object) -> str:
    """A value of JSON as CSV has it."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text.startswith(("=", "-")) and isinstance(value, str) else text


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    """The properties of a feature without what is of its parts."""
    own = {k: v for k, v in told.items() if k not in {"rest", "parts"}}
    return own | {f"rest_{k}": v for k, v in told.get("rest", {}).items()}


@pytest.mark.parametrize("more", [{}, {"level": "gacha"}, {"swath_m": "70"}, {"by": "team"},
                                  {"by": "hour", "geometry": "false"}])  # fmt: skip
def test_a_csv_has_the_figures_of_the_json(patrolled: httpx.Client, more: dict[str, str]) -> None:
    asked = {**WINDOW, **more}
    told = patrolled.get("/api/coverage", params=asked).json()
    rows = _rows(patrolled.get("/api/coverage", params={**asked, "f": "csv"}))
    whole = [row for row in rows if not row.get("by")]
    assert "geometry" not in rows[0]
    for row, one in zip(whole, told["features"], strict=True):
        flat = _flat(one["properties"])
        assert row == {name: _as_text(flat.get(name)) for name in row}
        assert flat.keys() <= row.keys()
    parts = {(row["id"], row["part"]): row for row in rows if row.get("by")}
    assert {row.get("by") for row in parts.values()} <= {more.get("by")}
    said = {
        (_as_text(one["id"]), _as_text(word)): figures
        for one in told["features"]
        for word, figures in one["properties"].get("parts", {}).items()
    }  # fmt: skip
    assert parts.keys() == said.keys()
    for key, figures in said.items():
        assert {name: parts[key][name] for name in figures} == {
            name: _as_text(value) for name, value in figures.items()
        }


def test_some_grids_are_told_alone_and_strangers_named(patrolled: httpx.Client) -> None:
    asked = {**WINDOW, "by": "team"}
    whole = patrolled.get("/api/coverage", params=asked).json()
    some = patrolled.get("/api/coverage", params={**asked, "grid": ["c1", "=c0", "c1"]}).json()
    assert [one["id"] for one in some["features"]] == ["c1", "=c0"]
    by_id = {one["id"]: one for one in whole["features"]}
    assert all(one == by_id[one["id"]] for one in some["features"])
    assert some["totals"] == whole["totals"]
    one = patrolled.get("/api/coverage", params={**WINDOW, "level": "gacha", "grid": "g"}).json()
    assert one["features"][0]["properties"]["rest"]
    rows = _rows(patrolled.get("/api/coverage", params={**asked, "grid": "c1", "f": "csv"}))
    assert [(row["id"], row["by"], row["part"]) for row in rows] == [
        ("c1", "", ""), ("c1", "team", ""), ("c1", "team", "'-east")
    ]  # fmt: skip
    for f in ("geojson", "csv"):
        wrong = patrolled.get("/api/coverage", params={**WINDOW, "grid": ["c1", "moon"], "f": f})
        assert code(wrong) == "404 no_such_feature"
        assert "'moon'" in wrong.json()["detail"]
    assert code(patrolled.get("/api/coverage", params={"grid": "x" * 201})).startswith("422")


def test_geoparquet_has_the_figures_and_the_ground(patrolled: httpx.Client) -> None:
    told = patrolled.get("/api/coverage", params=WINDOW).json()["features"]
    frame = _frame(patrolled.get("/api/coverage", params=WINDOW, headers={"Accept": PARQUET}))
    assert frame.crs == "EPSG:4326"
    assert frame["id"].tolist() == [one["id"] for one in told]
    assert str(frame["last_visit"].dtype).startswith("datetime64[")
    for n, one in enumerate(told):
        for name, value in one["properties"].items():
            if isinstance(value, int | float):
                assert frame[name].iloc[n] == value, name
        assert frame.geometry.iloc[n].equals(shapely.geometry.shape(one["geometry"]))
    bare = patrolled.get("/api/coverage", params={**WINDOW, "f": "parquet", "geometry": "false"})
    table = pq.read_table(io.BytesIO(bare.content))
    assert "geometry" not in table.column_names
    assert b"geo" not in (table.schema.metadata or {})
    assert table.column("patrol_s").to_pylist() == frame["patrol_s"].tolist()


def test_a_series_is_a_row_for_each_grid_and_part(patrolled: httpx.Client) -> None:
    asked = {**WINDOW, "every": "day"}
    told = patrolled.get("/api/coverage/series", params=asked).json()["series"]
    rows = _rows(patrolled.get("/api/coverage/series", params={**asked, "f": "csv"}))
    want = [
        {"id": _as_text(grid), "from": part["from"], "to": part["to"],
         **{name: _as_text(value) for name, value in figures.items()}}
        for part in told for grid, figures in part["grids"].items()
    ]  # fmt: skip
    assert [{name: row[name] for name in want[0]} for row in rows] == want
    one = _rows(patrolled.get("/api/coverage/series", params={**asked, "f": "csv", "grid": "c1"}))
    assert one == [row for row in rows if row["id"] == "c1"]
    wrong = patrolled.get("/api/coverage/series", params={**asked, "f": "csv", "grid": "moon"})
    assert code(wrong) == "404 no_such_feature"
    bare = patrolled.get("/api/coverage/series", params={**asked, "f": "parquet"})
    assert pq.read_table(io.BytesIO(bare.content)).num_rows == len(rows)
    drawn = _frame(
        patrolled.get("/api/coverage/series", params={**asked, "f": "parquet", "geometry": "true"})
    )
    assert len(drawn) == len(rows)
    assert not drawn.geometry.isna().any()


def test_the_border_is_a_row_for_each_stretch(patrolled: httpx.Client) -> None:
    asked = {"from": WINDOW["from"], "to": WINDOW["to"], "segment_m": "2500", "swath_m": "400"}
    told = patrolled.get("/api/coverage/border", params=asked).json()["features"]
    rows = _rows(patrolled.get("/api/coverage/border", params={**asked, "f": "csv"}))
    assert rows == [
        {name: _as_text(value) for name, value in one["properties"].items()} for one in told
    ]
    assert sum(float(row["patrol_s"]) for row in rows) > 0
    frame = _frame(patrolled.get("/api/coverage/border", params={**asked, "f": "parquet"}))
    assert frame["visited_share"].tolist() == [
        one["properties"]["visited_share"] for one in told
    ]  # fmt: skip
    assert set(frame.geom_type) == {"LineString"}


@pytest.mark.parametrize("path", PATHS)
def test_the_client_gets_the_format_that_it_likes_best(patrolled: httpx.Client, path: str) -> None:
    window = {"from": WINDOW["from"], "to": WINDOW["to"]}
    json_type = "application/json" if path.endswith("series") else GEOJSON
    for accept, given in (
        ("*/*", json_type), (CSV, CSV), ("text/*", CSV), (PARQUET, PARQUET), ("", json_type),
        ("application/json", json_type), (f"{CSV};q=0.4, {PARQUET};q=0.6", PARQUET),
    ):  # fmt: skip
        answer = patrolled.get(path, params=window, headers={"Accept": accept})
        assert answer.headers["content-type"].split(";")[0] == given, accept
        assert "Accept" in answer.headers["vary"].replace(",", " ").split()
    for f in ("csv", "CSV", ".csv".strip("."), CSV):
        assert patrolled.get(path, params={**window, "f": f}).headers["content-type"][:8] == CSV
    for accept in ("image/png", "application/geopackage+sqlite3", "*/*;q=0"):
        answer = patrolled.get(path, params=window, headers={"Accept": accept})
        assert code(answer) == "406 not_acceptable"
        assert all(there in answer.json()["detail"] for there in (GEOJSON, CSV, PARQUET))
        assert "fgb" not in answer.json()["detail"]
    for f in ("gpkg", "shp", ""):
        assert code(patrolled.get(path, params={**window, "f": f})) == "422 bad_format"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("f", ["csv", "parquet"])
def test_an_unchanged_table_is_a_304(patrolled: httpx.Client, path: str, f: str) -> None:
    asked = {"from": WINDOW["from"], "to": WINDOW["to"], "f": f}
    first = patrolled.get(path, params=asked)
    name = path.removeprefix("/api/").replace("/", "-").replace("coverage-border", "border")
    assert first.headers["content-disposition"] == f'attachment; filename="{name}.{f}"'
    assert "fixes." in first.headers["data-version"]
    assert first.headers["as-of"].endswith("Z")
    known = {"If-None-Match": first.headers["etag"]}
    again = patrolled.get(path, params=asked, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    other = {**asked, "f": "csv" if f == "parquet" else "parquet"}
    assert patrolled.get(path, params=other, headers=known).status_code == 200
    head = patrolled.head(path, params=asked)
    assert (head.status_code, head.content) == (200, b"")
    send(patrolled, [fix("u", minute, 100.03, 40.001) for minute in (100, 105)])
    changed = patrolled.get(path, params=asked, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


def test_a_level_without_grids_is_an_empty_table(admin: httpx.Client) -> None:
    for path in PATHS:
        told = admin.get(path, params={"f": "csv"})
        assert told.text.count("\n") == 1
        assert told.text.startswith("id,")
        drawn = admin.get(path, params={"f": "parquet"})
        assert pq.read_table(io.BytesIO(drawn.content)).num_rows == 0
