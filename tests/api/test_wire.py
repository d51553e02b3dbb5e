"""What the server refuses before there is a request is a problem document as any other."""

from __future__ import annotations

import json
import socket
from urllib.parse import quote

import httpx
import pytest

FILTER = " OR ".join(f"name = 'post {n}'" for n in range(6_000))
TOO_LONG = (414, "address_too_long")


def _sent(client: httpx.Client, request: bytes) -> tuple[int, str]:
    """Status and code of a request as it is written; the server closes the connection then.

    Of a client's own: httpx writes no address that is so long.
    """
    place = client.base_url.host, client.base_url.port
    with socket.create_connection(place, timeout=20) as connection:  # type: ignore[arg-type]
        connection.sendall(request)
        told = b""
        while more := connection.recv(65_536):
            told += more
    head, _, body = told.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert f"content-length: {len(body)}".encode() in lines
    assert b"x-content-type-options: nosniff" in lines
    assert b"content-type: application/problem+json" in lines
    found = json.loads(body)
    assert lines[0].startswith(f"http/1.1 {found['status']} ".encode())
    return found["status"], found["code"]


def _get(client: httpx.Client, address: str) -> tuple[int, str]:
    head = f"GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    return _sent(client, head.encode())


def test_an_address_beyond_64_kb_is_told_to_be_too_long(anybody: httpx.Client) -> None:
    assert len(quote(FILTER)) > 100_000
    for path in ("/ogc/collections/posts/items", "/api/layers/posts", "/nowhere"):
        assert _get(anybody, f"{path}?filter={quote(FILTER)}") == TOO_LONG
    filler = "x" * (65_535 - len("/api/layers?_="))
    assert _get(anybody, f"/api/layers?_={filler}") == (401, "no_identity")  # it is read
    assert _get(anybody, f"/api/layers?_={filler}x") == TOO_LONG
    assert _get(anybody, "/" + "x" * 500_000) == TOO_LONG


@pytest.mark.parametrize(
    "sent", [b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_http_is_told_so(anybody: httpx.Client, sent: bytes) -> None:
    assert _sent(anybody, sent) == (400, "bad_request")


@pytest.mark.parametrize(
    "hosts", ["", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: a b\r\n",
              "Host: a/b\r\n", "Host: me@a\r\n", "Host: a:b\r\n", "Host: [::1\r\n"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/healthz", "/tiles/5/5/5.mvt", "/nowhere"])
def test_a_request_that_does_not_say_once_which_host_it_is_for_is_refused(
    anybody: httpx.Client, path: str, hosts: str
) -> None:
    head = f"GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n"
    assert _sent(anybody, head.encode()) == (400, "bad_host")


@pytest.mark.parametrize(
    ("version", "hosts"),
    [("1.0", ""), ("1.0", "Host: x\r\n"), ("1.1", "Host: [::1]:8000\r\n"),
     ("1.1", "Host: a_b.example:80\r\n"), ("1.1", "Host: 10.0.0.1\r\n"), ("1.1", "Host:\r\n")],
)  # fmt: skip
def test_a_host_as_it_may_be_and_none_of_old_clients_are_taken(
    anybody: httpx.Client, version: str, hosts: str
) -> None:
    head = f"GET /api/layers HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n"
    assert _sent(anybody, head.encode()) == (401, "no_identity")
