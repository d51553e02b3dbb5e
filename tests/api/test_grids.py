"""The hierarchy of grids over HTTP and in the terminal."""

from __future__ import annotations

from pathlib import Path

import httpx
import shapely
from sqlalchemy import Engine, text

from tests.api.api_words import code, feature, put
from tests.api.command_words import Run


def _box(west: float, south: float, east: float, north: float) -> dict[str, object]:
    return shapely.geometry.mapping(shapely.box(west, south, east, north))


def _two(admin: httpx.Client) -> None:
    put(admin, "grids", feature("banner", _box(103, 42, 105, 43), level="banner"))
    put(admin, "grids", feature("west", _box(103, 42, 104, 43), level="sumu", parent="banner"))
    put(admin, "grids", feature("east", _box(104, 42, 104.5, 43), level="sumu", parent="banner"))


def test_a_point_finds_its_grids_and_says_of_which_data(admin: httpx.Client) -> None:
    _two(admin)
    found = admin.get("/api/grids/at", params={"lon": 103.5, "lat": 42.5})
    told = found.json()
    assert [one["id"] for one in told["features"]] == ["banner", "west"]
    assert told["features"][1]["properties"]["parent"] == "banner"
    assert told["data_version"].startswith("grids.")
    assert told["as_of"].endswith("Z")
    again = admin.get(
        "/api/grids/at?lon=103.5&lat=42.5", headers={"If-None-Match": found.headers["ETag"]}
    )
    assert again.status_code == 304
    assert admin.get("/api/grids/at?lon=0&lat=0").json()["features"] == []
    for query in ("", "?lon=103", "?lon=181&lat=0", "?lon=nan&lat=0"):
        assert code(admin.get(f"/api/grids/at{query}")) == "422 invalid_request"


def test_a_cell_that_nobody_gave_a_parent_is_in_the_chain_of_its_places(
    admin: httpx.Client,
) -> None:
    _two(admin)
    put(admin, "grids", feature("zz", _box(103.2, 42.2, 103.6, 42.6), level="cell"))
    found = admin.get("/api/grids/at", params={"lon": 103.5, "lat": 42.5}).json()
    assert [one["id"] for one in found["features"]] == ["banner", "west", "zz"]


def test_gaps_are_listed_page_by_page(admin: httpx.Client) -> None:
    _two(admin)
    told = admin.get("/api/grids/gaps", params={"parent": "banner"}).json()
    assert [one["id"] for one in told["features"]] == ["banner"]
    assert shapely.geometry.shape(told["features"][0]["geometry"]).bounds == (104.5, 42, 105, 43)
    put(admin, "grids", feature("cell", _box(103, 42, 103.5, 43), level="cell", parent="west"))
    first = admin.get("/api/grids/gaps?limit=1").json()
    [link] = first["links"]
    second = admin.get(link["href"]).json()
    assert [one["id"] for one in first["features"] + second["features"]] == ["banner", "west"]
    assert code(admin.get("/api/grids/gaps?parent=no")) == "404 no_such_feature"


def test_grids_that_their_children_fill_make_no_empty_pages_of_gaps(admin: httpx.Client) -> None:
    for n in range(5):
        put(admin, "grids", feature(f"p{n}", _box(n, 10, n + 1, 11), level="banner"))
        east = n + (0.5 if n in {1, 3} else 1)
        put(admin, "grids", feature(f"c{n}", _box(n, 10, east, 11), level="cell", parent=f"p{n}"))
    pages, path = [], "/api/grids/gaps?limit=1"
    while path:
        told = admin.get(path).json()
        pages.append([one["id"] for one in told["features"]])
        path = next((one["href"] for one in told["links"]), None)
    assert pages == [["p1"], ["p3"]]


def test_a_put_tells_whom_it_changed_too_and_may_be_told_to_change_nobody(
    admin: httpx.Client,
) -> None:
    _two(admin)
    path = "/api/layers/grids/west"
    shown = admin.get(path)
    wider = {**shown.json(), "geometry": _box(103, 42, 104.2, 43)}
    headers = {"If-Match": shown.headers["ETag"]}
    kept = admin.put(f"{path}?neighbours=keep", json=wider, headers=headers)
    assert code(kept) == "422 bad_feature"
    assert "of it lie on 'east' near 104.1" in kept.json()["detail"]
    assert code(admin.put(f"{path}?neighbours=eat", json=wider, headers=headers)) == (
        "422 invalid_request"
    )
    done = admin.put(path, json=wider, headers=headers)
    assert done.json()["also_changed"] == ["east"]
    now = admin.get(path)
    assert now.headers["ETag"] == done.headers["ETag"]
    assert "also_changed" not in now.json()
    east = shapely.geometry.shape(admin.get("/api/layers/grids/east").json()["geometry"])
    assert east.equals(shapely.box(104.2, 42, 104.5, 43))
    # What PUT answered may be put again.
    assert admin.put(path, json=done.json(), headers={"If-Match": "*"}).status_code == 200


