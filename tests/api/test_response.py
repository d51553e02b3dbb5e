"""Response and dispatch over HTTP, with and without roads, sources and units."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from tests.api.api_words import code, enrol, feature, put, send

PLACE = {"lon": "100.0", "lat": "40.0"}


def test_areas_are_nested_and_say_what_they_start_from(admin: httpx.Client) -> None:
    bare = admin.get("/api/response", params=PLACE).json()
    assert [one["properties"]["minutes"] for one in bare["features"]] == [1, 3, 5]
    assert bare["origin"]["note"]
    road = {"type": "LineString", "coordinates": [[99.9, 40], [100.1, 40]]}
    put(admin, "roads", feature("r", road, **{"class": "primary"}))
    near = admin.get("/api/response", params={**PLACE, "minutes": "5,1,3,1"}).json()
    areas = [one["properties"]["area_m2"] for one in near["features"]]
    assert areas == sorted(areas)
    assert areas[2] > bare["features"][2]["properties"]["area_m2"]
    assert near["origin"]["road_m"] < 1
    assert near["data_version"] == "roads.1"
    drone = admin.get("/api/response", params={**PLACE, "mode": "drone"}).json()
    assert drone["mode"] == "drone"
    for query in ("", "lon=100", "lon=nan&lat=0", "lon=200&lat=0", "lon=1&lat=1&source=posts",
                  "source=nope"):  # fmt: skip
        assert admin.get(f"/api/response?{query}").status_code == 422, query
    for minutes in ("0", "-1", "abc", "", "nan", "inf", "1,,3", "121", "1,2,3,4,5,6,7,8,9,10,11"):
        answer = admin.get("/api/response", params={**PLACE, "minutes": minutes})
        assert code(answer) == "422 bad_minutes", minutes
    unknown = admin.get("/api/response", params={**PLACE, "mode": "warp"})
    assert code(unknown) == "422 not_of_this_region"


def test_no_sources_and_no_units_is_an_answer(admin: httpx.Client) -> None:
    for source in ("posts", "checkpoints", "units"):
        answer = admin.get("/api/response", params={"source": source})
        assert answer.status_code == 200, answer.text
        assert answer.json()["sources"] == 0
        told = admin.get("/api/response/settlements", params={"source": source})
        assert told.json()["households"]["all"] == 0
    assert admin.get("/api/dispatch", params=PLACE).json()["features"] == []


def test_the_nearest_unit_is_sent_and_a_stale_one_left_out(admin: httpx.Client) -> None:
    enrol(admin, "near", "far", "old", "unseen")
    now = datetime.now(UTC).isoformat()
    send(admin, [{"unit": "far", "time": now, "lon": 100.02, "lat": 40},
                 {"unit": "near", "time": now, "lon": 100.01, "lat": 40},
                 {"unit": "old", "time": "2026-01-01T00:00:00Z", "lon": 100, "lat": 40},
                 ])  # fmt: skip
    found = admin.get("/api/dispatch", params=PLACE).json()["features"]
    assert [(one["id"], one["properties"]["rank"]) for one in found] == [("near", 1), ("far", 2)]
    assert found[0]["geometry"]["type"] == "LineString"
    stale = admin.get("/api/dispatch", params={**PLACE, "stale": "true", "limit": "1"}).json()
    assert [one["id"] for one in stale["features"]] == ["old"]
    point = {"type": "Point", "coordinates": [100.01, 40]}
    put(admin, "settlements", feature("s", point, households=3))
    asked = {"source": "units", "minutes": "1,3"}
    told = admin.get("/api/response/settlements", params=asked).json()
    assert (told["households"]["within"]["1"], told["left_out"]) == (3, 1)
    assert told["features"][0]["properties"]["source"] == "near"
    # Beyond the bands the time is told all the same, as far as it is searched.
    for name, lon in (("beyond", 100.3), ("never", 140.0)):
        put(admin, "settlements", feature(name, {**point, "coordinates": [lon, 40]}, households=5))
    told = admin.get("/api/response/settlements", params=asked).json()
    by_id = {one["id"]: one["properties"] for one in told["features"]}
    assert told["searched_minutes"] == 120
    assert (told["households"]["outside"], told["households"]["settlements_outside"]) == (10, 2)
    assert 180 < by_id["beyond"]["seconds"] < 7200
    assert (by_id["beyond"]["source"], by_id["beyond"]["within_minutes"]) == ("far", None)
    assert (by_id["never"]["source"], by_id["never"]["seconds"]) == (None, None)
