"""Layers over HTTP: what there is, paging, and one feature changed by one who saw it."""

from __future__ import annotations

import json
from urllib.parse import quote

import httpx

from tests.api.api_words import box, code, feature, put

FENCES = "/api/layers/fences"
JSON = {"Content-Type": "application/json"}


def _point(identity: object, **more: object) -> dict[str, object]:
    point = {"type": "Point", "coordinates": [100, 40]}
    return {"type": "Feature", "id": identity, "geometry": point, "properties": more}


def test_an_id_of_any_script_is_found_under_its_path_and_in_order(admin: httpx.Client) -> None:
    names = ["way/1", "单位", "a b", "%2F", "👨\u200d👩", "5"]
    for name in names:
        made = admin.post("/api/layers/settlements", json=_point(name))
        assert made.headers["Location"] == f"/api/layers/settlements/{quote(name, safe='')}"
        assert admin.get(made.headers["Location"]).json()["id"] == name
    assert code(admin.get("/api/layers/settlement/%00")) == "404 not_found"
    found: list[str] = []
    href = "/api/layers/settlements?limit=1"
    while href:
        page = admin.get(href).json()
        found += [one["id"] for one in page["features"]]
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert found == sorted(names)


def test_a_name_keeps_the_marks_that_its_script_joins_by(admin: httpx.Client) -> None:
    name = "ᠮᠣᠩᠭᠣᠯ\u202fᠤᠨ\u180e"
    made = admin.post("/api/layers/settlements", json=_point("s", name_mn=name))
    assert made.json()["properties"]["name_mn"] == name
    for bad in ("a\0b", "a\nb", "\ud800", "a\u2028b"):
        body = json.dumps(_point("t", name=bad))
        answer = admin.post("/api/layers/settlements", content=body, headers=JSON)
        assert code(answer) == "422 bad_feature", repr(bad)


def test_a_feature_is_changed_only_by_who_saw_it_as_it_is(admin: httpx.Client) -> None:
    put(admin, "fences", feature("f", box(100, 40, 0.01), rule="keep_out"))
    path = f"{FENCES}/f"
    shown = admin.get(path)
    tag, body = shown.headers["ETag"], shown.json()
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        assert admin.get(path, headers={"If-None-Match": known}).status_code == 304
    assert code(admin.put(path, json=body)) == "428 if_match_needed"
    assert code(admin.delete(path)) == "428 if_match_needed"
    assert code(admin.put(path, json=body, headers={"If-Match": '"x"'})) == "412 stale_feature"
    same = admin.put(path, json=body, headers={"If-Match": tag})
    assert same.json() == body  # read-only members came along and were ignored
    assert same.headers["ETag"] == tag
    body["properties"]["margin_m"] = 50
    changed = admin.put(path, json=body, headers={"If-Match": tag})
    assert changed.json()["properties"]["version"] == 2
    assert code(admin.put(path, json=body, headers={"If-Match": tag})) == "412 stale_feature"
    other = {**body, "id": "other"}
    newest = {"If-Match": changed.headers["ETag"]}
    assert code(admin.put(path, json=other, headers=newest)) == "422 bad_feature"
    assert code(admin.post(FENCES, json=body)) == "409 feature_exists"
    assert admin.delete(path, headers=newest).status_code == 204
    for answer in (admin.get(path), admin.put(path, json=body), admin.delete(path)):
        assert code(answer) == "404 no_such_feature"


def test_what_cannot_be_a_feature_is_refused(admin: httpx.Client) -> None:
    area = box(100, 40, 0.01)
    good = {"rule": "keep_out"}
    line = {"type": "LineString", "coordinates": [[1, 1], [2, 2]]}
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [1, 0], [0, 0]]]}
    lost = (
        '{"type": "Feature", "properties": {"rule": "keep_out"}, "geometry": '
        '{"type": "Polygon", "coordinates": [[[0, 0], [%s, 1], [1, 1], [0, 0]]]}}'
    )
    for geometry, properties in (
        (None, good), ({}, good), (bow, good), (line, good), (box(400, 40, 1), good),
        (area, {}), (area, {"rule": "keep"}), (area, {**good, "color": "red"}),
        (area, {**good, "margin_m": -1}), (area, {**good, "applies_to": {"kinds": ["tank"]}}),
        (area, {**good, "active": {"weekly": [{"from": "25:00"}]}}),
        (area, {**good, "valid_from": "2026-01-01"}), (area, {**good, "name": {"a": 1}}),
    ):  # fmt: skip
        body = json.dumps({"type": "Feature", "geometry": geometry, "properties": properties})
        answer = admin.post(FENCES, content=body, headers=JSON)
        assert code(answer) == "422 bad_feature", (geometry, properties)
    for content, expected in (
        ("[]", "422 invalid_request"), ("{", "422 invalid_request"),
        (lost % "NaN", "422 invalid_request"), (lost % "1e999", "422 bad_feature"),
        ("[" * 100_000, "400 bad_body"),
        ('{"type": "FeatureCollection", "features": []}', "422 bad_feature"),
    ):  # fmt: skip
        assert code(admin.post(FENCES, content=content, headers=JSON)) == expected, content[:30]
    assert admin.get(FENCES).json()["features"] == []
    assert code(admin.get("/api/layers/nope")) == "404 no_such_layer"
    for query in ("limit=0", "limit=10001", "bbox=1,2,3", "bbox=nan,0,1,1", "bbox=0,1,1,0",
                  "level=cell", "cursor=AA", "cursor=%00", "cursor=@@@"):  # fmt: skip
        assert admin.get(f"{FENCES}?{query}").status_code == 422, query


