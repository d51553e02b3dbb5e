"""OGC API: features by box, time, property and CQL2; what the client gets wrong is a 400."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from layers.db.engine import SYSTEM, acting, make_engine
from layers.places import editing
from tests.api.api_words import box, code, feature

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
NIGHT = {"weekly": [{"days": ["mon"], "from": "22:00", "to": "06:00"}]}


def _post(identity: str, lon: float, lat: float, **more: Any) -> dict[str, Any]:
    return feature(identity, {"type": "Point", "coordinates": [lon, lat]}, **more)


FEATURES = {
    "grids": [
        feature("north", box(100, 42, 1), level="banner", name="North"),
        feature("south", box(100, 40, 1), level="banner", name="South", name_zh="南", team="t"),
        feature("fiji", box(179, -17, 0.5), level="banner", name="O'Brien"),
        feature("samoa", box(-179.5, -17, 0.5), level="banner"),
    ],
    "checkpoints": [
        _post("old", 100.2, 42.2, last_heartbeat="2026-03-01T00:00:00Z"),
        _post("new", 100.4, 42.4, last_heartbeat="2026-03-02T08:00:00+08:00", kind="electronic"),
        _post("never", 100.6, 42.6),
    ],
    "cameras": [
        _post("c1", 100, 40, bearing_deg=10, fov_deg=50, range_m=100),
        _post("c2", 100, 41, bearing_deg=350, fov_deg=60, range_m=350.5),
    ],
    "fences": [
        feature("f1", box(100, 42, 0.1), rule="keep_out", active=NIGHT,
                valid_from="2026-03-01T00:00:00Z"),
        feature("f2", {"type": "LineString", "coordinates": [[100, 43], [101, 43]]}, rule="line"),
    ],
    "roads": [feature("r", {"type": "LineString", "coordinates": [[100, 41], [101, 43]]},
                      bridge=True)],
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(file_database_url: str) -> Iterator[Engine]:
    """One database for the file, with FEATURES."""
    made = make_engine(file_database_url)
    for layer, features in FEATURES.items():
        for one in features:
            with acting(made, SYSTEM, "patrolgrid_write") as connection:
                editing.create(
                    connection, layer, one, lowest_level="cell", levels=["banner", "cell"]
                )
    yield made
    made.dispose()


@pytest.fixture
def engine(filled: Engine) -> Engine:
    """The file's database, for the application of each test."""
    return filled


def _ids(client: httpx.Client, layer: str, /, **query: str) -> set[str]:
    asked = {name.replace("_crs", "-crs").replace("_lang", "-lang"): v for name, v in query.items()}
    answer = client.get(f"/ogc/collections/{layer}/items", params=asked)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["numberMatched"] == len(told["features"])
    return {one["id"] for one in told["features"]}


def test_a_box_takes_what_meets_it(admin: httpx.Client) -> None:
    assert _ids(admin, "grids", bbox="100.5,40.5,100.6,40.6") == {"south"}
    assert _ids(admin, "grids", bbox="101,41,102,42") == {"north", "south"}  # by a corner
    assert _ids(admin, "grids", bbox="100,40,0,101,43,9000") == {"north", "south"}
    assert _ids(admin, "grids", bbox="178,-18,-178,-15") == {"fiji", "samoa"}
    assert _ids(admin, "grids", bbox="-178,-18,178,-15") == set()
    assert _ids(admin, "grids", bbox="100.5,42.5,100.5,42.5") == {"north"}
    assert _ids(admin, "grids", bbox="40.5,100.5,40.6,100.6", bbox_crs=f"{EPSG}4326") == {"south"}
    # 100.5 E is x = 11187609 m; 42.5 N is y = 5236173 m, south of 5311972 (43 N).
    metres = "11187000,5230000,11188000,5240000"
    assert _ids(admin, "grids", bbox=metres, bbox_crs=f"{EPSG}3857") == {"north"}
    for wrong in ("1,2,3", "a,b,c,d", "0,50,1,40", "0,0,200,10", "nan,0,1,1", "", "1,2,3,4,5"):
        answer = admin.get("/ogc/collections/grids/items", params={"bbox": wrong})
        assert code(answer).startswith("400 bad_"), wrong


