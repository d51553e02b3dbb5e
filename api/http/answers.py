"""Answers: GeoJSON with its data version, ETags, pages, and the parameters that all share."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
from fastapi import Depends, Query, Request
from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from starlette.datastructures import Headers
from starlette.responses import Response

from api.http.errors import ApiError
from api.http.questions import numbers_of
from layers.db.engine import Principal
from layers.versions import DataVersion

GEOJSON = "application/geo+json"
JSON = "application/json"
MVT = "application/vnd.mapbox-vector-tile"
#: What a cache must keep apart: an answer is for whoever asked.
VARY = "Authorization, Cookie"
#: What an ETag ends with, when the body is packed so: each of its codings is another
#: representation (RFC 9110, 8.8.3).
_CODED = re.compile(r'-(?:gzip|br|zstd)"$')

Limit = Annotated[int, Query(ge=1, le=10_000, description="features in an answer")]
Cursor = Annotated[str | None, Query(max_length=500, description="where the page before ended")]


class GeoJson(Response):
    """A FeatureCollection, as the OpenAPI document is to have it (``api.http.description``)."""

    media_type = GEOJSON


class GeoJsonFeature(GeoJson):
    """A Feature, likewise."""


def rfc3339(moment: datetime | None) -> str | None:
    """A time as the interface writes it: RFC 3339, UTC, with a Z."""
    if moment is None or moment is pd.NaT:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(value: object) -> object:
    """numpy and pandas scalars as JSON has them; what is missing is null."""
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _tidy(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(item) for item in value]
    return value


def encode(payload: object) -> bytes:
    """JSON bytes; NaN becomes null, times RFC 3339."""
    return msgspec.json.encode(_tidy(payload), enc_hook=_plain)


def answer(
    request: Request,
    payload: Mapping[str, object],
    version: DataVersion | None = None,
    *,
    media_type: str = GEOJSON,
    of_layer: bool = False,
) -> Response:
    """A JSON answer whose ETag covers content and right; 304 when the client has it already.

    That of a page ``of_layer`` says the layer's version, too (``data_versions_of``).
    """
    members = dict(payload)
    if version is not None:
        members["data_version"] = version.data_version
        members["as_of"] = rfc3339(version.as_of)
    before = f"{version.data_version}:" if of_layer and version is not None else ""
    return tagged(request, encode(members), media_type, before=before)


def data_versions_of(tags: Iterable[str]) -> frozenset[str]:
    """The data versions that ETags of a layer's pages say, and that of its undo; ``*`` is any."""
    return frozenset(tag.strip('"').partition(":")[0] for tag in tags)


def right_of(principal: Principal) -> str:
    """What ``principal`` may do and see, as part of a key: equal rights get equal answers."""
    return f"{sorted(principal.scopes)}|{principal.sees}"


def tagged(
    request: Request, body: bytes, media_type: str, *, before: str = "", **headers: str
) -> Response:
    """``body`` with its ETag, which has ``before`` in front, or 304."""
    right = right_of(request.state.principal).encode()
    etag = (
        f'"{before}'
        + hashlib.blake2b(
            body, digest_size=12, key=hashlib.md5(right, usedforsecurity=False).digest()
        ).hexdigest()
        + '"'
    )
    shared = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": VARY,
        **headers,
    }
    known = known_as(request, etag)
    if known is not None:
        return Response(status_code=304, headers={**shared, "ETag": known})
    return Response(body, headers=shared, media_type=media_type)


def uncoded(tag: str) -> str:
    """The ETag of the same content as it is, without a content coding."""
    return _CODED.sub('"', tag)


def known_as(request: Request, etag: str) -> str | None:
    """Under which ETag the client that reads has what ``etag`` stands for; None: it has not."""
    if request.method not in {"GET", "HEAD"}:
        return None
    return known_by(whole(request.headers, "if-none-match"), etag)


def whole(headers: Headers, name: str) -> str:
    """A header that is a list: in as many lines as it came, as one (RFC 9110, 5.3)."""
    return ", ".join(headers.getlist(name))


def known_by(if_none_match: str, etag: str) -> str | None:
    """The tag in an If-None-Match that names the content of ``etag``, in whatever coding.

    It is the one to answer 304 with: that is what the client keeps.
    """
    for given in if_none_match.split(","):
        tag = given.strip().removeprefix("W/")
        if tag == "*":
            return etag
        if tag == etag or (tag and uncoded(tag) == uncoded(etag)):
            return tag
    return None