def test_head_and_wrong_methods_and_the_description_of_it_all(admin: httpx.Client) -> None:
    for path in ("/healthz", "/api/layers", "/api/events"):
        head = admin.head(path, headers={"Accept": "text/event-stream"})
        assert (head.status_code, head.content) == (200, b"")
    patch = admin.patch("/api/layers")
    assert code(patch) == "405 method_not_allowed"
    assert patch.headers["Allow"] == "GET, HEAD"
    assert admin.patch("/api/layers/fences").headers["Allow"] == "GET, HEAD, POST"
    assert admin.patch("/api/layers/fences/f").headers["Allow"] == "DELETE, GET, HEAD, PUT"
    assert code(admin.get("/api/nothing")) == "404 not_found"
    empty = admin.get("/ogc/collections/breaches/tiles/WebMercatorQuad/metadata.json").json()
    assert empty["bounds"] == [0, 0, 0, 0]
    put(admin, "posts", feature("p", {"type": "Point", "coordinates": [100, 40]}))
    shown = admin.get("/api/layers/posts/p").headers
    told = admin.get("/api/layers/posts").json()
    assert (shown["Data-Version"], shown["As-Of"]) == (told["data_version"], told["as_of"])
    told = admin.get("/openapi.json").json()
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert "application/problem+json" in operation["responses"]["default"]["content"], where
            if method in {"post", "put"} and not path.endswith(
                ("sign-out", "/undo", "{number}/release")
            ):
                assert operation["requestBody"]["content"], where
            for one in operation.get("parameters", []):
                assert {"name", "in", "schema"} <= set(one), where
    listed = told["paths"]["/api/breaches"]["get"]["responses"]["200"]["content"]
    assert list(listed) == ["application/geo+json"]


def test_a_height_is_told_as_not_kept_and_is_no_part_of_the_feature(admin: httpx.Client) -> None:
    path = "/api/layers/posts"
    high = {**_point("p"), "geometry": {"type": "Point", "coordinates": [100, 40, 1250.5]}}
    made = admin.post(path, json=high)
    assert (made.status_code, made.json()["not_kept"]) == (201, ["heights (Z)"])
    assert made.json()["geometry"] == {"type": "Point", "coordinates": [100, 40]}
    shown = admin.get(f"{path}/p")
    assert "not_kept" not in shown.json()
    assert shown.headers["ETag"] == made.headers["ETag"]
    # What POST answered may be put, and then nothing is left out.
    same = admin.put(f"{path}/p", json=made.json(), headers={"If-Match": made.headers["ETag"]})
    assert same.json() == shown.json()
    higher = admin.put(f"{path}/p", json=high, headers={"If-Match": made.headers["ETag"]})
    assert higher.json() == {**shown.json(), "not_kept": ["heights (Z)"]}
    ring = [[*corner, 9] for corner in box(100, 40, 0.01)["coordinates"][0]]
    fence = feature("f", {"type": "Polygon", "coordinates": [ring]}, rule="keep_out")
    assert admin.post(FENCES, json=fence).json()["not_kept"] == ["heights (Z)"]


def test_several_points_where_one_is_wanted_are_refused_with_what_to_do(
    admin: httpx.Client,
) -> None:
    several = {"type": "MultiPoint", "coordinates": [[100, 40], [101, 41]]}
    refused = admin.post("/api/layers/posts", json={**_point("p"), "geometry": several})
    assert code(refused) == "422 bad_feature"
    assert refused.json()["detail"] == (
        "posts: the geometry is a MultiPoint of 2 points, where a Point is wanted:"
        " store each by itself"
    )
    one = {"type": "MultiPoint", "coordinates": [[100, 40]]}
    made = admin.post("/api/layers/posts", json={**_point("p"), "geometry": one})
    assert made.json()["geometry"] == {"type": "Point", "coordinates": [100, 40]}
