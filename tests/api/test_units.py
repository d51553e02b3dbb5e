"""Units and teams: enrolled, edited, disenrolled, and come back."""

from __future__ import annotations

import json
from urllib.parse import quote

import httpx

from tests.api.api_words import code, enrol, fix, send

JSON = {"Content-Type": "application/json"}


def test_an_identifier_of_any_script_is_found_under_its_path(admin: httpx.Client) -> None:
    names = ["a/b", "单位🚓", "ᠮᠣᠩ\u202fᠤᠨ", "x y", "%2F", "100%", "?#&"]
    enrol(admin, *names)
    assert admin.post("/api/units", json={"id": 8, "kind": "horse"}).json()["unit"] == "8"
    padded = admin.post("/api/units", json={"unit": "  sp ", "kind": "horse", "call_sign": " "})
    assert (padded.json()["unit"], padded.json()["call_sign"]) == ("sp", "sp")
    for name in [*names, "8", "sp"]:
        path = f"/api/units/{quote(name, safe='')}"
        assert admin.get(path).json()["id"] == name
        assert admin.get(f"{path}/track").json()["features"] == []
        assert admin.put(path, json={"kind": "foot"}).json()["kind"] == "foot"
    ids = [one["id"] for one in admin.get("/api/units").json()["features"]]
    assert ids == sorted(ids)
    assert len(ids) == len(names) + 2


def test_a_unit_that_cannot_be_is_refused_and_nothing_of_its_list_is_kept(
    admin: httpx.Client,
) -> None:
    good = {"unit": "good", "kind": "vehicle"}
    for wrong, expected in (
        ({"unit": "n\0", "kind": "vehicle"}, "422 bad_unit"),
        ({"unit": "a\nb", "kind": "vehicle"}, "422 bad_unit"),
        ({"unit": "\ud800", "kind": "vehicle"}, "422 invalid_request"),
        ({"unit": " ", "kind": "vehicle"}, "422 invalid_request"),
        ({"unit": "x" * 201, "kind": "vehicle"}, "422 invalid_request"),
        ({"unit": "v", "kind": "tank"}, "422 bad_unit"),
        ({"unit": "v", "kind": "vehicle", "team": "nobody"}, "422 bad_unit"),
        ({"unit": "v", "kind": "vehicle", "call_sign": "a\0"}, "422 bad_unit"),
        ({"unit": "v", "kind": "vehicle", "max_gap_s": 0}, "422 invalid_request"),
        ({"unit": "v", "kind": "vehicle", "max_gap_s": float("nan")}, "422 invalid_request"),
        ({"unit": "v", "kind": "vehicle", "driver": "Bob"}, "422 invalid_request"),
        (good, "409 feature_exists"),
    ):
        body = json.dumps([good, wrong])
        assert code(admin.post("/api/units", content=body, headers=JSON)) == expected, wrong
    for body, expected in (
        ("{", "422 invalid_request"), ("[]", "422 bad_batch"), ("1", "422 invalid_request"),
        ("[" * 100_000, "400 bad_body"),
    ):  # fmt: skip
        assert code(admin.post("/api/units", content=body, headers=JSON)) == expected
    text = admin.post("/api/units", content="{}", headers={"Content-Type": "text/plain"})
    assert code(text) == "415 unknown_media_type"
    assert admin.get("/api/units").json()["features"] == []


def test_a_disenrolled_unit_is_a_stranger_until_it_comes_back(admin: httpx.Client) -> None:
    enrol(admin, "v1", max_gap_s=900)
    send(admin, [fix("v1", 0, 100.0), fix("v1", 14, 100.01)])
    assert admin.delete("/api/units/v1").status_code == 204
    assert code(admin.get("/api/units/v1")) == "404 no_such_unit"
    assert code(admin.delete("/api/units/v1")) == "404 no_such_unit"
    assert send(admin, [fix("v1", 20, 100.0)])["refused"] == 1
    enrol(admin, "v1", max_gap_s=900)
    assert send(admin, [fix("v1", 28, 100.02)])["accepted"] == 1
    (run,) = admin.get("/api/units/v1/track").json()["features"]
    assert run["properties"]["patrol_s"] == 28 * 60
    assert run["id"] == "v1@2026-03-02T04:00:00Z"
    cut = {"from": "2026-03-02T12:07:00+08:00", "to": "2026-03-02T04:21:00Z"}
    (run,) = admin.get("/api/units/v1/track", params=cut).json()["features"]
    assert run["properties"]["patrol_s"] == 14 * 60
    # The + of an offset that was not encoded is a space when it arrives.
    spaced = "/api/units/v1/track?from=2026-03-02T12:07:00+08:00&to=2026-03-02T04:21:00Z"
    assert admin.get(spaced).json()["features"] == [run]
    for window in ("from=x", "from=2026-03-02T04:00:00", "from=0001-01-01T00:00:00%2B08:00",
                   "to=9999-12-31T23:59:59-08:00", "from=", "from=%00"):  # fmt: skip
        assert admin.get(f"/api/units/v1/track?{window}").status_code == 422, window


