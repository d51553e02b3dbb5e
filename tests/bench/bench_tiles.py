"""Tiles over HTTP beside tipg, from the same 200,000 polygons, in one run.

Invented stars of 10 to 40 vertices over a region as large as the banner. Both serve the same
columns; eight connections ask for the same tiles without compression. Cold: nothing is kept (ours
with PATROLGRID_TILE_CACHE_MB=0). Warm: every tile was asked for once. Features of both are held
against a plain ST_AsMVT of the envelope with its margin. ``make bench`` runs it; what it prints
are ratios of medians.
"""

from __future__ import annotations

import contextlib
import os
import random
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import httpx
import mapbox_vector_tile
import numpy as np
import psycopg
import shapely

from geo.tiles.encoding import wide_bounds
from layers import places
from layers.access import tokens
from layers.db import migrate
from layers.db.cluster import Cluster
from layers.db.engine import SYSTEM, acting, conninfo, make_engine

POLYGONS, ROUNDS, CONNECTIONS = 200_000, 3, 8
COLUMNS = ("name", "name_zh", "name_mn", "name_en", "post")
WEST, SOUTH, SIDE_DEG = 103.0, 40.0, 2.8
Tile = tuple[int, int, int]


def stars(rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Polygons of about a kilometre, in no order."""
    shapes, count = [], POLYGONS
    middles = np.column_stack(
        [
            rng.uniform(WEST, WEST + 1.2 * SIDE_DEG, count),
            rng.uniform(SOUTH, SOUTH + SIDE_DEG, count),
        ]
    )
    for middle, corners in zip(middles, rng.integers(10, 41, count), strict=True):
        angle = (np.arange(corners) + rng.uniform(0, 0.9, corners)) / corners * 2 * np.pi
        reach = rng.uniform(0.002, 0.006, corners)
        ring = middle + np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None]
        shapes.append(shapely.Polygon(ring))
    frame = gpd.GeoDataFrame(
        {
            "id": [f"area-{n:06d}" for n in range(count)],
            "name": [f"Area {n}" for n in range(count)],
            "name_zh": [f"第{n % 1000}区" for n in range(count)],
        },
        geometry=shapes,
        crs="EPSG:4326",
    ).set_index("id")
    return frame[frame.geometry.is_valid]


def load(url: str, frame: gpd.GeoDataFrame) -> str:
    """The polygons as our layer of areas and as tipg's table; a token."""
    engine = make_engine(url)
    migrate.upgrade(engine)
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        places.put_frame(connection, "post_areas", frame)
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        token = tokens.create(connection, ["read", "admin"])
    engine.dispose()
    with psycopg.connect(conninfo(url), autocommit=True) as peer:
        peer.execute(
            "CREATE TABLE public.peer AS SELECT id, name, name_zh, name_mn, name_en, post, geom"
            " FROM patrolgrid.post_areas"
        )
        peer.execute("ALTER TABLE public.peer ADD PRIMARY KEY (id)")
        peer.execute("CREATE INDEX ON public.peer USING gist (geom)")
        peer.execute("VACUUM ANALYZE public.peer")
        peer.execute("VACUUM ANALYZE patrolgrid.post_areas")
    return token.secret


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, kw_only=True)
class Server:
    """A tile server under test."""

    port: int
    template: str
    headers: str

    def url(self, tile: Tile) -> str:
        """The tile's address."""
        path = self.template.format(z=tile[0], x=tile[1], y=tile[2])
        return f"http://127.0.0.1:{self.port}{path}"

    def request(self, tile: Tile, more: str = "") -> bytes:
        """The bytes of a request for a tile."""
        path = self.template.format(z=tile[0], x=tile[1], y=tile[2])
        return (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{self.headers}{more}\r\n"
        ).encode()