def collection(features: Sequence[Mapping[str, object]], **members: object) -> dict[str, object]:
    """A FeatureCollection with further members."""
    return {"type": "FeatureCollection", "features": list(features),
            "numberReturned": len(features), **members}  # fmt: skip


def feature(
    identity: str, geometry: Mapping[str, object] | None, properties: Mapping[str, object]
) -> dict[str, object]:
    """A GeoJSON feature with a string id."""
    return {"type": "Feature", "id": identity, "geometry": geometry, "properties": properties}


def point(lon: float | None, lat: float | None) -> dict[str, object] | None:
    """A GeoJSON point; None where there is no position."""
    return None if lon is None or lat is None else {"type": "Point", "coordinates": [lon, lat]}


def cursor_of(last: str) -> str:
    """An opaque cursor after the feature ``last``."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def after(cursor: str | None) -> str | None:
    """The id that a cursor stands for; refuses what is no cursor of ours."""
    if cursor is None:
        return None
    try:
        # Strictly: what is beside the alphabet would be passed over.
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        last = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:
        last = "\0"
    if "\0" in last:  # no id has it, and PostgreSQL's text does not take it
        raise _bad_cursor()
    return last


def after_number(cursor: str | None) -> int:
    """The number that a cursor stands for, 0 without one; refuses what is no cursor of ours."""
    last = after(cursor) or "0"
    if not re.fullmatch(r"[0-9]{1,18}", last):
        raise _bad_cursor()
    return int(last)


def _bad_cursor() -> ApiError:
    return ApiError(422, "bad_cursor", "cursor: take it from a `next` link")


def next_link(request: Request, last: str | None) -> list[dict[str, str]]:
    """The link to the next page, if there is one."""
    if last is None:
        return []
    url = request.url.include_query_params(cursor=cursor_of(last))
    return [{"rel": "next", "type": GEOJSON, "href": f"{url.path}?{url.query}"}]


def _bbox(
    bbox: Annotated[
        str | None, Query(max_length=200, description="west,south,east,north in degrees")
    ] = None,
) -> tuple[float, float, float, float] | None:
    if bbox is None:
        return None
    try:
        west, south, east, north = numbers_of(bbox)
    except ValueError:
        raise ApiError(422, "bad_bbox", "bbox: give west,south,east,north in degrees") from None
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise ApiError(422, "bad_bbox", "bbox: west and east are -180 to 180, south <= north")
    return west, south, east, north


def _text(value: object) -> object:
    """A time as text; an offset's + was a space where it was not encoded in the address."""
    if isinstance(value, datetime):
        return value
    # pydantic would take a number for seconds, or milliseconds, since 1970.
    if not isinstance(value, str) or not re.match(r"\s*\d{4}-\d\d-\d\d", value):
        raise ValueError("give a time of RFC 3339, such as 2026-03-01T08:00:00Z")
    return re.sub(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", r"\1+\2", value)


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("it lies outside of the years 1 to 9999") from None


#: A moment in a request: RFC 3339 with its zone; UTC here.
Moment = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_utc)]

Bbox = Annotated[tuple[float, float, float, float] | None, Depends(_bbox)]


@dataclass(frozen=True, kw_only=True)
class Window:
    """A span of time; None is without end."""

    start: datetime | None
    end: datetime | None


def _window(
    start: Annotated[Moment | None, Query(alias="from", description="RFC 3339")] = None,
    end: Annotated[Moment | None, Query(alias="to", description="RFC 3339; not included")] = None,
) -> Window:
    if start is not None and end is not None and start > end:
        raise ApiError(422, "bad_window", "from: it lies after to")
    return Window(start=start, end=end)


Between = Annotated[Window, Depends(_window)]


def _next_minute() -> datetime:
    """The end of "now": whole minutes, so that what is asked again has the same window."""
    now = datetime.now(UTC)
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)


def last_days(window: Window, days: int) -> tuple[datetime, datetime]:
    """``window`` with what is left out filled in: up to now, ``days`` long."""
    end = window.end or _next_minute()
    earliest = datetime.min.replace(tzinfo=UTC) + timedelta(days=days)
    start = window.start or max(end, earliest) - timedelta(days=days)
    if start >= end:
        raise ApiError(422, "bad_window", "from: it must lie before to (without to: before now)")
    return start, end
