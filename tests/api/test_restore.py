"""A restore beneath a running server: its next answers are of what was restored."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.api.api_words import at, box, code, enrol, feature, fix, put, send
from tests.api.command_words import Run
from tests.api.test_tiles_kept import HERE, shown

GRID = "/api/layers/grids/g"
WINDOW = f"from={at(0)}&to={at(60)}&swath_m=100"


def _rename(client: httpx.Client, name: str, size: float = 0.01) -> None:
    shown_now = client.get(GRID)
    body = shown_now.json()
    body["properties"]["name"] = name
    body["geometry"] = box(100.015, 40, size)
    tag = {"If-Match": shown_now.headers["ETag"]}
    assert client.put(GRID, json=body, headers=tag).status_code == 200


def _told(client: httpx.Client) -> dict[str, object]:
    """What each way of asking says of the grid."""
    coverage = client.get(f"/api/coverage?{WINDOW}").json()
    csv = client.get("/api/layers/grids?f=csv").text
    return {
        "tile": {one["name"] for one in shown(client, HERE).values()},
        "cells": {one["area_m2"] for one in
                  shown(client, f"{HERE}?layers=coverage&{WINDOW}", "coverage").values()},
        "json": client.get(GRID).json()["properties"]["name"],
        "coverage": {one["properties"]["area_m2"] for one in coverage["features"]},
        "csv": [name for name in ("One", "Two", "Three") if name in csv],
    }  # fmt: skip


def test_a_server_that_runs_on_answers_with_what_was_restored(
    admin: httpx.Client, run: Run, tmp_path: Path
) -> None:
    enrol(admin, "v")
    send(admin, [fix("v", 0, 100.01), fix("v", 10, 100.03)])
    put(admin, "grids", feature("g", box(100.015, 40, 0.01), level="cell", name="One"))
    first = _told(admin)
    assert (first["json"], first["tile"], first["csv"]) == ("One", {"One"}, ["One"])
    file = tmp_path / "all.backup"
    assert run("db", "backup", file).code == 0
    _rename(admin, "Two", 0.02)
    second = _told(admin)
    assert second["coverage"] != first["coverage"]
    csv = admin.get("/api/layers/grids?f=csv")
    listed = admin.get("/api/layers/grids")
    refused = run("db", "restore", file)
    assert refused.code == 1
    assert "--replace" in refused.err
    assert _told(admin) == second
    restored = run("db", "restore", file, "--replace")
    assert restored.code == 0, restored.err
    assert _told(admin) == first
    # A version is never used again for other data: what is kept by it would be taken for it.
    again = admin.get("/api/layers/grids").json()
    assert again["data_version"] == "grids.1002"
    assert again["as_of"] > listed.json()["as_of"]
    _rename(admin, "Three", 0.005)
    third = _told(admin)
    assert (third["json"], third["tile"], third["csv"]) == ("Three", {"Three"}, ["Three"])
    assert third["coverage"] == third["cells"]
    assert third["coverage"] not in (first["coverage"], second["coverage"])
    for answer in (csv, listed):
        known = {"If-None-Match": answer.headers["ETag"]}
        assert admin.get(str(answer.url), headers=known).status_code == 200


def test_a_token_that_a_restore_takes_back_reads_no_longer(
    admin: httpx.Client, run: Run, tmp_path: Path
) -> None:
    put(admin, "grids", feature("g", box(100.015, 40, 0.01), level="cell", name="One"))
    file = tmp_path / "all.backup"
    assert run("db", "backup", file).code == 0
    later = run("token", "create", "--scope", "read").out.strip()
    theirs = {"Authorization": f"Bearer {later}"}
    assert admin.get(HERE, headers=theirs).status_code == 200
    assert run("db", "restore", file, "--replace").code == 0
    for path in (HERE, GRID):
        assert code(admin.get(path, headers=theirs)) == "401 unknown_identity"
        assert admin.get(path).status_code == 200
