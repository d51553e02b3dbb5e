"""Credentials of apps that can set no header: in the address, and out of it before all else."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

#: Where the apps' own protocols are spoken.
DOORS = "/ingest/"
#: The parameter of an address that holds the credential.
PARAMETER = "token"
_STATE = "shown_in_address"


class Credentials:
    """ASGI middleware, before all others: takes the credential out of the address.

    The scope itself is changed, which is the server's own: its log, too, then has none.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(DOORS):
            kept, found = [], None
            for part in scope["query_string"].split(b"&"):
                name, _, value = part.partition(b"=")
                if unquote_plus(name.decode("latin-1")) == PARAMETER:
                    found = unquote_plus(value.decode("latin-1"))
                else:
                    kept.append(part)
            scope["query_string"] = b"&".join(kept)
            scope.setdefault("state", {})[_STATE] = found
        await self.app(scope, receive, send)


def shown_to_door(scope: Scope, headers: Headers) -> str | None:
    """The secret in the address of a request to one of the doors, or the password of Basic."""
    in_address: str | None = scope.get("state", {}).get(_STATE)
    return in_address or basic(headers)[1]


def basic(headers: Headers) -> tuple[str | None, str | None]:
    """User and password that a request shows; None where it shows none."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        user, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return (user, password) if colon else (None, None)
