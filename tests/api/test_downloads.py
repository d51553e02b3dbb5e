"""A whole layer as a file over HTTP: which format, streamed, and what if it breaks off."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import pyarrow.parquet as pq
import pyogrio
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.http import slots
from api.http.downloads import Download, TransferBrokenError
from layers.access import tokens
from layers.load import load
from tests.api.api_words import box, code, feature, put

ROADS, GRIDS = "/api/layers/roads", "/api/layers/grids"
FGB, PARQUET = "application/flatgeobuf", "application/vnd.apache.parquet"
GPKG, CSV, LINES = "application/geopackage+sqlite3", "text/csv", "application/x-ndjson"
SEQUENCE, GEOJSON = "application/geo+json-seq", "application/geo+json"
SUFFIXES = {FGB: "fgb", PARQUET: "parquet", GPKG: "gpkg", CSV: "csv", LINES: "geojsonl",
            SEQUENCE: "geojsons"}  # fmt: skip
#: Roads of a hundred corners each, so that a few thousand are many megabytes.
FILL = """
INSERT INTO roads (id, class, geom)
SELECT 'road-' || lpad(n::text, 6, '0'), 'track', (
    SELECT ST_SetSRID(ST_MakeLine(ST_MakePoint(100 + n * 1e-5 + k * 1e-3, 40 + random())
                                  ORDER BY k), 4326)
    FROM generate_series(1, 100) k)