def test_an_undo_tells_whom_it_changed_too_as_the_put_did(admin: httpx.Client) -> None:
    _two(admin)
    path = "/api/layers/grids/west"
    shown, east = admin.get(path), admin.get("/api/layers/grids/east").json()
    wider = {**shown.json(), "geometry": _box(103, 42, 104.2, 43)}
    done = admin.put(path, json=wider, headers={"If-Match": shown.headers["ETag"]})
    back = admin.post(f"{path}/undo", headers={"If-Match": done.headers["ETag"]})
    assert back.json() == {**shown.json(), "also_changed": ["east"]}
    assert back.headers["ETag"] == admin.get(path).headers["ETag"] == shown.headers["ETag"]
    assert admin.get("/api/layers/grids/east").json() == east
    assert admin.put(path, json=wider, headers={"If-Match": "*"}).status_code == 200
    # Asked of the neighbour, it names the one that was edited.
    assert admin.post("/api/layers/grids/east/undo").json() == {**east, "also_changed": ["west"]}


def test_the_ground_that_no_post_looks_after_is_a_layer_that_is_only_read(
    admin: httpx.Client,
) -> None:
    _two(admin)
    put(admin, "post_areas", feature("a", _box(103, 42, 104, 43)))
    listed = {one["id"]: one for one in admin.get("/api/layers").json()["layers"]}
    assert listed["unattended"]["read_only"]
    assert not listed["grids"]["read_only"]
    assert listed["unattended"]["count"] == 2
    told = admin.get("/api/layers/unattended?level=sumu").json()
    [east] = told["features"]
    assert (east["id"], round(east["properties"]["unattended_share"], 5)) == ("east", 1)
    assert told["data_version"] == "grids.3-post_areas.1"
    shown = admin.get("/api/layers/unattended/east")
    tag = {"If-Match": shown.headers["ETag"]}
    for answer in (
        admin.post("/api/layers/unattended", json=east),
        admin.put("/api/layers/unattended/east", json=shown.json(), headers=tag),
        admin.delete("/api/layers/unattended/east", headers=tag),
    ):
        assert code(answer) == "405 read_only_layer"
        assert answer.headers["Allow"] == "GET, HEAD"


def test_the_command_prints_faults_and_gaps_and_fails_for_faults(
    run: Run, engine: Engine, land: Path
) -> None:
    assert run("load", "grids", land).code == 0
    drawn = run("grids", "check")
    assert (drawn.code, drawn.out) == (0, "1 grid, 0 faults, 0 gaps\n")
    with engine.begin() as connection:  # as a release before this one may have stored them
        for name, west in (("a", 103.0), ("b", 103.05)):
            connection.execute(
                text(
                    "INSERT INTO grids (id, level, parent, area_m2, geom) VALUES (:id, 'cell',"
                    " 'banner', 1, ST_Multi(ST_MakeEnvelope(:w, 42, :w + 0.1, 42.2, 4326)))"
                ),
                {"id": name, "w": west},
            )
    told = run("grids", "check")
    assert told.code == 1
    fault, gap, total = told.out.splitlines()
    assert fault.startswith("fault: a: ")
    assert "overlaps b near 103.075" in fault
    assert gap.startswith("gap: banner: ")
    assert "(25.0%) of it have no grid below" in gap
    assert total == "3 grids, 1 fault, 1 gap"


def test_the_command_tells_grids_without_a_parent_that_lie_in_others(
    run: Run, engine: Engine, land: Path, tmp_path: Path
) -> None:
    assert run("load", "grids", land).code == 0
    cells = tmp_path / "cells.csv"
    cells.write_text('id,wkt\nc1,"POLYGON ((103 42, 103.1 42, 103.1 42.1, 103 42.1, 103 42))"\n')
    loaded = run("load", "grids", cells)
    assert (
        "1 grid has no parent but lies in a grid of a higher level, such as 'c1' in 'banner': give"
        " it the column parent"
    ) in loaded.out
    told = run("grids", "check")
    assert told.code == 0
    warning, total = told.out.splitlines()
    assert warning == ("warning: c1: it has no parent, but lies in banner: give it that parent")
    assert total == "2 grids, 0 faults, 1 without a parent that may have one, 0 gaps"
