"""Coverage over HTTP: by hand, whole, and the same as the command says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from api.cli import answers
from tests.api.api_words import at, box, code, enrol, feature, fix, put, send


def test_the_figures_add_up_and_the_command_says_the_same(
    admin: httpx.Client,
    token: Callable[[str], str],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enrol(admin, "v1")
    for n, west in enumerate((100.0, 100.01, 100.02)):
        put(admin, "grids", feature(f"c{n}", box(west, 40, 0.01), level="cell"))
    # Ten minutes over c0 and c1 by equal parts, then an hour unknown within c1, then away.
    send(admin, [fix("v1", 0, 100.0), fix("v1", 10, 100.02), fix("v1", 11, 100.015),
                 fix("v1", 71, 100.016), fix("v1", 75, 100.016, 40.02)])  # fmt: skip
    window = {"from": at(0), "to": at(80), "level": "cell", "swath_m": "100"}
    told = admin.get("/api/coverage", params=window)
    found = told.json()
    by_id = {one["id"]: one["properties"] for one in found["features"]}
    assert list(by_id) == ["c0", "c1", "c2"]
    assert by_id["c0"]["patrol_s"] == pytest.approx(300, abs=0.1)
    assert (by_id["c1"]["unknown_s"], by_id["c2"]["patrol_s"]) == (3600, 0)
    # 100 m of the cell's 1110 m.
    assert by_id["c0"]["visited_share"] == pytest.approx(100 / 1110.3, rel=0.01)
    totals = found["totals"]
    inside = sum(one["patrol_s"] + one["unknown_s"] for one in by_id.values())
    assert inside + totals["outside_s"] == pytest.approx(75 * 60)
    assert by_id["c1"]["last_visit"].endswith("Z")
    assert found["data_version"].startswith("fixes.")

    half = admin.get("/api/coverage", params={**window, "to": at(5)}).json()
    assert half["totals"]["patrol_s"] == pytest.approx(300)
    # Kept answers are of the same data and the same right only.
    tag = told.headers["ETag"]
    known = admin.get("/api/coverage", params=window, headers={"If-None-Match": tag})
    assert known.status_code == 304
    reader = {"Authorization": f"Bearer {token('read')}"}
    assert admin.get("/api/coverage", params=window, headers=reader).headers["ETag"] != tag
    send(admin, [fix("v1", 79, 100.016, 40.02)])
    newer = admin.get("/api/coverage", params=window).json()
    assert newer["totals"]["outside_s"] > totals["outside_s"]

    monkeypatch.setenv("PATROLGRID_DATABASE_URL", database_url)
    monkeypatch.setenv("PATROLGRID_DATA_DIR", str(tmp_path))
    out = tmp_path / "coverage.geojson"
    asked = ["coverage", "--from", at(0), "--to", at(80), "--level", "cell", "--swath-m", "100"]
    done = CliRunner().invoke(answers.app, [*asked, "--out", str(out)])
    assert done.exit_code == 0, done.output
    written = {one["id"]: one for one in json.loads(out.read_text())["features"]}
    for one in newer["features"]:
        for name in ("visited_share", "patrol_s", "patrol_m", "unknown_s", "visits"):
            theirs = written[one["id"]]["properties"][name]
            assert theirs == pytest.approx(one["properties"][name]), (one["id"], name)


def test_the_figures_are_to_be_had_without_the_ground(admin: httpx.Client) -> None:
    put(admin, "grids", feature("c", box(100, 40, 0.01), level="cell"))
    window = {"from": at(0), "to": at(80)}
    whole = admin.get("/api/coverage", params=window).json()
    alone = admin.get("/api/coverage", params={**window, "geometry": "false"}).json()
    assert [one.pop("geometry") for one in alone["features"]] == [None]
    assert whole["features"][0].pop("geometry")["type"] == "MultiPolygon"
    assert alone == whole
    assert code(admin.get("/api/coverage?geometry=maybe")) == "422 invalid_request"


def test_an_odd_question_has_an_answer_or_a_reason(admin: httpx.Client) -> None:
    coming = {"from": "2199-01-01T00:00:00Z", "to": "2199-01-02T00:00:00Z"}
    empty = admin.get("/api/coverage", params=coming).json()
    assert (empty["features"], empty["totals"]["patrol_s"]) == ([], 0)
    assert admin.get("/api/coverage/border", params=coming).json()["features"] == []
    assert code(admin.get("/api/coverage?level=nope")) == "422 not_of_this_region"
    for query in ("swath_m=0", "swath_m=nan", "swath_m=1e9", "from=2199-01-01T00:00:00Z",
                  "to=0001-01-01T00:00:00Z", f"from={at(0)}&to={at(0)}"):  # fmt: skip
        assert admin.get(f"/api/coverage?{query}").status_code == 422, query
    assert admin.get("/api/coverage/border?segment_m=1").status_code == 422


def test_the_border_says_where_nobody_looked_for_the_longest_way(admin: httpx.Client) -> None:
    enrol(admin, "v")
    line = {"type": "LineString", "coordinates": [[100, 40], [100.2, 40]]}
    put(admin, "border", feature("north", line, chainage_start_km=50))
    window = {"from": at(0), "to": at(30), "segment_m": "1000", "swath_m": "400"}
    before = admin.get("/api/coverage/border", params=window).json()
    whole_km = before["totals"]["length_km"]
    assert before["totals"]["longest_unseen_km"] == pytest.approx(whole_km)
    assert before["longest_unseen"]["chainage_start_km"] == 50
    # Across it, at a quarter of its way.
    send(admin, [fix("v", 0, 100.05, 39.99), fix("v", 5, 100.05, 40.01)])
    told = admin.get("/api/coverage/border", params=window).json()
    longest = told["longest_unseen"]
    assert longest["chainage_start_km"] == pytest.approx(50 + whole_km / 4 + 0.2, abs=0.01)
    assert longest["chainage_end_km"] == pytest.approx(50 + whole_km)
    assert told["totals"]["visited_km"] == pytest.approx(0.4, abs=0.01)
