"""A shape across the 180th meridian is the same two pieces, whichever door it comes in by."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import shapely

from tests.api.api_words import code
from tests.api.command_words import Run, write

#: 179.5 to -179.5 by 40 to 41, as RFC 7946 (3.1.9) wants it cut, and as people write it.
WANTED = shapely.MultiPolygon(
    [shapely.box(179.5, 40, 180, 41), shapely.box(-180, 40, -179.5, 41)]
)  # fmt: skip
JUMPS = [[179.5, 40], [-179.5, 40], [-179.5, 41], [179.5, 41], [179.5, 40]]
BEYOND = [[179.5, 40], [180.5, 40], [180.5, 41], [179.5, 41], [179.5, 40]]


def _grid(ring: list[list[float]]) -> dict[str, object]:
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {
        "type": "Feature", "id": "A", "geometry": geometry, "properties": {"level": "banner"},
    }  # fmt: skip


@pytest.mark.parametrize("ring", [JUMPS, BEYOND])
def test_a_grid_is_cut_over_http_as_it_is_in_a_file(
    admin: httpx.Client, run: Run, tmp_path: Path, ring: list[list[float]]
) -> None:
    made = admin.post("/api/layers/grids", json=_grid(ring))
    assert made.status_code == 201, made.text
    assert shapely.equals(shapely.from_geojson(json.dumps(made.json()["geometry"])), WANTED)
    # 1° by 1° at 40.5° N.
    assert made.json()["properties"]["area_m2"] == pytest.approx(84_800 * 111_040, rel=2e-3)
    file = write(tmp_path / "a.geojson", json.dumps(_grid(ring)))
    assert run("load", "grids", file).out.startswith("grids: 1 read, 0 new, 0 updated, 1 unchanged")


def test_a_put_across_the_antimeridian_is_cut_and_what_was_cut_stays(admin: httpx.Client) -> None:
    whole = _grid([[179, 40], [179.9, 40], [179.9, 41], [179, 41], [179, 40]])
    assert admin.post("/api/layers/grids", json=whole).status_code == 201
    path = "/api/layers/grids/A"
    tag = {"If-Match": admin.get(path).headers["ETag"]}
    changed = admin.put(path, json=_grid(JUMPS), headers=tag)
    assert shapely.equals(shapely.from_geojson(json.dumps(changed.json()["geometry"])), WANTED)
    tag = {"If-Match": changed.headers["ETag"]}
    again = admin.put(path, json=changed.json(), headers=tag)
    assert again.json() == changed.json()
    whole_page = admin.get("/api/layers/grids?bbox=0,40,10,41").json()
    assert whole_page["features"] == []


@pytest.mark.parametrize(
    ("layer", "geometry", "own", "words"),
    [
        ("roads", {"type": "LineString", "coordinates": [[179, 0], [-179, 1]]}, {},
         "store each side of it by itself"),
        ("grids", {"type": "Polygon", "coordinates": [[[0, 80], [90, 80], [180, 80], [-90, 80],
         [0, 80]]]}, {"level": "banner"}, "goes round a pole"),
        ("fences", {"type": "Polygon", "coordinates": [[[-80, 10], [150, 10], [150, 20], [-80, 20],
         [-80, 10]]]}, {"rule": "keep_in"}, "an edge over more than 180 degrees of longitude"),
        ("grids", {"type": "Polygon", "coordinates": [[[-170, 0], [190, 0], [190, 9], [-170, 0]]]},
         {"level": "banner"}, "longitudes beyond 180 where others are below 0"),
    ],
)  # fmt: skip
def test_what_has_no_certain_side_is_refused_with_what_to_do(
    admin: httpx.Client, layer: str, geometry: object, own: dict[str, str], words: str
) -> None:
    feature = {"type": "Feature", "id": "A", "geometry": geometry, "properties": own}
    answer = admin.post(f"/api/layers/{layer}", json=feature)
    assert code(answer) == "422 bad_feature"
    assert words in answer.json()["detail"]


def test_a_fence_along_a_line_across_the_antimeridian_has_both_parts(admin: httpx.Client) -> None:
    geometry = {"type": "LineString", "coordinates": [[178, 0], [-178, 4]]}
    fence = {"type": "Feature", "id": "F", "geometry": geometry, "properties": {"rule": "line"}}
    made = admin.post("/api/layers/fences", json=fence)
    assert made.json()["geometry"] == {
        "type": "MultiLineString",
        "coordinates": [[[178, 0], [180, 2]], [[-180, 2], [-178, 4]]],
    }


@pytest.mark.parametrize("asked", ["-170,-10,170,10", "-179.9,-10,179.9,10", "-180,-10,180,10"])
def test_a_box_from_west_to_east_is_the_wide_one_over_greenwich(
    admin: httpx.Client, asked: str
) -> None:
    for lon in (0, 100, 180):
        point = {"type": "Point", "coordinates": [lon, 0]}
        post = {"type": "Feature", "id": f"at {lon}", "geometry": point, "properties": {}}
        assert admin.post("/api/layers/posts", json=post).status_code == 201
    wide = {"at 0", "at 100", *(["at 180"] if "180," in asked else [])}
    west, south, east, north = asked.split(",")
    narrow = f"{east},{south},{west},{north}"
    items = "/ogc/collections/posts/items"
    for box, found in ((asked, wide), (narrow, {"at 180"})):
        for path, query in (
            ("/api/layers/posts", {"bbox": box}),
            ("/api/layers/posts", {"bbox": box, "f": "geojsonseq"}),
            (items, {"bbox": box}),
            (items, {"filter": f"S_INTERSECTS(geometry, BBOX({box}))"}),
        ):
            answer = admin.get(path, params=query)
            assert answer.status_code == 200, (query, answer.text)
            for one in ("at 0", "at 100", "at 180"):
                assert (f'"{one}"' in answer.text) == (one in found), (path, query, one)
    ring = f"{west} -10,{east} -10,{east} 10,{west} 10,{west} -10"
    drawn = admin.get(items, params={"filter": f"S_INTERSECTS(geometry, POLYGON(({ring})))"})
    assert {one["id"] for one in drawn.json()["features"]} == wide