def test_a_time_takes_what_is_of_it_and_what_is_of_no_time(admin: httpx.Client) -> None:
    at = {
        "2026-03-01T00:00:00Z": {"old", "never"},
        "2026-03-01": {"old", "never"},
        "2026-03-02T08:00:00+08:00": {"new", "never"},
        "2026-03-01T00:00:01Z/..": {"new", "never"},
        "../2026-03-01": {"old", "never"},
        "/2026-03-01": {"old", "never"},
        "2026-03-01/2026-03-02": {"old", "new", "never"},
        "../..": {"old", "new", "never"},
        "2030-01-01/2031-01-01": {"never"},
    }
    for asked, wanted in at.items():
        assert _ids(admin, "checkpoints", datetime=asked) == wanted, asked
    # A fence holds from its valid_from on; without one, for all the past.
    assert _ids(admin, "fences", datetime="2026-02-28") == {"f2"}
    assert _ids(admin, "fences", datetime="2030-01-01") >= {"f1"}
    assert _ids(admin, "grids", datetime="1990-01-01") == {"north", "south", "fiji", "samoa"}
    for wrong in ("", "yesterday", "2026-03-02/2026-03-01", "2026-02-30", "a/b/c",
                  "2026-03-01T00:00:00", "0001-01-01T00:00:00+14:00"):  # fmt: skip
        answer = admin.get("/ogc/collections/checkpoints/items", params={"datetime": wrong})
        assert code(answer) == "400 bad_query", wrong


def test_properties_are_compared_as_what_they_are(admin: httpx.Client) -> None:
    assert _ids(admin, "grids", name="South") == {"south"}
    assert _ids(admin, "grids", name="South", team="x") == set()
    assert _ids(admin, "grids", id="fiji") == {"fiji"}
    assert _ids(admin, "grids", name_zh="南") == {"south"}
    assert _ids(admin, "cameras", range_m="350.50") == {"c2"}
    assert _ids(admin, "checkpoints", last_heartbeat="2026-03-02T00:00:00Z") == {"new"}
    assert _ids(admin, "roads", bridge="true") == {"r"}
    wrong = {"cameras": {"range_m": "far"}, "roads": {"bridge": "perhaps"},
             "checkpoints": {"last_heartbeat": "noon"}, "fences": {"active": "{}"},
             "grids": {"geom_3857": "x"}}  # fmt: skip
    for layer, query in wrong.items():
        answer = admin.get(f"/ogc/collections/{layer}/items", params=query)
        assert code(answer) == "400 bad_query", query


