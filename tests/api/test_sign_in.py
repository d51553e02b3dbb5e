"""Signing in to the page by the terminal's link or a token, and out again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
from sqlalchemy import Engine

from api.http.identity import COOKIE
from layers.access import tokens
from layers.db.engine import SYSTEM, acting

SAME = {"Sec-Fetch-Site": "same-origin"}


def _link(engine: Engine, lifetime: timedelta = timedelta(minutes=5)) -> str:
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        return tokens.create(connection, ["admin"], kind="link", lifetime=lifetime).secret


def test_the_link_opens_a_session_in_a_cookie_that_scripts_cannot_read(
    anybody: httpx.Client, engine: Engine
) -> None:
    done = anybody.get("/auth/sign-in", params={"code": _link(engine)}, follow_redirects=False)
    assert done.status_code == 303
    assert done.headers["location"] == "/"
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert anybody.get("/auth/session").json()["scopes"] == ["admin"]
    assert anybody.get("/api/layers").status_code == 200


def test_an_expired_link_opens_nothing(anybody: httpx.Client, engine: Engine) -> None:
    code = _link(engine, timedelta(seconds=-1))
    done = anybody.get("/auth/sign-in", params={"code": code}, follow_redirects=False)
    assert done.headers["location"] == "/#sign-in=expired"
    assert COOKIE not in anybody.cookies
    assert anybody.get("/auth/session").status_code == 401


def test_neither_a_link_nor_a_session_is_a_token(anybody: httpx.Client, engine: Engine) -> None:
    code = _link(engine)
    shown = {"Authorization": f"Bearer {code}"}
    assert anybody.get("/api/layers", headers=shown).status_code == 401
    anybody.get("/auth/sign-in", params={"code": code}, follow_redirects=False)
    session = {"Authorization": f"Bearer {anybody.cookies[COOKIE]}"}
    anybody.cookies.clear()
    assert anybody.get("/api/layers", headers=session).status_code == 401


def test_a_token_opens_a_session_with_no_more_than_its_rights(
    anybody: httpx.Client, token: Callable[[str], str]
) -> None:
    done = anybody.post("/auth/session", json={"token": token("read")}, headers=SAME)
    assert done.status_code == 204
    assert anybody.get("/api/layers").status_code == 200
    refused = anybody.post("/api/teams", json={"team": "t1"}, headers=SAME)
    assert refused.status_code == 403


def test_another_site_cannot_act_through_the_cookie(anybody: httpx.Client, engine: Engine) -> None:
    anybody.get("/auth/sign-in", params={"code": _link(engine)}, follow_redirects=False)
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        refused = anybody.post("/api/teams", json={"team": "t1"}, headers=headers)
        assert refused.status_code == 403
        assert refused.json()["code"] == "cross_origin"
    assert anybody.post("/api/teams", json={"team": "t1"}, headers=SAME).status_code == 201


def test_signing_out_ends_the_session_for_good(anybody: httpx.Client, engine: Engine) -> None:
    anybody.get("/auth/sign-in", params={"code": _link(engine)}, follow_redirects=False)
    session = anybody.cookies[COOKIE]
    assert anybody.post("/auth/sign-out", headers=SAME).status_code == 204
    assert anybody.get("/api/layers", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 401


def test_a_revoked_token_answers_401_at_once(
    anybody: httpx.Client, engine: Engine, token: Callable[[str], str]
) -> None:
    headers = {"Authorization": f"Bearer {token('read')}"}
    assert anybody.get("/api/layers", headers=headers).status_code == 200
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        for kept in tokens.list_tokens(connection):
            tokens.revoke(connection, kept.id)
    assert anybody.get("/api/layers", headers=headers).status_code == 401
