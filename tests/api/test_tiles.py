"""Tiles over HTTP: of this world, of these layers, and of this right."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import mapbox_vector_tile
from sqlalchemy import Engine, text

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
    assert {one["merged"] for one in fields.values()} == {"Number"}
    assert fields["settlements"]["households"] == fields["grids"]["area_m2"] == "Number"
    assert fields["settlements"]["name"] == fields["grids"]["level"] == "String"
    assert told["bounds"] == [100, 40, 100.01, 40.01]
    assert told["tiles"][0].startswith(str(admin.base_url))


def test_a_low_tile_with_coverage_beside_a_large_layer_is_under_500_kb(
    admin: httpx.Client, engine: Engine
) -> None:
    # Over 90 to 100 E, 41 to 48.5 N, which is most of a tile of zoom 5.
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL patrolgrid.judged = 'on'"))
        connection.execute(text(
            "INSERT INTO grids (id, name, level, area_m2, geom)"
            " SELECT 'cell-' || n, 'Cell No. ' || n, 'cell', 1e8, ST_Multi(ST_MakeEnvelope("
            "  w, s, w + 0.125, s + 0.125, 4326)) FROM (SELECT n, 90 + (n % 80) / 8.0 AS w,"
            "  41 + (n / 80) / 8.0 AS s FROM generate_series(0, 4799) n) at"
        ))  # fmt: skip
        connection.execute(text(
            "INSERT INTO settlements (id, name, geom)"
            " SELECT 'settlement-' || n, 'Settlement No. ' || n, ST_SetSRID(ST_MakePoint("
            "  90 + (n % 300) / 30.0, 41 + (n / 300) / 27.0), 4326)"
            " FROM generate_series(0, 59999) n"
        ))  # fmt: skip
    window = "from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&level=cell"
    size = {}
    for names in ("coverage", "settlements", "settlements,coverage"):
        answer = admin.get(f"/tiles/5/24/11.mvt?layers={names}&{window if 'cov' in names else ''}")
        assert answer.status_code == 200, answer.text
        size[names] = len(answer.content)
        drawn = mapbox_vector_tile.decode(answer.content)
        assert set(drawn) == set(names.split(","))
        assert all(len(layer["features"]) > 90 for layer in drawn.values())
    assert size["coverage"] + size["settlements"] > 500_000
    assert size["settlements,coverage"] < 500_000
