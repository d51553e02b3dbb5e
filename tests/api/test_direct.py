"""The short way to the doors of fixes answers as the long one does, and knows whom it lets in."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from api.http.app import create_app
from api.http.direct import Direct, Shortcuts
from api.http.identity import COOKIE
from api.http.routes import ROUTERS
from api.settings import Settings
from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from layers.region import Region
from tests.api.api_words import code, enrol, fix, send
from tests.api.conftest import serving

LIMITS = {"max_body_mb": 0.02, "max_batch": 50}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Two services on one database: one has no short way."""

    short: httpx.Client
    long: httpx.Client

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer to a request, the same by both ways but for its date."""
        content = more.pop("content", None)

        def body() -> Any:
            return iter(content) if isinstance(content, list) else content

        found, other = (
            client.request(method, path, content=body(), **more)
            for client in (self.short, self.long)
        )
        assert found.status_code == other.status_code, (found.text, other.text)
        assert found.content == other.content
        assert _told(found) == _told(other)
        return found


def _told(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers.items() if name != "date"]


@pytest.fixture
def ways(settings: Settings, engine: Engine, region: Region) -> Iterator[Ways]:
    """Services with small limits; they tell apart 50 fixes and 20 kB."""
    limited = settings.model_copy(update=LIMITS)
    short, long = (create_app(limited, engine, region) for _ in range(2))
    shortcuts = [one for one in long.router.routes if isinstance(one, Shortcuts)]
    assert len(shortcuts) == 1
    long.router.routes.remove(shortcuts[0])
    with serving(short) as one, serving(long) as other:
        yield Ways(short=one, long=other)


@pytest.fixture
def shown(engine: Engine) -> Callable[..., dict[str, str]]:
    """Make a token; the header that shows it."""

    def make(*scopes: str, **more: Any) -> dict[str, str]:
        with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
            secret = tokens.create(connection, list(scopes), **more).secret
        return {"Authorization": f"Bearer {secret}"}

    return make


def test_the_doors_of_fixes_have_the_short_way() -> None:
    direct = {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, Direct)
        for method in route.methods or ()
    }
    assert direct == {
        ("POST", "/api/fixes"), ("GET", "/ingest/osmand"), ("POST", "/ingest/osmand"),
        ("POST", "/ingest/owntracks"),
    }  # fmt: skip


FIXES = json.dumps([fix("v1", n, 100) for n in range(3)]).encode()
#: Requests to POST /api/fixes by somebody who may, and what becomes of them.
ODD: list[tuple[str, dict[str, Any]]] = [
    ("200", {"content": FIXES, "headers": JSON}),
    ("200", {"content": [FIXES[:20], FIXES[20:]], "headers": JSON}),
    ("200", {"content": b"[]", "headers": JSON}),
    ("200", {"content": b"", "headers": {"Content-Type": "application/x-ndjson"}}),
    ("200", {"content": FIXES, "headers": {"Content-Type": "Application/JSON ; charset=utf-8"}}),
    ("200", {"content": gzip.compress(FIXES), "headers": {**JSON, "Content-Encoding": "gzip"}}),
    ("200", {"content": FIXES, "headers": JSON, "params": {"v": "1"}}),
    ("200", {"content": FIXES, "headers": {**JSON, "Accept-Encoding": "gzip;q=0"}}),
    ("200", {"content": FIXES, "headers": {**JSON, "Cookie": f"{COOKIE}=pg_x; a=b"}}),
    ("415 unknown_media_type", {"content": FIXES}),
    ("415 unknown_media_type", {"content": FIXES, "headers": {"Content-Type": "text/plain"}}),
    ("415 unknown_encoding", {"content": FIXES, "headers": {**JSON, "Content-Encoding": "br"}}),
    ("422 bad_fixes", {"content": FIXES, "headers": {**JSON, "Content-Encoding": "gzip"}}),
    ("422 bad_fixes", {"content": b"", "headers": JSON}),
    ("422 bad_fixes", {"content": b"[{]", "headers": JSON}),
    ("422 bad_fixes", {"content": b"\xff\xfe", "headers": JSON}),
    ("422 bad_fixes", {"content": b"[" + b"{}," * 60 + b"{}]", "headers": JSON}),
    ("413 too_large", {"content": b"[" + b" " * 20_001, "headers": JSON}),
    ("413 too_large", {"content": [b" " * 10_000] * 3, "headers": JSON}),
    ("422 unknown_parameter", {"content": FIXES, "headers": JSON, "params": {"x": "1"}}),
    ("422 bad_text", {"content": FIXES, "headers": JSON, "params": {"x": "\0"}}),
]  # fmt: skip


@pytest.mark.parametrize("scope", ["ingest", "admin"])
def test_both_ways_answer_alike(
    ways: Ways, shown: Callable[..., dict[str, str]], scope: str
) -> None:
    who = shown("admin")
    ways.short.headers.update(who)
    enrol(ways.short, "v1")
    send(ways.short, [fix("v1", n, 100) for n in range(3)])  # from here on duplicates
    del ways.short.headers["authorization"]
    who = shown(scope)
    for expected, asked in ODD:
        headers = {**who, **asked.get("headers", {})}
        answer = ways.ask("POST", "/api/fixes", **{**asked, "headers": headers})
        found = "200" if answer.status_code == 200 else code(answer)
        assert found == expected, asked
        for name in ("x-content-type-options", "referrer-policy", "x-frame-options"):
            assert name in answer.headers
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        assert ways.ask(method, "/api/fixes", headers=who).status_code == 405


def test_both_ways_refuse_the_same_strangers(
    ways: Ways, engine: Engine, shown: Callable[..., dict[str, str]]
) -> None:
    ended = shown("ingest", lifetime=timedelta(seconds=-1))
    session = shown("ingest", kind="session")["Authorization"].split()[1]
    refused = {
        "401 no_identity": [{}, {"Authorization": "Basic eDp5"}],
        "401 unknown_identity": [
            {"Authorization": "Bearer pg_x"}, {"Authorization": "Bearer \xe9"}, ended,
            {"Authorization": f"Bearer {session}"}, {"Cookie": f"{COOKIE}=pg_x"},
        ],
        "403 scope_missing": [shown("read"), shown("plan")],
        "403 cross_origin": [{"Cookie": f"{COOKIE}={session}"}],
    }  # fmt: skip
    for expected, many in refused.items():
        for headers in many:
            given = [(k, v.encode("latin-1")) for k, v in {**JSON, **headers}.items()]
            assert code(ways.ask("POST", "/api/fixes", content=b"{", headers=given)) == expected
    same = {**JSON, "Cookie": f"{COOKIE}={session}", "Sec-Fetch-Site": "same-origin"}
    assert ways.ask("POST", "/api/fixes", content=b"[]", headers=same).status_code == 200


def test_both_ways_answer_trackers_alike(ways: Ways, shown: Callable[..., dict[str, str]]) -> None:
    who = shown("admin")
    ways.short.headers.update(who)
    enrol(ways.short, "v1", "v2")
    del ways.short.headers["authorization"]
    secret = shown("ingest", kind="device", unit="v1")["Authorization"].split()[1]
    place = "lat=40&lon=100&timestamp=1772424000"
    point = json.dumps({"_type": "location", "tst": 1772424000, "lon": 100, "lat": 40})
    asked: list[tuple[str, str, str, Any]] = [
        ("200", "GET", f"/ingest/osmand?id=v1&{place}&token={secret}", None),
        ("200", "POST", f"/ingest/osmand?id=v1&token={secret}", place),
        ("200", "POST", f"/ingest/owntracks?token={secret}", point),
        ("403 another_unit", "GET", f"/ingest/osmand?id=v2&{place}&token={secret}", None),
        ("401 unknown_identity", "GET", f"/ingest/osmand?id=v1&{place}&token=pg_x", None),
        ("401 no_identity", "GET", f"/ingest/osmand?id=v1&{place}", None),
        ("422 bad_fixes", "GET", f"/ingest/osmand?token={secret}", None),
        ("422 bad_fixes", "POST", f"/ingest/owntracks?token={secret}", "{"),
        ("422 encrypted", "POST", f"/ingest/owntracks?token={secret}", '{"_type":"encrypted"}'),
        ("413 too_large", "POST", f"/ingest/owntracks?token={secret}", "x" * 20_001),
        ("405 method_not_allowed", "DELETE", f"/ingest/osmand?token={secret}", None),
    ]
    send_first = ways.short.get(asked[0][2])
    assert send_first.status_code == 200  # from here on duplicates
    for expected, method, path, body in asked:
        answer = ways.ask(method, path, content=body)
        assert ("200" if answer.status_code == 200 else code(answer)) == expected, path
    assert ways.ask("HEAD", asked[0][2]).status_code == 405


CHANGES = {
    "revoked_at = clock_timestamp()": "401 unknown_identity",
    "expires_at = clock_timestamp()": "401 unknown_identity",
    "scopes = '{read}'": "403 scope_missing",
    "hash = sha256('x')": "401 unknown_identity",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_right_that_is_taken_away_is_missing_from_the_next_request_on(
    ways: Ways, engine: Engine, shown: Callable[..., dict[str, str]], change: str
) -> None:
    who = shown("ingest", note="it")
    for _ in range(3):
        assert ways.ask("POST", "/api/fixes", content=b"[]", headers={**who, **JSON}).is_success
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE patrolgrid.tokens SET {change} WHERE note = 'it'"))
    answer = ways.ask("POST", "/api/fixes", content=b"[]", headers={**who, **JSON})
    assert code(answer) == CHANGES[change]


def test_a_token_ends_with_its_time_though_it_was_just_used(
    ways: Ways, shown: Callable[..., dict[str, str]]
) -> None:
    who = {**shown("ingest", lifetime=timedelta(seconds=2)), **JSON}
    assert ways.short.post("/api/fixes", content=b"[]", headers=who).is_success
    time.sleep(2)
    assert code(ways.short.post("/api/fixes", content=b"[]", headers=who)) == "401 unknown_identity"


def test_a_unit_that_a_token_is_bound_to_is_the_only_one_it_writes(
    ways: Ways, engine: Engine, shown: Callable[..., dict[str, str]]
) -> None:
    ways.short.headers.update(shown("admin"))
    enrol(ways.short, "v1", "v2")
    ways.short.headers.update(shown("ingest", kind="device", unit="v1", note="it"))
    both = [fix("v1", 0, 100), fix("v2", 0, 100)]
    assert send(ways.short, both) == {
        "accepted": 1, "duplicate": 0, "refused": 1, "quarantined": [], "breaches": 0,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(text("UPDATE patrolgrid.tokens SET unit = 'v2' WHERE note = 'it'"))
    again = send(ways.short, both)
    assert (again["accepted"], again["duplicate"], again["refused"]) == (1, 0, 1)
    with engine.begin() as connection:
        noted = text("SELECT last_used_at FROM patrolgrid.tokens WHERE note = 'it'")
        assert connection.execute(noted).scalar_one() is not None
