"""The plan: what is to be visited how often, whether it is, and where to go next."""

from __future__ import annotations

import math
import secrets
from dataclasses import asdict
from typing import Annotated, Any, Literal

import geopandas as gpd
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.http import schemas
from api.http.answers import (
    GEOJSON,
    JSON,
    Between,
    GeoJson,
    answer,
    collection,
    encode,
    last_days,
    rfc3339,
    right_of,
)  # fmt: skip
from api.http.context import Parts, Reading, Who, Writing
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from api.http.routes.coverage import features, missing, plain
from geo.plan import STATES
from layers import plan, versions
from layers.plan import Duty, Per, Visited, duties

router = APIRouter(route_class=Guarded, tags=["plan"])

DEFAULT_DAYS = 28
#: What is said of each place to go next, beside its rank.
_NEXT = (
    "duty", "layer", "target", "name", "name_zh", "name_mn", "name_en", "state", "visited",
    "rounds", "required", "last_visit", "due_at", "overdue", "late_s",
)  # fmt: skip
State = Literal["kept", "due", "late", "missed"]
Line = Annotated[str | None, Field(max_length=200)]
DutyId = Annotated[str, Path(max_length=200, description="a duty's id")]


class DutyIn(BaseModel):
    """What is to be visited how often: all of a layer's that fit ``level``, ``kind`` and ``ids``.

    Grids of no level and no ids are those of the region's lowest.
    """

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    name: Line = None
    name_zh: Line = None
    name_mn: Line = None
    name_en: Line = None
    layer: Visited = "grids"
    level: Annotated[str | None, Field(max_length=100)] = None
    kind: Annotated[str | None, Field(max_length=100)] = None
    ids: Annotated[
        list[Annotated[str, Field(max_length=200)]] | None,
        Field(min_length=1, max_length=duties.MOST_IDS),
    ] = None
    rounds: Annotated[int, Field(ge=1, le=100)]
    per: Per
    apart_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 1_800
    stay_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0
    within_m: Annotated[float, Field(ge=1, le=10_000, allow_inf_nan=False)] = 100
    active: dict[str, Any] | None = None
    applies_to: dict[str, Any] | None = None

    def duty(self, identity: str) -> Duty:
        """The duty, under an id."""
        given = self.model_dump()
        return Duty(
            **{**given, "id": identity, "ids": None if self.ids is None else tuple(self.ids)}
        )


def told(duty: Duty) -> dict[str, object]:
    """A duty as it is answered; PUT takes it so."""
    return {**asdict(duty), "ids": None if duty.ids is None else list(duty.ids)}


@router.get(
    "/api/plan",
    response_class=GeoJson,
    responses=schemas.answers(schemas.plan.PLAN, media_type=GEOJSON),
)
@needs("read")
def get_plan(
    request: Request,
    service: Parts,
    principal: Who,
    connection: Reading,
    window: Between,
    duty: Annotated[str | None, Query(max_length=200, description="one duty alone")] = None,
    state: Annotated[list[State] | None, Query(max_length=4, description="only these")] = None,
    limit: Annotated[int, Query(ge=0, le=10_000, description="places in `next`")] = 20,
    geometry: Annotated[bool, Query(description="false: the figures alone")] = True,
    places: Annotated[bool, Query(description="false: the duties and `next` alone")] = True,
) -> Response:
    """Every place that a duty speaks of, and how it is kept as known at `to` (default: now).

    The period judged (`period_from`, `period_to`) is the last that had begun: `kept`, when all of
    its `required` rounds were made; else `due`, until as much active time went by since the last
    one as the period has for each of its rounds, and `late` from then on; `missed`, once what is
    left of its active time cannot hold those that are missing. `periods` counts those from `from`
    on (default: 28 days) that are over, and `periods_kept` those of them that were kept. `next` is
    where to go next, the worst first. Of checkpoints and posts `visited` says whether somebody was
    there in the period: `visited` (a fix lies within by more than its accuracy),
    `probably_visited` (by less, or a leg passes) or `not_visited`; `evidence` says how sure the
    state is. A round is what was seen in legs; silence is no visit. No visit is looked for before
    `looked_from`.
    """
    start, end = last_days(window, DEFAULT_DAYS)
    version = versions.read(connection, plan.READS)
    key = ("plan", right_of(principal), version.data_version, start, end, duty)
    kept = service.kept.get(
        key, lambda: plan.answer(connection, service.region, start=start, end=end, duty=duty)
    )
    wanted = frozenset(state or STATES)
    payload = collection(
        features(kept.targets[kept.targets["state"].isin(wanted)], geometry=geometry)
        if places
        else [],
        totals=kept.counts(),
        duties=[{**told(one), **kept.counts(one.id)} for one in kept.duties],
        next=_next(kept.next[kept.next["state"].isin(wanted)].head(limit)),
        looked_from=rfc3339(kept.looked_from),
        **{"from": rfc3339(start), "to": rfc3339(end)},
        **missing(connection, kept.looked_from),
    )  # fmt: skip
    return answer(request, payload, version)


