"""Nobody without identity, nobody beyond their scope; generated from the application's routes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi import APIRouter

from api.http.identity import CARRIED_BY, Guarded, is_open
from api.http.routes import ROUTERS
from layers.access import tokens


def _routes() -> Iterator[tuple[str, str, str]]:
    for router in ROUTERS:
        for route in router.routes:
            for method in sorted(route.methods):  # type: ignore[attr-defined]
                yield method, route.path, route.endpoint.right  # type: ignore[attr-defined]


ROUTES = sorted(_routes())
GUARDED = [route for route in ROUTES if route[2] != "open"]


def _filled(path: str) -> str:
    """A path with something in place of its parameters."""
    return re.sub(r"\{[^}]+\}", "1", path)


def test_every_route_without_identity_answers_401(anybody: httpx.Client) -> None:
    assert len(GUARDED) > 30
    for method, path, _ in GUARDED:
        answer = anybody.request(method, _filled(path))
        assert answer.status_code == 401, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_every_route_answers_403_to_a_scope_that_does_not_carry_its_right(
    anybody: httpx.Client, token: Callable[[str], str]
) -> None:
    shown = {scope: {"Authorization": f"Bearer {token(scope)}"} for scope in tokens.SCOPES}
    for method, path, right in GUARDED:
        for scope in sorted(set(tokens.SCOPES) - CARRIED_BY[right]):
            # The body is no JSON: 403 must come before it is looked at.
            answer = anybody.request(method, _filled(path), headers=shown[scope], content=b"{")
            assert answer.status_code == 403, (method, path, scope)
            assert answer.json()["code"] == "scope_missing"


def test_every_path_of_the_openapi_document_is_guarded(admin: httpx.Client) -> None:
    paths = admin.get("/openapi.json").json()["paths"]
    assert len(paths) > 20
    del admin.headers["Authorization"]
    for path, methods in paths.items():
        for method in methods:
            if not is_open(path):
                assert admin.request(method, _filled(path)).status_code == 401, path


def test_a_path_that_there_is_not_answers_401_too(anybody: httpx.Client) -> None:
    for path in ("/nothing", "/api", "/api/nothing", "/docs", "/redoc", "/assets", "/authority"):
        assert anybody.get(path).status_code == 401, path


def test_a_wrong_token_answers_401(anybody: httpx.Client) -> None:
    for shown in ("Bearer pg_wrong", "Bearer", "Basic cGc6cGc=", "pg_x", "Bearer " + "x" * 10_000):
        answer = anybody.get("/api/layers", headers={"Authorization": shown})
        assert answer.status_code == 401, shown


def test_a_token_in_the_query_is_no_identity(
    anybody: httpx.Client, token: Callable[[str], str]
) -> None:
    assert anybody.get("/api/layers", params={"token": token("admin")}).status_code == 401


def test_a_route_without_a_right_does_not_start() -> None:
    router = APIRouter(route_class=Guarded)
    with pytest.raises(TypeError, match="names no right"):
        router.get("/api/forgotten")(lambda: None)


def test_health_answers_anybody(anybody: httpx.Client) -> None:
    assert anybody.get("/healthz").status_code == 200
    assert anybody.get("/readyz").status_code == 200
