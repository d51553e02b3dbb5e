"""Fixes of enrolled units that were not believed: looked at, and released."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from api.http import schemas
from api.http.answers import (
    JSON,
    Between,
    Cursor,
    Limit,
    Moment,
    after_number,
    answer,
    encode,
    next_link,
)  # fmt: skip
from api.http.context import Parts, Reading, Service, Who
from api.http.identity import Guarded, needs
from layers import versions
from layers.db.engine import Principal, acting
from layers.errors import CannotReleaseError
from layers.fixes import quarantine
from layers.fixes.release import Released, release

router = APIRouter(route_class=Guarded, tags=["fixes"])

Unit = Annotated[str | None, Query(max_length=200, description="its identifier")]
Reason = Annotated[str | None, Query(max_length=100, description="as the receipt said")]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
#: The most fixes that are released at once: they are one transaction.
MOST = 10_000


class ReleaseIn(BaseModel):
    """Which fixes to release: some by their ids, or the first 10,000 that fit all that is said."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Number] | None, Field(min_length=1, max_length=MOST)] = None
    unit: Annotated[str | None, Field(max_length=200)] = None
    reason: Annotated[str | None, Field(max_length=100)] = None
    start: Annotated[Moment | None, Field(alias="from")] = None
    end: Annotated[Moment | None, Field(alias="to")] = None

    @model_validator(mode="after")
    def _something(self) -> ReleaseIn:
        others = [self.unit, self.reason, self.start, self.end]
        if (self.ids is None) == all(one is None for one in others):
            raise ValueError("give ids, or some of unit, reason, from and to; not both")
        return self


@router.get("/api/quarantine", responses=schemas.answers(schemas.people.QUARANTINE))
@needs("read")
def list_quarantine(
    request: Request,
    connection: Reading,
    window: Between,
    unit: Unit = None,
    reason: Reason = None,
    released: Annotated[bool | None, Query(description="only those that were, or were not")] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """Fixes of enrolled units that were not believed, with the reason of each."""
    rows = quarantine.listed(
        connection, start=window.start, end=window.end, unit=unit, reason=reason,
        released=released, after=after_number(cursor), limit=limit + 1,
    )  # fmt: skip
    last = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    payload = {
        "fixes": [dict(row) for row in rows[:limit]],
        "strangers": quarantine.strangers(connection),
        "links": next_link(request, last),
    }
    return answer(request, payload, versions.read(connection, ["fixes"]), media_type=JSON)


@router.post("/api/quarantine/release", responses=schemas.answers(schemas.people.RELEASED))
@needs("admin")
def release_many(service: Parts, principal: Who, body: ReleaseIn) -> Response:
    """Believe them after all: as if they came now, breaches and all; what cannot be is told."""
    ids = body.ids
    if ids is None:
        with acting(service.engine, principal, "patrolgrid_read") as connection:
            rows = quarantine.listed(
                connection, start=body.start, end=body.end, unit=body.unit, reason=body.reason,
                released=False, limit=MOST,
            )  # fmt: skip
        ids = [int(str(row["id"])) for row in rows]
    done = _release(service, principal, ids)
    payload = {
        "released": len(done.released),
        "already": len(done.already),
        "refused": [asdict(one) for one in done.refused],
        "breaches": done.breaches,
    }
    return Response(encode(payload), media_type=JSON)


@router.post("/api/quarantine/{number}/release", responses=schemas.answers(schemas.people.HELD))
@needs("admin")
def release_one(
    service: Parts,
    principal: Who,
    number: Annotated[int, Path(ge=1, le=2**63 - 1, description="its id in the list")],
) -> Response:
    """Believe one after all; again changes nothing. 409 where it can never be believed."""
    done = _release(service, principal, [number])
    if done.refused:
        raise CannotReleaseError(f"{number}: {done.refused[0].detail}")
    with acting(service.engine, principal, "patrolgrid_read") as connection:
        (row,) = quarantine.by_ids(connection, [number])
    return Response(encode(dict(row)), media_type=JSON)


def _release(service: Service, principal: Principal, ids: list[int]) -> Released:
    settings = service.settings
    return release(
        service.engine, principal, ids, service.region, clock_skew_s=settings.clock_skew_s,
        retention_days=settings.kept_days(service.region.retention_days),
    )  # fmt: skip
