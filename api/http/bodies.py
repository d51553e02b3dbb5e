"""Bodies of requests: no larger and no deeper than they may be."""

from __future__ import annotations

import json
from typing import Any, Never

import anyio
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message

#: Lists and objects within each other; a feature of any kind has less than ten.
MOST_DEEP = 100
#: A client that sends nothing of its body for so long is let go.
STALLED_S = 60.0
#: The server passes over so much of a body that is not wanted; beyond, it ends the connection.
MOST_PASSED_OVER = 512_000_000


class TooDeepError(HTTPException):
    """The body's lists and objects lie too deep within each other."""

    def __init__(self) -> None:
        super().__init__(400, f"the body is nested deeper than {MOST_DEEP} lists and objects")


class Limited(Request):
    """A request with a body of at most so many bytes and MOST_DEEP; more raises HTTPException, and
    so does one that does not come within STALLED_S.

    Not FastAPI's own limit: that one stands before identity, and answers in plain text.
    """

    def __init__(self, request: Request, *, most_bytes: int) -> None:
        told = request.headers.get("content-length", "")
        if told.isascii() and told.isdigit() and int(told) > most_bytes:
            # So much can be passed over, and the connection used again; more cannot.
            end = int(told) > MOST_PASSED_OVER
            raise HTTPException(413, headers={"Connection": "close"} if end else None)
        left, announced = most_bytes, told != ""

        async def receive() -> Message:
            nonlocal left
            try:
                with anyio.fail_after(STALLED_S):
                    message = await request.receive()
            except TimeoutError:
                raise HTTPException(408, headers={"Connection": "close"}) from None
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, headers=None if announced else {"Connection": "close"})
            return message

        super().__init__(request.scope, receive)

    async def json(self) -> Any:
        """The body as JSON; TooDeepError, and what ``json.loads`` raises, for NaN and Infinity,
        too, which are none."""
        try:
            found = json.loads(await self.body(), parse_constant=_refuse)
        except RecursionError:
            raise TooDeepError from None
        check_depth(found)
        return found


def _refuse(word: str) -> Never:
    raise json.JSONDecodeError(f"{word} is no JSON: leave it out, or give null", word, 0)


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
