"""Signing in to the page: a link from the terminal, or a token, becomes a session cookie."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import text
from starlette.responses import RedirectResponse, Response

from api.http import schemas
from api.http.answers import JSON, encode, rfc3339
from api.http.context import Parts, Service
from api.http.errors import problem
from api.http.identity import COOKIE, Guarded, authenticated, needs
from layers.access import tokens
from layers.db.engine import SYSTEM, Principal, acting

router = APIRouter(route_class=Guarded, tags=["identity"])


class SignIn(BaseModel):
    """A token to sign in with."""

    token: Annotated[str, Field(max_length=200)]


def _session(service: Service, principal: Principal) -> tokens.NewToken:
    """A session with the rights of what it was opened with."""
    with acting(service.engine, SYSTEM, "patrolgrid_gate") as connection:
        return tokens.create(
            connection,
            sorted(principal.scopes),
            kind="session",
            note=f"opened with {principal.name}",
            lifetime=timedelta(hours=service.settings.session_hours),
            area=principal.area,
            team=principal.team,
        )


def _with_cookie(response: Response, service: Service, session: tokens.NewToken) -> Response:
    response.set_cookie(
        COOKIE,
        session.secret,
        max_age=int(service.settings.session_hours * 3600),
        httponly=True,
        samesite="strict",
        secure=service.settings.secure_cookie,
        path="/",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/auth/sign-in", response_class=RedirectResponse, status_code=303)
@needs("open")
def sign_in(service: Parts, code: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Open a session by the link that the terminal printed, and go to the page."""
    principal = authenticated(service.engine, code, ["link"])
    if principal is None:
        return RedirectResponse("/#sign-in=expired", 303, {"Cache-Control": "no-store"})
    return _with_cookie(RedirectResponse("/", 303), service, _session(service, principal))


@router.post("/auth/session", status_code=204)
@needs("open")
def open_session(service: Parts, body: SignIn) -> Response:
    """Open a session with a token."""
    principal = authenticated(service.engine, body.token.strip(), ["api"])
    if principal is None:
        return problem(401, "unknown_identity", "this token is unknown, revoked or expired")
    return _with_cookie(Response(status_code=204), service, _session(service, principal))


@router.get("/auth/session", responses=schemas.answers(schemas.people.SESSION))
@needs("open")
def session(request: Request, service: Parts) -> Response:
    """Who is signed in on this page, and what they may do."""
    secret = request.cookies.get(COOKIE, "")
    principal = authenticated(service.engine, secret, ["session"])
    if principal is None:
        return problem(401, "no_identity", "nobody is signed in here")
    with acting(service.engine, SYSTEM, "patrolgrid_gate") as connection:
        ends = connection.execute(
            text("SELECT expires_at FROM tokens WHERE id = :id"), {"id": principal.name}
        ).scalar_one_or_none()
    body = {"scopes": sorted(principal.scopes), "expires_at": rfc3339(ends)}
    return Response(encode(body), media_type=JSON, headers={"Cache-Control": "no-store"})


@router.post("/auth/sign-out", status_code=204)
@needs("open")
def sign_out(request: Request, service: Parts) -> Response:
    """End the session here."""
    secret = request.cookies.get(COOKIE, "")
    principal = authenticated(service.engine, secret, ["session"])
    if principal is not None:
        with acting(service.engine, SYSTEM, "patrolgrid_gate") as connection:
            tokens.revoke(connection, principal.name)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response
