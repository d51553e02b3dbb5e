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
    whole = admin.get("/tiles/0/0/0.mvt")
    assert whole.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert b"grids" in whole.content
    assert b"Grid" in whole.content
    assert admin.get("/tiles/22/0/0.mvt").content == b""
    for path in ("23/0/0", "0/1/0", "0/0/1", "-1/0/0", "1/2/0", f"{9**30}/0/0", "a/0/0", "0/0/0.5"):
        assert admin.get(f"/tiles/{path}.mvt").status_code == 422, path
    assert admin.get("/tiles/0/0/0.mvt?layers=grid").content == admin.get(
        "/tiles/0/0/0.mvt?layers=grids,breaches"
    ).content  # fmt: skip
    assert code(admin.get("/tiles/0/0/0.mvt?layers=nope")) == "404 no_such_layer"
    tag = whole.headers["ETag"]
    assert admin.get("/tiles/0/0/0.mvt", headers={"If-None-Match": tag}).status_code == 304
    reader = {"Authorization": f"Bearer {token('read')}", "If-None-Match": tag}
    assert admin.get("/tiles/0/0/0.mvt", headers=reader).status_code == 200
    told = admin.get("/tiles.json").json()
    assert told["bounds"] == [100, 40, 100.01, 40.01]
    assert told["tiles"][0].startswith(str(admin.base_url))
