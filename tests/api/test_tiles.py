"""Tiles over HTTP: of this world, of these layers, and of this right."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.api.api_words import box, code, feature, put


def test_tiles_are_cut_down_to_the_last_zoom_and_no_further(
    admin: httpx.Client, token: Callable[[str], str]
) -> None:
    assert "bounds" not in admin.get("/tiles.json").json()
    put(admin, "grids", feature("g", box(100, 40, 0.01), level="cell", name="Grid"))
    path = "/tiles/12/3185/1550.mvt"  # around 100 E, 40 N
    whole = admin.get(path)
    assert whole.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert b"grids" in whole.content
    assert b"Grid" in whole.content
    assert admin.get("/tiles/22/0/0.mvt").content == b""
    other_worlds = ("23/0/0", "0/1/0", "0/0/1", "-1/0/0", "1/2/0", f"{9**30}/0/0", "a/0/0")
    for wrong in other_worlds:
        assert admin.get(f"/tiles/{wrong}.mvt").status_code == 422, wrong
    assert admin.get(f"{path}?layers=grid").content == admin.get(
        f"{path}?layers=grids,breaches"
    ).content  # fmt: skip
    assert code(admin.get(f"{path}?layers=nope")) == "404 no_such_layer"
    tag = whole.headers["ETag"]
    assert admin.get(path, headers={"If-None-Match": tag}).status_code == 304
    reader = {"Authorization": f"Bearer {token('read')}", "If-None-Match": tag}
    assert admin.get(path, headers=reader).status_code == 200
    told = admin.get("/tiles.json").json()
    fields = {layer["id"]: layer["fields"] for layer in told["vector_layers"]}
    assert fields["settlements"]["households"] == fields["grids"]["area_m2"] == "Number"
    assert fields["settlements"]["name"] == fields["grids"]["level"] == "String"
    assert told["bounds"] == [100, 40, 100.01, 40.01]
    assert told["tiles"][0].startswith(str(admin.base_url))
