"""Where the page is, and links that sign a browser in to it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from api.settings import Settings
from layers.access import tokens


def sign_in_link(
    connection: Connection, settings: Settings, *, scopes: list[str], port: int | None = None
) -> str:
    """A fresh sign-in link to the page of this service."""
    code = tokens.create(
        connection,
        scopes,
        kind="link",
        note="sign-in link",
        lifetime=timedelta(minutes=settings.link_minutes),
    )
    return f"{page_url(settings, port)}/auth/sign-in?code={code.secret}"


def page_url(settings: Settings, port: int | None = None) -> str:
    """Where a browser finds the page."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::", ""} else settings.host  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port or settings.port}"