BOX = {"bbox": [100.1, 42.1, 100.3, 42.3]}
FILTERS: list[tuple[str, str | dict[str, Any], set[str]]] = [
    ("grids", "name = 'South'", {"south"}),
    ("grids", "name = 'O''Brien'", {"fiji"}),
    ("grids", '"name" <> \'South\'', {"north", "fiji"}),
    ("grids", "name IS NULL", {"samoa"}),
    ("grids", "name IS NOT NULL AND NOT (id = 'north' OR id='fiji')", {"south"}),
    ("grids", "CASEI(name) LIKE casei('%OUTH')", {"south"}),
    ("grids", "name NOT LIKE '_outh' OR name_zh = '南'", {"north", "fiji", "south"}),
    ("grids", "id IN ('fiji','samoa','x')", {"fiji", "samoa"}),
    ("grids", "id NOT IN ('fiji','samoa')", {"north", "south"}),
    ("grids", "id >= 'o' AND id < 't'", {"south", "samoa"}),
    ("grids", "area_m2 > 9.3e9 AND area_m2 < 1e10", {"south"}),
    ("cameras", "bearing_deg BETWEEN 9 AND 1e2", {"c1"}),
    ("cameras", "bearing_deg NOT BETWEEN 9 AND 100", {"c2"}),
    ("cameras", "range_m > bearing_deg", {"c1", "c2"}),
    ("cameras", "fov_deg * 2 = range_m", {"c1"}),
    ("cameras", "(fov_deg + 10) ^ 2 - 3600 = -(0) AND range_m / 100 = 1", {"c1"}),
    ("cameras", "bearing_deg div 100 = 3 AND bearing_deg % 100 = 50", {"c2"}),
    ("cameras", "2 ^ 3 ^ 2 = 512 AND -2 ^ 2 = 4 AND 7 - 2 - 1 = 4", {"c1", "c2"}),
    ("roads", "bridge", {"r"}),
    ("roads", "bridge = TRUE AND NOT tunnel", {"r"}),
    ("roads", "false OR tunnel = true", set()),
    ("checkpoints", "last_heartbeat > TIMESTAMP('2026-03-01T12:00:00Z')", {"new"}),
    ("checkpoints", "last_heartbeat <= DATE('2026-03-01')", {"old"}),
    ("checkpoints", "last_heartbeat = '2026-03-01T00:00:00Z'", {"old"}),
    ("checkpoints", "T_AFTER(last_heartbeat, DATE('2026-03-01'))", {"new"}),
    ("checkpoints", "T_BEFORE(last_heartbeat, TIMESTAMP('2026-03-01T12:00:00Z'))", {"old"}),
    ("checkpoints", "T_DURING(last_heartbeat, INTERVAL('2026-03-01T12:00:00Z', '..'))", {"new"}),
    ("checkpoints", "T_INTERSECTS(last_heartbeat, INTERVAL('..', '2026-03-01'))", {"old"}),
    ("checkpoints", "NOT T_DISJOINT(last_heartbeat, DATE('2026-03-02'))", {"new"}),
    ("checkpoints", "S_INTERSECTS(geom, BBOX(100.1,42.1,100.3,42.3))", {"old"}),
    ("checkpoints", "S_DISJOINT(geom, BBOX(100.1,42.1,100.3,42.3))", {"new", "never"}),
    ("checkpoints", "S_EQUALS(geom, POINT(100.4 42.4))", {"new"}),
    ("checkpoints", "S_WITHIN(geom, MULTIPOLYGON(((100 42,101 42,101 42.5,100 42.5,100 42))))",
     {"old", "new"}),
    ("checkpoints", "S_INTERSECTS(MULTIPOINT((100.2 42.2),(100.6 42.6)), geometry)",
     {"old", "never"}),
    ("grids", "S_INTERSECTS(geom, BBOX(179,-17,-179,-16))", {"fiji", "samoa"}),
    ("grids", "S_TOUCHES(geom, POLYGON((101 42,102 42,102 43,101 43,101 42)))", {"north"}),
    ("grids", "S_CONTAINS(geom, LINESTRING(100.1 40.1, 100.2 40.2))", {"south"}),
    ("grids", "S_OVERLAPS(geom, POLYGON((100.5 39,102 39,102 40.5,100.5 40.5,100.5 39)))",
     {"south"}),
    ("roads", "S_CROSSES(geom, LINESTRING(100 42,101 42))", {"r"}),
    ("grids", "S_INTERSECTS(geom, GEOMETRYCOLLECTION(POINT(100.5 40.5),LINESTRING(0 0,1 1)))",
     {"south"}),
    ("fences", "active IS NOT NULL", {"f1"}),
    ("grids", {"op": "=", "args": [{"property": "name"}, "South"]}, {"south"}),
    ("grids", {"op": "not", "args": [{"op": "isNull", "args": [{"property": "name"}]}]},
     {"north", "south", "fiji"}),
    ("grids", {"op": "in", "args": [{"property": "id"}, ["fiji"]]}, {"fiji"}),
    ("checkpoints", {"op": "s_intersects", "args": [{"property": "geom"}, BOX]}, {"old"}),
    ("checkpoints", {"op": "t_after", "args": [{"property": "last_heartbeat"},
                                               {"date": "2026-03-01"}]}, {"new"}),
]  # fmt: skip


@pytest.mark.parametrize("language", ["", "named"])
def test_a_filter_takes_what_meets_it(admin: httpx.Client, language: str) -> None:
    for layer, asked, wanted in FILTERS:
        text = asked if isinstance(asked, str) else json.dumps(asked)
        kind = "cql2-text" if isinstance(asked, str) else "cql2-json"
        named = {"filter_lang": kind} if language else {}
        assert _ids(admin, layer, filter=text, **named) == wanted, text


def test_a_filters_geometries_are_of_its_reference_system(admin: httpx.Client) -> None:
    text = "S_WITHIN(geom, BBOX(42.1,100.1,42.3,100.3))"
    assert _ids(admin, "checkpoints", filter=text, filter_crs=f"{EPSG}4326") == {"old"}
    # 90 E 45 N is at 10018754, 5621521 m: to the west of all.
    text = "S_INTERSECTS(geom, POLYGON((0 0,11155000 0,11155000 9e6,0 9e6,0 0)))"
    assert _ids(admin, "checkpoints", filter=text, filter_crs=f"{EPSG}3857") == {"old"}