@contextlib.contextmanager
def started(
    arguments: Sequence[str], environment: dict[str, str], server: Server, folder: Path
) -> Iterator[Server]:
    """The server in a process of its own, answering."""
    with (folder / f"{server.port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], env={**os.environ, **environment}, cwd=folder,
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            for _ in range(600):
                with contextlib.suppress(httpx.HTTPError):
                    httpx.get(f"http://127.0.0.1:{server.port}/healthz", timeout=1)
                    break
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def ours(
    url: str, token: str, folder: Path, cache_mb: int
) -> contextlib.AbstractContextManager[Server]:
    """Our HTTP service on the database."""
    port = free_port()
    environment = {
        "PATROLGRID_DATABASE_URL": url, "PATROLGRID_PORT": str(port),
        "PATROLGRID_TILE_CACHE_MB": str(cache_mb), "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    server = Server(
        port=port,
        template="/tiles/{z}/{x}/{y}.mvt?layers=post_areas",
        headers=f"Authorization: Bearer {token}\r\nAccept-Encoding: identity\r\n",
    )
    return started(["-m", "api", "serve"], environment, server, folder)


def tipg(url: str, folder: Path) -> contextlib.AbstractContextManager[Server]:
    """tipg on the same database, its margin as wide as ours."""
    port = free_port()
    with psycopg.connect(conninfo(url)) as connection:
        info = connection.info
        address = f"postgresql://{info.user}@/{info.dbname}?host={info.host}"
    (folder / "peer_app.py").write_text(_TIPG)
    server = Server(
        port=port,
        template="/collections/public.peer/tiles/WebMercatorQuad/{z}/{x}/{y}",
        headers="Accept-Encoding: identity\r\n",
    )
    arguments = ["-m", "uvicorn", "peer_app:app", "--port", str(port), "--no-access-log"]
    return started(arguments, {"PEER": address, "TIPG_TILE_BUFFER": "64"}, server, folder)


_TIPG = """
import os
from contextlib import asynccontextmanager
import asyncpg
from fastapi import FastAPI
from tipg.collections import register_collection_catalog
from tipg.database import connect_to_db
from tipg.factory import Endpoints
from tipg.settings import DatabaseSettings, PostgresSettings

@asynccontextmanager
async def lifespan(app):
    db = DatabaseSettings(schemas=["public"], tables=["public.peer"], functions=[])
    settings = PostgresSettings.model_construct(
        database_url=os.environ["PEER"], db_min_conn_size=1, db_max_conn_size=10,
        db_max_queries=50000, db_max_inactive_conn_lifetime=300.0)
    await connect_to_db(app, schemas=["public"], settings=settings)
    await register_collection_catalog(app, db_settings=db)
    yield

app = FastAPI(lifespan=lifespan)
app.include_router(Endpoints(with_tiles_viewer=False).router)

@app.get("/healthz")
def healthz():
    return {}
"""


@dataclass(kw_only=True)
class _Heard:
    """An answer on its way."""

    got: bytearray
    left: int = -1  #: bytes of the body that are still to come; -1: its head is not whole


def answers(server: Server, requests: Sequence[bytes]) -> float:
    """Answers a second over eight connections, each asking again as soon as it is answered."""
    waiting = list(reversed(requests))
    poll = selectors.DefaultSelector()
    begun = time.perf_counter()
    for _ in range(min(CONNECTIONS, len(waiting))):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(waiting.pop())
        poll.register(connection, selectors.EVENT_READ, _Heard(got=bytearray()))
    while poll.get_map():
        for key, _ in poll.select():
            connection, heard = key.fileobj, key.data
            assert isinstance(connection, socket.socket)
            if not _whole(heard, connection.recv(1 << 18)):
                continue
            if waiting:
                heard.got, heard.left = bytearray(), -1
                connection.sendall(waiting.pop())
            else:
                poll.unregister(connection)
                connection.close()
    return len(requests) / (time.perf_counter() - begun)


def _whole(heard: _Heard, more: bytes) -> bool:
    """Take in what came; whether the answer is whole."""
    if heard.left >= 0:
        heard.left -= len(more)
        return heard.left == 0
    heard.got += more
    end = heard.got.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(heard.got[:end]).lower()
    if head[9:12] not in (b"200", b"304", b"204"):
        raise SystemExit(f"the server answered {head[:300]!r}")
    at = head.find(b"content-length: ")
    length = int(head[at + 16 :].split(b"\r", 1)[0]) if at >= 0 else 0
    heard.left = length - (len(heard.got) - end - 4)
    return heard.left == 0


def tiles_of(zooms: Sequence[int], most: int, rng: random.Random) -> list[Tile]:
    """Tiles of these zooms over the region, at most so many of each."""
    found = []
    for z in zooms:
        n = 1 << z
        west, east = (int((lon / 360 + 0.5) * n) for lon in (WEST, WEST + 1.2 * SIDE_DEG))
        north, south = (
            int((0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * n)
            for lat in (SOUTH + SIDE_DEG, SOUTH)
        )
        there = [(z, x, y) for x in range(west, east + 1) for y in range(north, south + 1)]
        found += rng.sample(there, min(most, len(there)))
    return found


def features(body: bytes) -> dict[str, dict[str, object]]:
    """Properties of a tile's features by id."""
    if not body:
        return {}
    layer = next(iter(mapbox_vector_tile.decode(body).values()))
    return {str(one["properties"]["id"]): one["properties"] for one in layer["features"]}


def plain(url: str, tile: Tile) -> dict[str, dict[str, object]]:
    """What a plain ST_AsMVT of the envelope with its margin holds."""
    with psycopg.connect(conninfo(url)) as connection:
        row = connection.execute(
            "SELECT ST_AsMVT(m, 'peer') FROM (SELECT id, name, name_zh, name_mn, name_en, post,"
            " ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(%s, %s, %s), 4096, 64) AS geom"
            " FROM public.peer WHERE geom && ST_Transform(ST_MakeEnvelope(%s, %s, %s, %s, 3857),"
            " 4326)) m WHERE geom IS NOT NULL",
            [*tile, *wide_bounds(*tile)],
        ).fetchone()
    assert row is not None
    return features(bytes(row[0]))


def compare(url: str, mine: Server, peer: Server, tiles: Sequence[Tile], token: str) -> None:
    """Print how many features each has of those that a plain tile holds."""
    wanted = have = peers = 0
    for tile in tiles:
        told = plain(url, tile)
        own = features(
            httpx.get(mine.url(tile), headers={"Authorization": f"Bearer {token}"}).content
        )
        other = features(httpx.get(peer.url(tile), timeout=60).content)
        wanted += len(told)
        have += sum(own.get(one) == told[one] for one in told)
        peers += sum(one in other for one in told)
    print(f"  of {wanted} features of plain tiles we have {have} (all values equal), tipg {peers}")


def ratio(name: str, mine: Server, peer: Server, tiles: Sequence[Tile]) -> float:
    """Print tiles a second of both, medians of rounds that take turns; tipg's median."""
    own, other = [], []
    for _ in range(ROUNDS):
        own.append(answers(mine, [mine.request(tile) for tile in tiles]))
        other.append(answers(peer, [peer.request(tile) for tile in tiles]))
    a, b = statistics.median(own), statistics.median(other)
    print(f"{name}: {a:,.1f} tiles/s, tipg {b:,.1f}: {a / b:.2f} times", flush=True)
    return b


def main() -> None:
    """Print the figures."""
    rng = random.Random(3)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pg-bench-")))
        url = stack.enter_context(Cluster(data_dir=folder / "data").lease())
        frame = stars(np.random.default_rng(1))
        other = conninfo(url.replace("/patrolgrid?", "/postgres?"))
        with psycopg.connect(other, autocommit=True) as server:
            server.execute("CREATE DATABASE patrolgrid")
        token = load(url, frame)
        peer = stack.enter_context(tipg(url, folder))
        high, low = tiles_of((10, 11, 12), 100, rng), tiles_of((6, 7, 8, 9), 30, rng)
        with ours(url, token, folder, 0) as mine:
            begun = time.perf_counter()
            answers(mine, [mine.request(high[0])])
            first_s = time.perf_counter() - begun
            print(f"the first tile after a start: {first_s:.1f} s ({len(frame):,} polygons)")
            answers(mine, [mine.request(tile) for tile in low[:4]])
            compare(url, mine, peer, rng.sample(high, 20), token)
            base = ratio("cold, zoom 10-12", mine, peer, high)
            ratio("cold, zoom 6-9", mine, peer, low)
        with ours(url, token, folder, 1000) as mine:
            answers(mine, [mine.request(tile) for tile in high])
            many = high * 60
            warm = statistics.median(
                answers(mine, [mine.request(tile) for tile in many]) for _ in range(ROUNDS)
            )
            print(f"warm, zoom 10-12: {warm:,.0f} tiles/s: {warm / base:.1f} times tipg's cold")
            tags = {
                tile: httpx.get(
                    mine.url(tile),
                    headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
                ).headers["etag"]
                for tile in high
            }
            known = [mine.request(tile, f"If-None-Match: {tags[tile]}\r\n") for tile in many]
            unchanged = statistics.median(answers(mine, known) for _ in range(ROUNDS))
            print(f"unchanged (304): {unchanged:,.0f} tiles/s: {unchanged / base:.1f} times")
            lost(mine, token, frame, high)


def lost(mine: Server, token: str, frame: gpd.GeoDataFrame, tiles: Sequence[Tile]) -> None:
    """Print how many kept tiles an edit takes out, and how many it touches."""
    there = [shapely.box(*wide_bounds(*tile)) for tile in tiles]
    shapes = frame.geometry.to_crs(3857)
    one = next(i for i, shape in shapes.items() if any(shape.intersects(box) for box in there))
    with httpx.Client(
        base_url=f"http://127.0.0.1:{mine.port}",
        headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
    ) as client:
        path = f"/api/layers/post_areas/{one}"
        found = client.get(path)
        changed = found.json()
        changed["properties"] = {"name": "Another name"}
        done = client.put(path, json=changed, headers={"If-Match": found.headers["ETag"]})
        done.raise_for_status()
        said = [client.get(mine.url(tile)).headers["cache-status"] for tile in tiles]
    touched = sum(shapes[one].intersects(box) for box in there)
    gone = sum("miss" in one for one in said)
    print(f"an edit took {gone} of {len(tiles)} kept tiles; it touches {touched}")


if __name__ == "__main__":
    main()