def _next(following: gpd.GeoDataFrame) -> list[dict[str, object]]:
    """Places to go next, each with a point of it."""
    points = following.geometry.representative_point()
    return [
        {
            "rank": rank, "id": i, **plain({**row, "overdue": _finite(row["overdue"])}),
            "lon": point.x, "lat": point.y,
        }
        for rank, (i, row), point in zip(
            range(1, len(following) + 1),
            following.reindex(columns=_NEXT).to_dict("index").items(), points, strict=True,
        )
    ]  # fmt: skip


def _finite(value: float) -> float | None:
    """JSON has no infinity: where nobody ever was, it is null."""
    return value if math.isfinite(value) else None


@router.get("/api/plan/duties", responses=schemas.answers(schemas.plan.DUTIES))
@needs("read")
def list_duties(request: Request, connection: Reading) -> Response:
    """The plan's duties, by id."""
    payload = {"duties": [told(one) for one in duties.listed(connection)]}
    return answer(request, payload, versions.read(connection, ["plan"]), media_type=JSON)


@router.post("/api/plan/duties", status_code=201, responses=schemas.answers(schemas.plan.DUTY, 201))
@needs("plan")
def add_duty(connection: Writing, service: Parts, principal: Who, body: DutyIn) -> Response:
    """Take a duty into the plan; without an id it gets one."""
    asked = body.duty(body.id or secrets.token_hex(4))
    made = duties.add(connection, asked, service.region, by=principal.name)
    headers = {"Location": f"/api/plan/duties/{made.id}"}
    return Response(encode(told(made)), 201, headers, JSON)


@router.get("/api/plan/duties/{duty}", responses=schemas.answers(schemas.plan.DUTY))
@needs("read")
def get_duty(request: Request, connection: Reading, duty: DutyId) -> Response:
    """One duty."""
    return answer(request, told(duties.listed(connection, duty)[0]), media_type=JSON)


@router.put("/api/plan/duties/{duty}", responses=schemas.answers(schemas.plan.DUTY))
@needs("plan")
def put_duty(
    connection: Writing, service: Parts, principal: Who, duty: DutyId, body: DutyIn
) -> Response:
    """Put a duty in the place of the one with that id, or as a new one."""
    if body.id not in {None, duty}:
        raise ApiError(422, "other_duty", f"id: it is {body.id!r} in the body, not {duty!r}")
    (made,) = duties.put(connection, [body.duty(duty)], service.region, by=principal.name)
    return Response(encode(told(made)), media_type=JSON)


@router.delete("/api/plan/duties/{duty}", status_code=204)
@needs("plan")
def remove_duty(connection: Writing, duty: DutyId) -> Response:
    """Take a duty out of the plan."""
    duties.remove(connection, duty)
    return Response(status_code=204)
