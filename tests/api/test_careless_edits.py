"""Edits of careless clients: what is wrong with them is said, and what they did as well."""

from __future__ import annotations

import httpx

from tests.api.api_words import box, code, feature, put


def post(identity: str, **properties: object) -> dict[str, object]:
    return feature(identity, {"type": "Point", "coordinates": [100, 40]}, **properties)


def test_an_if_match_that_can_match_nothing_is_told_what_is_wrong_with_it(
    admin: httpx.Client,
) -> None:
    put(admin, "posts", post("p"))
    path = "/api/layers/posts/p"
    tag = admin.get(path).headers["ETag"]
    bare = tag.strip('"')
    wrong = {
        f"W/{tag}": ("412 weak_etag", f"W/{tag} is a weak ETag"),
        f'W/"x", W/{tag}': ("412 weak_etag", "is a weak ETag, which matches nothing"),
        bare: ("422 bad_if_match", f"{bare} is no ETag"),
        f"{tag}, {bare}": ("422 bad_if_match", f"{bare} is no ETag"),
        f"w/{tag}": ("422 bad_if_match", "is no ETag"),
        "": ("422 bad_if_match", "it is empty"),
        ",": ("422 bad_if_match", "it is empty"),
    }
    for given, (said, why) in wrong.items():
        headers = {"If-Match": given}
        for answer in (
            admin.put(path, json=post("p"), headers=headers),
            admin.delete(path, headers=headers),
            admin.post(f"{path}/undo", headers=headers),
            admin.post("/api/layers/posts/undo", headers=headers),
        ):
            assert code(answer) == said, given
            assert why in answer.json()["detail"]
            assert 'in its quotes: "…"' in answer.json()["detail"]


def test_coordinates_in_another_reference_system_are_not_taken_for_degrees(
    admin: httpx.Client,
) -> None:
    def named(name: str) -> dict[str, object]:
        return {"type": "name", "properties": {"name": name}}

    put(admin, "posts", post("p"))
    for crs in (named("EPSG:32648"), named("urn:ogc:def:crs:EPSG::3857"), named("CGCS2000"),
                {"type": "link", "properties": {"href": "http://x"}}, None, 4326):  # fmt: skip
        for body in (
            {**post("q"), "crs": crs},
            {**post("q"), "geometry": {**post("q")["geometry"], "crs": crs}},
        ):
            answer = admin.post("/api/layers/posts", json=body)
            assert code(answer) == "422 bad_feature", crs
            assert answer.json()["detail"].startswith("crs: it is ")
            changed = admin.put(
                "/api/layers/posts/p", json={**body, "id": "p"}, headers={"If-Match": "*"}
            )
            assert code(changed) == "422 bad_feature", crs
    for n, name in enumerate(
        ("EPSG:4326", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326",
         "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "urn:ogc:def:crs:OGC::CRS84", "OGC:CRS84")
    ):  # fmt: skip
        put(admin, "posts", {**post(f"wgs{n}"), "crs": named(name)})


def test_an_id_that_nobody_sees_is_refused_in_words(admin: httpx.Client) -> None:
    for identity in ("\u200b", "\ufeff\u2060", " "):
        refused = admin.post("/api/layers/posts", json=post(identity))
        assert code(refused) == "422 bad_feature"
        assert "has no character that anybody sees" in refused.json()["detail"]
    refused = admin.post("/api/layers/posts", json=post(""))
    assert "the id has no or more than 200 letters" in refused.json()["detail"]


def test_a_client_that_likes_it_plain_gets_it_plain(admin: httpx.Client) -> None:
    for accepted, coding in {
        "identity;q=1, gzip;q=0.5": None, "gzip;q=0.5, identity": None, "identity, *;q=0.1": None,
        "identity;q=0.5, gzip": "gzip", "gzip, identity": "gzip", "gzip;q=0.5": "gzip",
    }.items():  # fmt: skip
        answer = admin.get("/openapi.json", headers={"Accept-Encoding": accepted})
        assert answer.headers.get("content-encoding") == coding, accepted


def test_a_delete_tells_what_went_with_it(admin: httpx.Client) -> None:
    put(admin, "posts", post("p"))
    put(admin, "posts", post("q"))
    for n, identity in enumerate(("b/网", "a")):
        put(admin, "post_areas", feature(identity, box(100 + n, 40, 1), post="p"))
    put(admin, "post_areas", feature("c", box(105, 40, 1), post="q"))
    gone = admin.delete("/api/layers/posts/p", headers={"If-Match": "*"})
    assert (gone.status_code, gone.content) == (204, b"")
    assert gone.headers["deleted-also"] == (
        "/api/layers/post_areas/a, /api/layers/post_areas/b%2F%E7%BD%91"
    )
    for path in gone.headers["deleted-also"].split(", "):
        assert admin.get(path).status_code == 404
    assert admin.get("/api/layers/post_areas/c").status_code == 200
    alone = admin.delete("/api/layers/post_areas/c", headers={"If-Match": "*"})
    assert "deleted-also" not in alone.headers
    told = admin.get("/openapi.json").json()["paths"]["/api/layers/{layer}/{feature_id}"]
    assert "Deleted-Also" in told["delete"]["responses"]["204"]["headers"]


def test_a_feature_without_the_member_properties_empties_nothing(admin: httpx.Client) -> None:
    put(admin, "posts", post("p", name="Kept", team="t"))
    path = "/api/layers/posts/p"
    bare = {name: value for name, value in post("p").items() if name != "properties"}
    for answer in (
        admin.put(path, json=bare, headers={"If-Match": "*"}),
        admin.post("/api/layers/posts", json={**bare, "id": "q"}),
    ):
        assert code(answer) == "422 bad_feature"
        assert "no member 'properties' (RFC 7946" in answer.json()["detail"]
    assert admin.get(path).json()["properties"]["name"] == "Kept"
    # Said in so many words, it is what is meant.
    for number, nothing in enumerate((None, {})):
        made = {**bare, "id": f"n{number}", "properties": nothing}
        assert admin.post("/api/layers/posts", json=made).status_code == 201
        emptied = admin.put(path, json={**made, "id": "p"}, headers={"If-Match": "*"})
        assert emptied.json()["properties"]["name"] is None
    schemas = admin.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["FeatureToStore"]["required"] == ["type", "geometry", "properties"]
