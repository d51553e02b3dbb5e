"""The protocols of apps that people have already: Traccar Client, OsmAnd, OwnTracks.

What such an app is not answered by 2xx it sends again, for ever, and nothing newer before it. So a
fix of an enrolled unit is answered 200 whatever becomes of it; a stranger's is refused by 403.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, encode
from api.http.context import Parts, Service, Who
from api.http.credentials import basic
from api.http.direct import Direct
from api.http.errors import ApiError
from api.http.identity import needs
from api.http.room import Place
from api.http.routes.fixes import read
from api.intake import door, osmand, owntracks, values
from layers.db.engine import Principal, acting
from layers.fixes.intake import COLUMNS, Receipt
from layers.units import enrolment

router = APIRouter(route_class=Direct, tags=["fixes"])

_RECEIPT = schemas.answers(schemas.people.RECEIPT)
_FORM = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
_MESSAGE = {"content": {JSON: {"schema": {"type": "object"}}}}
_ANY = {"requestBody": {"content": {**_FORM["content"], **_MESSAGE["content"]}}}
#: What the app waits for: messages to it, of which there are none.
_NOTHING = {"anyOf": [{"type": "array", "maxItems": 0}]}
Fixes = Sequence[dict[str, object]]
#: A message of a device is read in less time than a thread takes to begin.
_SHORT_BYTES = 16_384


@router.get("/ingest/osmand", responses=_RECEIPT)
@needs("ingest")
async def get_osmand(request: Request, service: Parts, principal: Who) -> Response:
    """A fix as Traccar Client and OsmAnd send it: id, lat, lon, timestamp, speed in knots, …"""
    if getattr(request.state, "head", False):
        raise ApiError(405, "method_not_allowed", "HEAD takes nothing in: use GET or POST")
    return await _osmand(request, service, principal)


@router.post("/ingest/osmand", responses=_RECEIPT, openapi_extra=_ANY)
@needs("ingest")
async def post_osmand(request: Request, service: Parts, principal: Who) -> Response:
    """The same in the address or a form; or as JSON, with speed in metres a second, also many."""
    return await _osmand(request, service, principal)


async def _osmand(request: Request, service: Service, principal: Principal) -> Response:
    query = request.url.query

    def parse(body: bytes) -> Fixes:
        if body.lstrip()[:1] in {b"{", b"["}:
            return osmand.of_json(body)
        form = osmand.parameters(body.decode("utf-8", "replace"))
        return osmand.of_parameters(osmand.parameters(query) | form)

    with service.room.enter() as place:
        fixes = await _read(request, service, place, parse)
        receipt = await _stored(service, principal, fixes)
    return Response(encode(door.told(receipt)), media_type=JSON, headers=_UNKEPT)


@router.post(
    "/ingest/owntracks",
    openapi_extra={"requestBody": {"required": True, **_MESSAGE}},
    responses=schemas.answers(_NOTHING),
)
@needs("ingest")
async def post_owntracks(request: Request, service: Parts, principal: Who) -> Response:
    """A location as OwnTracks sends it in mode HTTP; its other messages are taken and not kept."""
    asked = request.query_params.get("u") or request.headers.get("x-limit-u")
    user = basic(request.headers)[0]

    def parse(body: bytes) -> Fixes:
        sent = owntracks.message(body)
        unit = asked or owntracks.user(sent) or user
        return [{"unit": unit, **fix} for fix in owntracks.of_message(sent)]

    with service.room.enter() as place:
        await _stored(service, principal, await _read(request, service, place, parse))
    return Response(b"[]", media_type=JSON, headers=_UNKEPT)


async def _read(
    request: Request, service: Service, place: Place, parse: Callable[[bytes], Fixes]
) -> Fixes:
    def at_once(body: bytes) -> Fixes | None:
        return parse(body) if len(body) <= _SHORT_BYTES else None

    return await read(request, service, place, lambda _, body: parse(body), at_once)


_UNKEPT = {"Cache-Control": "no-store"}


async def _stored(service: Service, principal: Principal, fixes: Fixes) -> Receipt:
    """Store what a device sent. Raises ApiError where its unit is a stranger, or another's."""
    most = service.settings.max_batch
    if len(fixes) > most:
        raise ApiError(422, "bad_fixes", f"{len(fixes)} fixes at once: send at most {most}")
    if principal.unit is not None:
        await _check_own(service, principal, fixes)
        fixes = [{**fix, "unit": principal.unit} for fix in fixes]
    columns = {name: [fix.get(name) for fix in fixes] for name in COLUMNS}
    batch = values.typed(columns, len(fixes))
    receipt = await door.take(service.engine, principal, batch, service.region, service.settings)
    if fixes and receipt.refused == len(fixes):
        raise ApiError(
            403, "not_enrolled",
            "the device's unit is not enrolled, and nothing was kept: enrol it under the identifier"
            " that the app sends, or use a credential of an enrolled unit",
        )  # fmt: skip
    return receipt


async def _check_own(service: Service, principal: Principal, fixes: Fixes) -> None:
    """Refuse a device that shows one unit's credential and calls itself another enrolled unit.

    What else an app calls itself is its own made-up number: the credential says whose it is.
    """
    given = (values.identifier(fix.get("unit")) for fix in fixes)
    named = {one for one in given if one is not None} - {principal.unit}
    if not named:
        return
    if await to_thread.run_sync(_enrolled, service, principal, named):
        raise ApiError(
            403, "another_unit",
            "the credential is one unit's, the identifier in the app another's: enter the"
            " credential that was made for this unit",
        )  # fmt: skip


def _enrolled(service: Service, principal: Principal, named: Set[str]) -> bool:
    """Whether any of these is an enrolled unit."""
    with acting(service.engine, principal, "patrolgrid_write") as connection:
        return not enrolment.units(connection, sorted(named)).empty
