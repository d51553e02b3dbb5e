"""Bodies of requests: no larger and no deeper than they may be."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message

#: Lists and objects within each other; a feature of any kind has less than ten.
MOST_DEEP = 100


class TooDeepError(HTTPException):
    """The body's lists and objects lie too deep within each other."""

    def __init__(self) -> None:
        super().__init__(400, f"the body is nested deeper than {MOST_DEEP} lists and objects")


class Limited(Request):
    """A request with a body of at most so many bytes and MOST_DEEP; more raises HTTPException.

    Not FastAPI's own limit: that one stands before identity, and answers in plain text.
    """

    def __init__(self, request: Request, *, most_bytes: int) -> None:
        told = request.headers.get("content-length", "")
        if told.isascii() and told.isdigit() and int(told) > most_bytes:
            raise HTTPException(413)
        left = most_bytes

        async def receive() -> Message:
            nonlocal left
            message = await request.receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)
            return message

        super().__init__(request.scope, receive)

    async def json(self) -> Any:
        """The body as JSON; TooDeepError, and what ``json.loads`` raises."""
        try:
            found = await super().json()
        except RecursionError:
            raise TooDeepError from None
        check_depth(found)
        return found


def check_depth(found: object) -> None:
    """Raise TooDeepError for JSON that is nested deeper than MOST_DEEP."""
    level = [found]
    for _ in range(MOST_DEEP):
        level = [
            within
            for one in level
            if isinstance(one, dict | list)
            for within in (one.values() if isinstance(one, dict) else one)
            if isinstance(within, dict | list)
        ]
        if not level:
            return
    raise TooDeepError
