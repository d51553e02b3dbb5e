"""If-Match: which states of a feature a change may be made from."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header
from pydantic import StringConstraints

from api.http.answers import uncoded
from api.http.errors import ApiError

#: A header of ETags, in one line or several.
Tags = list[Annotated[str, StringConstraints(max_length=10_000)]]
IfMatch = Annotated[Tags | None, Header(description="the ETag that GET answered with")]
IfNoneMatch = Annotated[Tags | None, Header(description="ETags that the feature must not have")]

#: An entity tag, or *, up to a comma or the end (RFC 9110, 8.8.3); a list may have empty places.
_TAG = re.compile(r'[ \t]*(\*|(?:W/)?"[!#-~\x80-\U0010ffff]*"|)[ \t]*(?:,|$)')


def tags_of(if_match: Tags) -> frozenset[str]:
    """The strong ETags of an If-Match header, or ``*``.

    In whatever coding the client got it, what it saw is the same state of the feature. Raises
    ApiError: 422 for what is no list of ETags, 412 where all are weak, which match nothing
    (RFC 9110, 13.1.1).
    """
    found = [tag for line in if_match for tag in _parsed(line)]
    if not found:
        raise ApiError(422, "bad_if_match", f"If-Match: it is empty: {_GIVE}")
    strong = frozenset(uncoded(tag) for tag in found if not tag.startswith("W/"))
    if not strong:
        raise ApiError(
            412, "weak_etag",
            f"If-Match: {found[0][:60]} is a weak ETag, which matches nothing: {_GIVE}",
        )  # fmt: skip
    return strong


_GIVE = 'give the strong ETag that GET of the feature answered with, in its quotes: "…"'


def _parsed(line: str) -> list[str]:
    found, at = [], 0
    while at < len(line):
        tag = _TAG.match(line, at)
        if tag is None:
            raise ApiError(
                422, "bad_if_match", f"If-Match: {line[at : at + 60].strip()} is no ETag: {_GIVE}"
            )
        found.append(tag[1])
        at = tag.end()
    return [tag for tag in found if tag]