FROM generate_series(1, :count) n
"""


@pytest.fixture
def two(admin: httpx.Client) -> httpx.Client:
    """A client of a service with two roads and two grids."""
    for n in (1, 2):
        line = {"type": "LineString", "coordinates": [[100 + n / 3, 40], [100, 41]]}
        put(admin, "roads", feature(f"way/{n}", line, **{"class": "track", "name": f"路 {n}"}))
    put(admin, "grids", feature("A", box(100, 40, 1), level="banner"))
    put(admin, "grids", feature("B", box(100.1, 40.1, 0.1), level="cell", parent="A"))
    return admin


def fill(engine: Engine, count: int) -> None:
    with engine.begin() as connection:
        connection.execute(text(FILL), {"count": count})


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", GEOJSON), ("application/json", GEOJSON), ("application/*", GEOJSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", GEOJSON),
        (CSV, CSV), ("TEXT/CSV; q=0.5, image/png", CSV), ("text/*", CSV),
        ("application/vnd.flatgeobuf", FGB), ("application/x-flatgeobuf", FGB),
        ("application/x-parquet", PARQUET), (LINES, LINES), (SEQUENCE, SEQUENCE),
        ("text/csv;q=0.4, application/geopackage+sqlite3;q=0.6, */*;q=0.1", GPKG),
        ("application/geo+json;q=0, application/json;q=0, text/csv;q=0.1", CSV),
        ("text/csv, */*", CSV), ("text/csv;q=oops, */*", GEOJSON), ("", GEOJSON),
        ("application/flatgeobuf;q=0.9, application/geo+json;q=0.9", GEOJSON),
    ],
)  # fmt: skip
def test_the_client_gets_the_format_that_it_likes_best(
    two: httpx.Client, accept: str, media_type: str
) -> None:
    answer = two.get(ROADS, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == media_type
    assert "Accept" in answer.headers["vary"].replace(",", " ").split()


def test_a_client_that_takes_nothing_that_there_is_is_told_what_there_is(
    two: httpx.Client,
) -> None:
    for accept in ("image/png", "text/csv;q=0", "*/*;q=0"):
        answer = two.get(ROADS, headers={"Accept": accept})
        assert code(answer) == "406 not_acceptable"
        assert all(there in answer.json()["detail"] for there in (CSV, FGB, PARQUET, GPKG))
    assert code(two.get(f"{ROADS}?f=shp")) == "422 bad_format"
    assert code(two.get("/api/layers/moon", headers={"Accept": CSV})) == "404 no_such_layer"
    for paged in ("limit=5", "cursor=YQ"):
        assert code(two.get(f"{ROADS}?f=csv&{paged}")) == "422 no_pages"
    assert code(two.get(f"{ROADS}?f=csv&level=cell")) == "422 bad_query"
    assert code(two.get(f"{ROADS}?f=csv&bbox=1")) == "422 bad_bbox"


@pytest.mark.parametrize("media_type", SUFFIXES)
def test_a_download_loads_back_as_it_was(
    two: httpx.Client, engine: Engine, tmp_path: Path, media_type: str
) -> None:
    answer = two.get(ROADS, headers={"Accept": media_type})
    name = f"roads.{SUFFIXES[media_type]}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    (tmp_path / name).write_bytes(answer.content)
    with engine.begin() as connection:
        report = load(connection, "roads", tmp_path / name)
    assert (report.read, report.unchanged) == (2, 2)


def test_a_download_holds_what_meets_the_place_and_level(two: httpx.Client) -> None:
    lines = two.get(f"{ROADS}?f=ndjson").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["way/1", "way/2"]
    east = two.get(f"{ROADS}?f=csv&bbox=100.5,40,101,40.01").text.splitlines()
    assert [line.split(",")[0] for line in east] == ["id", "way/2"]
    cells = pq.read_table(io.BytesIO(two.get(f"{GRIDS}?f=parquet&level=cell").content))
    assert cells.column("id").to_pylist() == ["B"]
    assert gpd.read_file(io.BytesIO(two.get(f"{GRIDS}?f=fgb").content)).id.tolist() == ["A", "B"]
    page = two.get(f"{GRIDS}?f=geojson&limit=1").json()
    assert [one["id"] for one in page["features"]] == ["A"]


@pytest.mark.parametrize("name", ["csv", "ndjson", "parquet", "gpkg", "fgb"])
def test_an_unchanged_download_is_a_304_and_its_tag_follows_what_was_asked(
    two: httpx.Client, name: str
) -> None:
    first = two.get(f"{GRIDS}?f={name}")
    tag = first.headers["etag"]
    assert first.headers["data-version"].startswith("grids.")
    assert first.headers["as-of"].endswith("Z")
    known = {"If-None-Match": tag}
    again = two.get(f"{GRIDS}?f={name}", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert two.get(f"{GRIDS}?f={name}&level=cell", headers=known).status_code == 200
    assert two.get(f"{GRIDS}?f={'fgb' if name == 'csv' else 'csv'}", headers=known).is_success
    put(two, "grids", feature("C", box(110, 40, 1), level="banner"))
    changed = two.get(f"{GRIDS}?f={name}", headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_head_tells_all_but_makes_no_file(
    two: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = two.get(f"{ROADS}?f=gpkg").headers
    monkeypatch.setattr("layers.export.vector.pyogrio.write_arrow", None)  # would fail if called
    for answer in (two.head(f"{ROADS}?f=gpkg"), two.head(ROADS, headers={"Accept": GPKG})):
        assert (answer.status_code, answer.content) == (200, b"")
        for name in ("content-type", "etag", "content-disposition", "data-version", "as-of"):
            assert answer.headers[name] == shown[name]


def test_text_is_compressed_on_the_way_and_binary_is_not(two: httpx.Client, engine: Engine) -> None:
    fill(engine, 50)
    for name, encoding in (("csv", "gzip"), ("ndjson", "gzip"), ("fgb", None), ("gpkg", None),
                           ("parquet", None)):  # fmt: skip
        answer = two.get(f"{ROADS}?f={name}", headers={"Accept-Encoding": "gzip"})
        assert answer.headers.get("content-encoding") == encoding, name


# What breaks off ---------------------------------------------------------------------------


def _begun(client: httpx.Client, path: str) -> socket.socket:
    """A connection on which a request was sent and nothing is read."""
    made = socket.create_connection((client.base_url.host, client.base_url.port or 80))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    token = client.headers["Authorization"]
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
    return made


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _cursors(engine: Engine) -> int:
    """How many transactions of others are open that read roads."""
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT count(DISTINCT pid) FROM pg_locks WHERE relation = 'roads'::regclass"
                 " AND pid <> pg_backend_pid()")
        )  # fmt: skip
        return int(found.scalar_one())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files are made."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    yield made
    assert list(made.iterdir()) == []


@pytest.mark.parametrize("name", ["gpkg", "fgb"])
@pytest.mark.parametrize("stays", [True, False])
def test_the_headers_of_a_file_do_not_wait_for_its_last_feature(
    two: httpx.Client, engine: Engine, folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, name: str, stays: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(Download, "patient_s", 0.1)
    write, headers_came = pyogrio.write_arrow, threading.Event()

    def slowly(*given: object, **named: object) -> None:
        assert headers_came.wait(20)
        write(*given, **named)

    monkeypatch.setattr("layers.export.vector.pyogrio.write_arrow", slowly)
    with two.stream("GET", f"{ROADS}?f={name}") as answer:
        assert answer.headers["content-disposition"] == f'attachment; filename="roads.{name}"'
        if stays:
            headers_came.set()
            (tmp_path / f"roads.{name}").write_bytes(answer.read())
            assert len(gpd.read_file(tmp_path / f"roads.{name}")) == 2
    headers_came.set()
    assert _within(20, lambda: _cursors(engine) == 0 and list(folder.iterdir()) == [])


@pytest.mark.parametrize("name", ["ndjson", "gpkg"])
def test_a_client_that_goes_away_leaves_no_cursor_and_no_file(
    admin: httpx.Client, engine: Engine, folder: Path, name: str
) -> None:
    fill(engine, 8_000)
    with contextlib.closing(_begun(admin, f"{ROADS}?f={name}")):
        assert _within(20, lambda: _cursors(engine) == 1)
    assert _within(20, lambda: _cursors(engine) == 0 and list(folder.iterdir()) == [])


def test_a_client_that_takes_nothing_is_let_go(
    admin: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Download, "stalled_s", 0.5)
    fill(engine, 8_000)
    with contextlib.closing(_begun(admin, f"{ROADS}?f=ndjson")):
        assert _within(20, lambda: _cursors(engine) == 1)
        assert _within(20, lambda: _cursors(engine) == 0)


@pytest.mark.parametrize("patient_s", [0.0, 20.0])
@pytest.mark.parametrize("taken", [0, 1])
def test_a_client_that_takes_no_headers_is_let_go(
    application: FastAPI, two: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch,
    patient_s: float, taken: int,
) -> None:  # fmt: skip
    """The server's own side: sockets take a few headers whatever the client does."""
    monkeypatch.setattr(Download, "stalled_s", 0.3)
    monkeypatch.setattr(Download, "patient_s", patient_s)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        if len(sent) == taken:
            await asyncio.Event().wait()
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    token = two.headers["Authorization"].encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": ROADS, "raw_path": ROADS.encode(), "root_path": "",
        "query_string": b"f=ndjson", "server": ("x", 80), "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"x"), (b"authorization", token)],
    }  # fmt: skip

    async def ask() -> None:
        async with asyncio.timeout(20):
            await application(scope, receive, send)

    with pytest.raises(TransferBrokenError, match="roads"):
        asyncio.run(ask())
    assert [one["type"] for one in sent] == ["http.response.start"][:taken]
    assert _cursors(engine) == 0


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_database_that_fails_midway_breaks_the_transfer_for_all_to_see(
    admin: httpx.Client, engine: Engine, encoding: str
) -> None:
    fill(engine, 8_000)
    told = {"Accept": LINES, "Accept-Encoding": encoding}
    with admin.stream("GET", ROADS, headers=told) as answer:
        assert answer.status_code == 200
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE relation = 'roads'::regclass AND pid <> pg_backend_pid()"
            )
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            for _ in answer.iter_raw():
                pass
    assert admin.get(f"{ROADS}?f=csv&bbox=0,0,1,1").status_code == 200


