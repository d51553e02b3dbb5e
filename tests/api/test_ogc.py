"""OGC API at /ogc: what there is, pages, reference systems, rights; against tipg's models."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import Engine, text
from tipg import model

from api.settings import Settings
from layers.places import LAYERS
from rows import fill
from tests.api.api_words import box, code, feature, put

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


@pytest.fixture
def public_url() -> str | None:
    """No public address, but where a test says one."""
    return None


@pytest.fixture
def settings(tmp_path: Path, public_url: str | None) -> Settings:
    """Settings of a test, with its public address."""
    return Settings(data_dir=tmp_path, public_url=public_url)


@pytest.fixture
def ogc(admin: httpx.Client, database_url: str) -> httpx.Client:
    """A client of a service with a little of everything."""
    fill(database_url)
    return admin


def _items(client: httpx.Client, layer: str, /, **query: str) -> dict[str, Any]:
    answer = client.get(f"/ogc/collections/{layer}/items", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def _ids(client: httpx.Client, layer: str, /, **query: str) -> list[str]:
    return [one["id"] for one in _items(client, layer, **query)["features"]]


def _links(told: dict[str, Any]) -> dict[str, str]:
    return {one["rel"]: one["href"] for one in told["links"]}


def test_the_landing_page_is_at_ogc_itself_and_each_of_its_links_answers(ogc: httpx.Client) -> None:
    landing = ogc.get("/ogc", follow_redirects=False)
    assert landing.status_code == 200
    model.Landing.model_validate(landing.json())
    links = _links(landing.json())
    assert {"self", "service-desc", "conformance", "data"} <= set(links)
    for href in links.values():
        assert ogc.get(href).status_code == 200, href
    definition = ogc.get(links["service-desc"])
    assert definition.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    told = definition.json()
    assert told["openapi"] == "3.0.3"
    assert told["servers"] == [{"url": f"{ogc.base_url}/ogc".replace("//ogc", "/ogc")}]
    assert not re.search(r'"type": ?(\["|"null")', definition.text)  # words of 3.1 alone
    names = {one["name"] for one in told["paths"]["/collections/fences/items"]["get"]["parameters"]}
    assert {"bbox", "filter", "limit", "rule", "severity", "valid_from"} <= names
    assert "active" not in names  # JSON is not compared
    for path in told["paths"]:
        filled = path.replace("{collectionId}", "grids").replace("{itemId}", "cell")
        filled = filled.replace("{tileMatrixSetId}", "WebMercatorQuad").rstrip("/")
        filled = re.sub(r"\{[zxy]\}", "0", filled)
        assert ogc.get(f"/ogc{filled}").status_code == 200, path


def test_every_layer_and_the_breaches_are_collections_and_nothing_else_is(
    ogc: httpx.Client,
) -> None:
    told = ogc.get("/ogc/collections").json()
    model.Collections.model_validate(told)
    assert [one["id"] for one in told["collections"]] == [*LAYERS, "breaches"]
    grids = told["collections"][0]
    assert grids["title"] == "Grids"
    assert grids["extent"]["spatial"] == {"bbox": [[100, 42, 101, 43]], "crs": CRS84}
    assert "temporal" not in grids["extent"]
    assert grids["crs"] == [CRS84, f"{EPSG}4326", f"{EPSG}3857"]
    assert grids["storageCrs"] == CRS84
    checkpoints = ogc.get("/ogc/collections/checkpoints").json()
    at = "2026-03-01T00:00:00Z"
    assert checkpoints["extent"]["temporal"]["interval"] == [[at, at]]
    for rel in ("items", "queryables", "describedBy"):
        assert ogc.get(_links(checkpoints)[rel]).status_code == 200, rel
    tables = ("tokens", "fixes", "subscriptions", "units", "grid", "pg_class", "patrolgrid.grids",
              "public.spatial_ref_sys", "grids; DROP TABLE grids", "Grids")  # fmt: skip
    for name in tables:
        for rest in ("", "/items", "/items/1", "/queryables", "/schema", "/tiles",
                     "/tiles/WebMercatorQuad", "/tiles/WebMercatorQuad/0/0/0"):  # fmt: skip
            asked = ogc.get(f"/ogc/collections/{quote(name)}{rest}")
            assert code(asked) == "404 no_such_layer", (name, rest)


def test_each_feature_is_the_one_that_api_layers_tells(ogc: httpx.Client) -> None:
    for name in LAYERS:
        told = _items(ogc, name)
        model.Items.model_validate({**told, "id": name})
        own = ogc.get(f"/api/layers/{name}").json()
        assert told["features"] == own["features"], name
        assert told["numberMatched"] == told["numberReturned"] == len(own["features"]) > 0
        assert (told["data_version"], told["as_of"]) == (own["data_version"], own["as_of"])
        one = ogc.get(f"/ogc/collections/{name}/items/{own['features'][0]['id']}").json()
        assert {k: one[k] for k in own["features"][0]} == own["features"][0]
        schema = ogc.get(f"/ogc/collections/{name}/schema").json()["properties"]["properties"]
        assert list(schema["properties"]) == list(one["properties"])
    (breach,) = _items(ogc, "breaches")["features"]
    (own_breach,) = ogc.get("/api/breaches").json()["features"]
    assert breach["id"] == own_breach["id"]
    assert breach["geometry"] == own_breach["geometry"]
    assert breach["properties"] == {k: own_breach["properties"][k] for k in breach["properties"]}
    assert {"unit", "fence", "rule", "state", "entered_at"} <= set(breach["properties"])


def test_a_withdrawn_breach_is_not_told(ogc: httpx.Client, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE breaches SET state = 'withdrawn', exited_at = entered_at"))
    assert _items(ogc, "breaches")["numberMatched"] == 0


def test_what_is_empty_is_told_as_empty(admin: httpx.Client) -> None:
    for name in (*LAYERS, "breaches"):
        told = _items(admin, name)
        assert (told["numberMatched"], told["features"]) == (0, []), name
        assert "extent" not in admin.get(f"/ogc/collections/{name}").json()
        tileset = admin.get(f"/ogc/collections/{name}/tiles/WebMercatorQuad").json()
        assert "boundingBox" not in tileset
        model.TileSet.model_validate(tileset)


def test_pages_hold_each_feature_once_and_link_to_those_beside_them(admin: httpx.Client) -> None:
    ids = [f"p{n:02}" for n in range(7)]
    for n, one in enumerate(ids):
        put(admin, "posts", feature(one, {"type": "Point", "coordinates": [100, 40 + n]}))
    seen, url, back = [], "/ogc/collections/posts/items?limit=3&bbox=99,39,101,45.5", []
    while url:
        told = admin.get(url).json()
        assert told["numberMatched"] == 6  # the last lies north of the box
        seen += [one["id"] for one in told["features"]]
        url = _links(told).get("next", "")
        back.append(_links(told).get("prev"))
    assert seen == ids[:6]
    assert back[0] is None
    assert [one["id"] for one in admin.get(str(back[1])).json()["features"]] == ids[:3]
    assert _ids(admin, "posts", limit="99999999") == ids
    assert _ids(admin, "posts", limit="2", sortby="-id") == ["p06", "p05"]
    past = _items(admin, "posts", offset="100")
    assert (past["numberMatched"], past["features"]) == (7, [])
    assert "next" not in _links(past)
    for wrong in ({"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"offset": "-1"}):
        assert admin.get("/ogc/collections/posts/items", params=wrong).status_code == 400


def test_an_id_with_slashes_and_signs_has_an_address(admin: httpx.Client) -> None:
    for identity in ("a/b", "ä 中?#%", "items"):
        put(admin, "posts", feature(identity, {"type": "Point", "coordinates": [100, 40]}))
        found = admin.get(f"/ogc/collections/posts/items/{quote(identity, safe='')}").json()
        assert found["id"] == identity
        assert admin.get(_links(found)["self"]).json() == found
    assert code(admin.get("/ogc/collections/posts/items/none")) == "404 no_such_feature"


def test_geometries_come_in_the_reference_system_that_is_asked_for(admin: httpx.Client) -> None:
    put(admin, "posts", feature("p", {"type": "Point", "coordinates": [90, 45]}))
    # By hand: x = 90/180 * pi * 6378137; y = R * ln(tan(67.5°)) = R * asinh(1).
    wanted = {"": [90, 45], CRS84: [90, 45], f"{EPSG}4326": [45, 90],
              f"{EPSG}3857": [10018754.171394622, 5621521.486192066]}  # fmt: skip
    for crs, place in wanted.items():
        for path in ("items", "items/p"):
            params = {"crs": crs} if crs else {}
            answer = admin.get(f"/ogc/collections/posts/{path}", params=params)
            assert answer.headers["Content-Crs"] == f"<{crs or CRS84}>"
            told = answer.json()
            told = told["features"][0] if path == "items" else told
            assert told["geometry"]["coordinates"] == pytest.approx(place, abs=1e-6), crs
            assert "crs" not in told["geometry"]
    for wrong in ("EPSG:9999", f"{EPSG}32648", "x"):
        for name in ("crs", "bbox-crs", "filter-crs"):
            answer = admin.get("/ogc/collections/posts/items", params={name: wrong})
            assert code(answer) == "400 bad_query", (name, wrong)


def test_only_the_properties_that_are_asked_for_are_shown(ogc: httpx.Client) -> None:
    (cell,) = _items(ogc, "grids", properties="parent,level", name="Cell")["features"]
    assert cell["properties"] == {"level": "cell", "parent": "banner"}
    assert _items(ogc, "grids", properties="")["features"][0]["properties"] == {}
    wrong = ogc.get("/ogc/collections/grids/items", params={"properties": "geom_3857"})
    assert code(wrong) == "400 bad_query"


def test_an_unchanged_answer_is_a_304_of_its_right_alone(
    ogc: httpx.Client, token: Callable[[str], str]
) -> None:
    paths = ("", "/conformance", "/api", "/collections", "/collections/grids/items",
             "/collections/grids/items/cell", "/collections/grids/queryables", "/tileMatrixSets",
             "/collections/grids/tiles/WebMercatorQuad/6/49/23")  # fmt: skip
    reader = {"Authorization": f"Bearer {token('read')}"}
    for path in paths:
        first = ogc.get(f"/ogc{path}")
        tag = first.headers["ETag"]
        assert tag.startswith('"')
        assert "Authorization" in first.headers["Vary"]
        assert "access-control-allow-origin" not in first.headers
        again = {"If-None-Match": tag}
        assert ogc.get(f"/ogc{path}", headers=again).status_code == 304, path
        assert ogc.get(f"/ogc{path}", headers=reader | again).status_code == 200, path
        head = ogc.head(f"/ogc{path}")
        assert (head.status_code, head.headers["ETag"], head.content) == (200, tag, b""), path
    put(ogc, "grids", feature("new", box(100.5, 42.5, 0.01), level="cell", parent="banner"))
    changed = ogc.get("/ogc/collections/grids/items", headers=again)
    assert changed.status_code == 200


def test_no_answer_is_html_whatever_a_browser_asks_for(ogc: httpx.Client) -> None:
    for path in ("", "/collections", "/collections/grids", "/collections/grids/items"):
        shown = ogc.get(f"/ogc{path}", headers={"Accept": "text/html"})
        assert "json" in shown.headers["content-type"]
        assert code(ogc.get(f"/ogc{path}?f=html")) == "406 json_only"
        assert ogc.get(f"/ogc{path}?f=json").status_code == 200
        assert code(ogc.get(f"/ogc{path}?colour=red")).startswith("400"), path


@pytest.mark.parametrize("public_url", ["https://map.example/pg/"])
def test_links_keep_to_the_public_address_and_carry_no_token(
    ogc: httpx.Client, public_url: str
) -> None:
    paths = ("", "/collections", "/collections/grids/items?limit=1", "/collections/grids/tiles",
             "/collections/grids/items/cell", "/collections/grids/queryables",
             "/collections/grids/tiles/WebMercatorQuad/tilejson.json")  # fmt: skip
    secret = ogc.headers["Authorization"].removeprefix("Bearer ")
    for path in paths:
        body = ogc.get(f"/ogc{path}", headers={"Host": "evil.example"}).text
        assert f"{public_url}ogc" in body, path
        assert "evil.example" not in body
        assert secret not in body
