"""How much is taken in at once, and how slowly: told before memory grows, over real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import Engine

from api.http.app import create_app
from api.http.room import BusyError, Room
from api.settings import Settings
from layers.region import Region
from tests.api.api_words import code, enrol, fix, send
from tests.api.conftest import serving

SMALL = {"max_body_mb": 0.2, "max_uploads": 3, "max_uploads_mb": 0.25, "upload_s": 60}


@dataclass(frozen=True, kw_only=True)
class Door:
    """A service with little room, and who may send to it."""

    client: httpx.Client
    room: Room
    secret: str

    def connect(self) -> socket.socket:
        """A connection of its own."""
        place = str(self.client.base_url.host), self.client.base_url.port
        return socket.create_connection(place, timeout=20)  # type: ignore[arg-type]

    def begin(self, connection: socket.socket, *headers: str) -> None:
        """Begin to post fixes."""
        head = ["POST /api/fixes HTTP/1.1", "Host: x", f"Authorization: Bearer {self.secret}",
                "Content-Type: application/json", *headers, "", ""]  # fmt: skip
        connection.sendall("\r\n".join(head).encode())

    @contextlib.contextmanager
    def held(self, announced: int) -> Iterator[socket.socket]:
        """A body of which nothing comes yet."""
        before = self.room.held_bytes
        with self.connect() as connection:
            self.begin(connection, f"Content-Length: {announced}")
            wait_until(lambda: self.room.held_bytes == before + announced)
            yield connection
        wait_until(lambda: self.room.held_bytes == before)


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something, not for long."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def told(connection: socket.socket) -> tuple[str, dict[str, str], bool]:
    """Status and code, headers, and whether the server ended the connection after its answer."""
    given = b""
    with contextlib.suppress(ConnectionResetError):
        while b"\r\n\r\n" not in given and (more := connection.recv(65_536)):
            given += more
    head, _, body = given.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65_536)
    connection.settimeout(0.5)
    try:
        ended = connection.recv(1) == b""
    except TimeoutError:
        ended = False
    except ConnectionResetError:
        ended = True
    return f"{lines[0].split()[1]} {json.loads(body).get('code')}", headers, ended


@pytest.fixture
def door(
    request: pytest.FixtureRequest,
    settings: Settings,
    engine: Engine,
    region: Region,
    token: Callable[[str], str],
) -> Iterator[Door]:
    """A service with room for three bodies, of 0.25 MB together."""
    more = getattr(request, "param", {})
    app = create_app(settings.model_copy(update={**SMALL, **more}), engine, region)
    secret = token("admin")
    with serving(app) as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        yield Door(client=client, room=app.state.service.room, secret=secret)


def test_a_body_that_says_it_is_too_large_is_refused_before_any_of_it_is_sent(door: Door) -> None:
    for announced, ends in ((200_001, False), (10**12, True)):
        with door.connect() as connection:
            door.begin(connection, f"Content-Length: {announced}")
            answer, _, ended = told(connection)
            assert (answer, ended) == ("413 too_large", ends)
    assert door.room.held_bytes == 0


def test_a_body_that_grows_without_end_is_stopped_on_the_way(door: Door) -> None:
    with door.connect() as connection:
        door.begin(connection, "Transfer-Encoding: chunked")
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 50_000_000:
                connection.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")
                sent += 10_000
                assert door.room.held_bytes <= 300_000
        assert sent < 50_000_000
    assert door.room.held_bytes == 0


def test_who_finds_no_room_is_told_when_to_come_again_and_then_finds_some(door: Door) -> None:
    enrol(door.client, "v1")
    with door.held(100_000), door.held(100_000):
        many = json.dumps([fix("v1", 0, 100)]).encode() + b" " * 60_000
        headers = {"Content-Type": "application/json"}
        busy = door.client.post("/api/fixes", content=many, headers=headers)
        assert code(busy) == "503 busy"
        assert busy.headers["retry-after"] == "1"
        assert send(door.client, [fix("v1", 0, 100)])["accepted"] == 1  # this is small enough
        with door.held(1_000):
            for refused in (
                door.client.post("/api/fixes", json=[]),
                door.client.get("/ingest/osmand?lat=1&lon=1"),
                door.client.post("/ingest/owntracks", json={"_type": "lwt"}),
            ):  # fmt: skip
                assert code(refused) == "503 busy"
            assert door.client.get("/api/units").status_code == 200  # the rest answers
        again = door.client.post("/api/fixes", json=[fix("v1", 0, 100)])
        assert again.json()["duplicate"] == 1
    assert door.client.post("/api/fixes", content=many, headers=headers).json()["duplicate"] == 1


def test_a_chunked_body_that_outgrows_the_room_is_told_so_and_cut_off(door: Door) -> None:
    with door.held(190_000), door.connect() as connection:
        door.begin(connection, "Transfer-Encoding: chunked")
        with contextlib.suppress(OSError):
            for _ in range(10):
                connection.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        answer, headers, ended = told(connection)
        assert (answer, ended) == ("503 busy", True)
        assert headers["retry-after"] == "1"


@pytest.mark.parametrize("door", [{"upload_s": 1.5}], indirect=True)
def test_a_body_that_comes_too_slowly_is_ended_however_it_trickles(door: Door) -> None:
    began = time.monotonic()
    with door.connect() as connection:
        door.begin(connection, "Content-Length: 1000")
        connection.settimeout(0.1)
        while time.monotonic() - began < 10:
            with contextlib.suppress(OSError):
                connection.sendall(b" ")
            try:
                given = connection.recv(65_536)
                break
            except TimeoutError:
                continue
        assert given.startswith(b"HTTP/1.1 408 ")
        assert b'"code": "body_stalled"' in given
    assert 1 < time.monotonic() - began < 6
    wait_until(lambda: door.room.held_bytes == 0)


def test_who_may_not_send_takes_no_room(door: Door, token: Callable[[str], str]) -> None:
    with door.held(1_000), door.held(1_000), door.held(1_000):
        for secret, answer in (
            ("pg_x", "401 unknown_identity"),
            (token("read"), "403 scope_missing"),
        ):
            headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
            assert code(door.client.post("/api/fixes", content="[]", headers=headers)) == answer


def test_a_body_that_is_alone_always_fits_and_room_comes_back() -> None:
    room = Room(most_requests=2, most_bytes=100)
    with room.enter() as first:
        first.hold(90)
        first.hold(90)  # alone, however large
        with room.enter() as second:
            with pytest.raises(BusyError):
                second.hold(1)
            with pytest.raises(BusyError):
                room.enter()
    with room.enter() as third:
        third.hold(100)
        assert room.held_bytes == 100
    assert room.held_bytes == 0