def test_a_unit_is_put_as_it_was_got_and_its_teams_have_dates(admin: httpx.Client) -> None:
    admin.post("/api/teams", json=[{"id": "a"}, {"id": "b"}])
    body = {"unit": "v1", "kind": "horse", "team": "a", "typical_accuracy_m": 7}
    made = admin.post("/api/units", json=body).json()
    assert made["typical_accuracy_m"] == 7
    assert "unit_no" not in made
    send(admin, [fix("v1", 0, 100.0, accuracy_m=3)])
    got = admin.get("/api/units/v1").json()
    assert got["properties"]["memberships"] == [{"team": "a", "from": None, "to": None}]
    assert got["properties"]["accuracy_m"] == 3
    assert admin.put("/api/units/v1", json=got).json() == made
    assert admin.put("/api/units/v1", json=made).json() == made
    got["properties"].update(team="b", call_sign="Wind")
    assert admin.put("/api/units/v1", json=got).json() == {**made, "team": "b", "call_sign": "Wind"}
    first, second = admin.get("/api/units/v1").json()["properties"]["memberships"]
    assert (first["team"], first["from"], second["team"], second["to"]) == ("a", None, "b", None)
    assert first["to"] == second["from"]
    for wrong in ({**got, "id": "v2"}, {**got, "properties": {**got["properties"], "driver": "x"}},
                  {**got, "properties": {**got["properties"], "unit": "v2"}},
                  {**got, "properties": []}):  # fmt: skip
        assert admin.put("/api/units/v1", json=wrong).status_code == 422


def test_teams_stand_in_a_tree(admin: httpx.Client) -> None:
    made = admin.post(
        "/api/teams", json=[{"id": "t", "parent": "b"}, {"id": "b", "kind": "brigade"}]
    )
    assert made.status_code == 201
    enrol(admin, "v1", team="t")
    for body, expected in (
        ({"id": "t"}, "409 team_exists"),
        ({"id": "x", "parent": "nope"}, "422 bad_unit"),
        ({"id": "x", "parent": "x"}, "422 bad_unit"),
        ({"id": "x", "kind": "squad"}, "422 bad_unit"),
        ({"id": "x", "name": "\0"}, "422 bad_unit"),
        ([{"id": "x"}, {"id": "x"}], "422 bad_unit"),
        ([], "422 bad_batch"),
    ):
        assert code(admin.post("/api/teams", json=body)) == expected, body
    assert code(admin.put("/api/teams/b", json={"parent": "t"})) == "422 bad_unit"  # a circle
    assert admin.put("/api/teams/b", json={"name": "新", "kind": "brigade"}).json()["name"] == "新"
    for team in ("t", "b"):
        assert code(admin.delete(f"/api/teams/{team}")) == "409 in_use"
    assert code(admin.delete("/api/teams/nope")) == "404 no_such_team"
    admin.put("/api/units/v1", json={"kind": "vehicle"})
    assert admin.delete("/api/teams/t").status_code == 204


def test_a_unit_whose_longest_gap_changes_is_judged_again(admin: httpx.Client) -> None:
    admin.post("/api/units", json={"unit": "v1", "kind": "vehicle", "max_gap_s": 600})
    box = [[100, 40], [100.01, 40], [100.01, 40.01], [100, 40.01], [100, 40]]
    fence = {
        "type": "Feature", "id": "box", "properties": {"rule": "keep_out"},
        "geometry": {"type": "Polygon", "coordinates": [box]},
    }  # fmt: skip
    assert admin.post("/api/layers/fences", json=fence).status_code == 201
    through = [
        {"unit": "v1", "time": f"2026-03-02T04:0{minute}:00Z", "lon": lon, "lat": 40.005}
        for minute, lon in ((0, 99.99), (5, 100.02))
    ]
    assert admin.post("/api/fixes", json=through).json()["breaches"] == 1
    # A path of five minutes is none when two minutes are the longest gap.
    admin.put("/api/units/v1", json={"kind": "vehicle", "max_gap_s": 120})
    assert admin.get("/api/breaches").json()["features"] == []
    admin.put("/api/units/v1", json={"kind": "vehicle", "max_gap_s": 600})
    assert len(admin.get("/api/breaches").json()["features"]) == 1