def test_what_fails_before_the_first_byte_has_its_own_answer(
    admin: httpx.Client, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE roads RENAME TO paths")
    for name in ("csv", "gpkg"):
        assert code(admin.get(f"{ROADS}?f={name}")) == "500 internal_error"


def test_more_downloads_than_one_may_have_are_told_to_come_back(
    admin: httpx.Client, engine: Engine
) -> None:
    fill(engine, 8_000)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(contextlib.closing(_begun(admin, f"{ROADS}?f=ndjson")))
        assert _within(20, lambda: _cursors(engine) == 2)
        refused = admin.get(f"{ROADS}?f=csv")
        assert code(refused) == "503 too_many_downloads"
        assert refused.json()["detail"].startswith("2 downloads of yours are under way")
        assert refused.headers["retry-after"] == "10"
        assert admin.get(f"{ROADS}?limit=1").status_code == 200
        assert admin.head(f"{ROADS}?f=csv").status_code == 200
        with _other(admin, engine) as other:
            assert other.get(f"{ROADS}?f=csv&bbox=0,0,1,1").status_code == 200
    assert _within(20, lambda: admin.get(f"{ROADS}?f=csv&bbox=0,0,1,1").status_code == 200)


def _other(client: httpx.Client, engine: Engine) -> httpx.Client:
    """A client of the same service with a token of its own."""
    with engine.begin() as connection:
        made = tokens.create(connection, ["read"]).secret
    return httpx.Client(
        base_url=client.base_url, headers={"Authorization": f"Bearer {made}"}, timeout=30
    )


def test_who_takes_nothing_gives_way_to_who_waits(
    admin: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "STALLED_S", 1.0)
    fill(engine, 8_000)
    with contextlib.ExitStack() as stack:
        second, third = (stack.enter_context(_other(admin, engine)) for _ in range(2))
        for one in (admin, admin, second, second):
            stack.enter_context(contextlib.closing(_begun(one, f"{ROADS}?f=ndjson")))
        assert _within(20, lambda: _cursors(engine) == 4)
        assert third.get(f"{ROADS}?f=csv&bbox=0,0,1,1").status_code == 200
        assert _within(5, lambda: _cursors(engine) == 3)  # one alone, and while others waited
        # Their own that takes nothing goes first for those who hold as many as they may.
        time.sleep(1)
        assert second.get(f"{ROADS}?f=csv&bbox=0,0,1,1").status_code == 200


def test_who_holds_nothing_waits_and_is_told_where_nobody_gives_way(
    admin: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "WAIT_S", 0.5)
    fill(engine, 8_000)
    with contextlib.ExitStack() as stack:
        second, third = (stack.enter_context(_other(admin, engine)) for _ in range(2))
        for one in (admin, admin, second, second):
            stack.enter_context(contextlib.closing(_begun(one, f"{ROADS}?f=ndjson")))
        assert _within(20, lambda: _cursors(engine) == 4)
        refused = third.get(f"{ROADS}?f=csv")
        assert code(refused) == "503 too_many_downloads"
        assert refused.json()["detail"].startswith("as many downloads as may be are under way")