WRONG = [
    "", "name", "name =", "= 'x'", "(", "(" * 5000, "NOT " * 20_000, "nope = 1", "geom_3857 = 1",
    "name = 1", "area_m2 = 'x'", "geom = geom", "active = 'x'", "name LIKE 1", "name IN ()",
    "S_INTERSECTS(geom, 1)", "S_INTERSECTS(geom, POINT(1))", "S_INTERSECTS(geom)", "1", "'x'",
    "S_INTERSECTS(geom, POINT(500 0))", "S_INTERSECTS(geom, POLYGON((0 0,1 1,0 1,1 0,0 0)))",
    "S_INTERSECTS(geom, POLYGON((0 0,1 1)))", "S_INTERSECTS(geom, BBOX(1,2,3))",
    "pg_sleep(100) = 1", "set_config('role','postgres','f') = 'x'", "name = 'x'; DROP TABLE grids",
    "area_m2 / 0 = 1", "area_m2 ^ 1000 > 1", "1e999 > area_m2", "area_m2 % 0 = 1",
    "T_AFTER(name, DATE('2026-03-01'))", "T_AFTER(name, DATE('soon'))",
    "T_AFTER(DATE('2026-03-01'), INTERVAL('2026-03-01'))", "name = 'x", "name = \"", "a..b = 1",
    "name IS 1", "name NOT 1", "name ~ 'x'", "TRUE AND", "1 + " * 100 + "1 = 1", "CASEI(1) = 'a'",
    '{"op":"="}', "{", '{"op":"and","args":[]}', '{"op":1,"args":[1]}', '{"args":[1]}', "[]",
    '{"op":"=","args":[{"property":"name"},"\\u0000"]}', '{"op":"=","args":[{"property":{}},1]}',
    '{"op":"=","args":[{"property":"name"},"\\ud800"]}', '{"op":"=","args":[NaN,1]}',
    '{"op":"=","args":[1' + "0" * 400 + ',1]}', '{"op":"not","args":[' * 900 + "true" + "]}" * 900,
    '{"op":"s_equals","args":[{"property":"geom"},{"type":"Point","coordinates":["a","b"]}]}',
    '{"op":"s_equals","args":[{"property":"geom"},{"type":"Point"}]}',
    '{"op":"s_equals","args":[{"property":"geom"},{"type":"Nope","coordinates":[1,2]}]}',
    '{"op":"s_equals","args":[{"property":"geom"},'
    + '{"type":"GeometryCollection","geometries":[' * 400 + "]}" * 400 + "]}",
    '{"op":"s_equals","args":[{"property":"geom"},{"type":"Point","coordinates":[1'
    + "0" * 400 + ',1]}]}',
    '{"op":"in","args":[{"property":"name"},"x"]}', '{"op":"t_after","args":[{"interval":1},2]}',
    '{"op":"s_equals","args":[{"property":"geom"},{"bbox":[true,1,2,3]}]}',
]  # fmt: skip


def test_a_filter_that_cannot_be_is_a_400_that_says_why(admin: httpx.Client) -> None:
    for text in WRONG:
        # In a body's length: the longest do not fit an address.
        asked = admin.get("/ogc/collections/grids/items", params={"filter": text[:20_500]})
        assert code(asked) in {"400 bad_filter", "400 bad_query", "400 invalid_request"}, text[:90]
    wrong_word = {"filter": "name = 'x'", "filter-lang": "cql-text"}
    assert code(admin.get("/ogc/collections/grids/items", params=wrong_word)).startswith("400")


def test_sorting_is_by_what_is_named_and_then_by_id(admin: httpx.Client) -> None:
    def order(sortby: str) -> list[str]:
        told = admin.get("/ogc/collections/grids/items", params={"sortby": sortby}).json()
        return [one["id"] for one in told["features"]]

    assert order("name") == ["north", "fiji", "south", "samoa"]
    assert order("-name,id") == ["samoa", "south", "fiji", "north"]
    assert order("level") == ["fiji", "north", "samoa", "south"]
    assert order("+area_m2")[-1] == "south"
    for wrong in ("", "nope", "-", "geom", "name;id"):
        answer = admin.get("/ogc/collections/grids/items", params={"sortby": wrong})
        assert code(answer) == "400 bad_query", wrong
    answer = admin.get("/ogc/collections/fences/items", params={"sortby": "active"})
    assert code(answer) == "400 bad_query"
