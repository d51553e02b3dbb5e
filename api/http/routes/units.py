"""Units and teams: who is enrolled, where they were last seen, what they did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import (
    GEOJSON,
    JSON,
    Between,
    Cursor,
    GeoJson,
    GeoJsonFeature,
    Limit,
    after,
    answer,
    collection,
    encode,
    feature,
    next_link,
    point,
)  # fmt: skip
from api.http.context import Parts, Reading, Service, Writing
from api.http.enrolment import TeamPut, Teams, UnitPut, Units
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from api.http.paths import UNIT
from layers import breaches, versions
from layers.errors import NoSuchUnitError
from layers.fixes import journeys
from layers.units import enrolment, teams

router = APIRouter(route_class=Guarded, tags=["units"])

UnitId = Annotated[str, Path(description="the identifier given at enrolment")]
TeamId = Annotated[str, Path(description="the team's id")]


def _seen(row: dict[str, object], service: Service, now: datetime) -> dict[str, object]:
    """A unit as a feature: where it was last seen, and how long ago."""
    fix_time = row["fix_time"]
    age_s = (now - fix_time).total_seconds() if isinstance(fix_time, datetime) else None
    properties = {name: value for name, value in row.items() if name not in {"lon", "lat"}}
    properties["fix_age_s"] = None if age_s is None else round(age_s)
    properties["freshness"] = service.region.kinds[str(row["kind"])].freshness(age_s)
    return feature(str(row["unit"]), point(row["lon"], row["lat"]), properties)  # type: ignore[arg-type]


@router.get("/api/units", response_class=GeoJson)
@needs("read")
def list_units(
    request: Request,
    service: Parts,
    connection: Reading,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """Enrolled units with their newest fix and its age."""
    rows = enrolment.latest(connection, after=after(cursor), limit=limit + 1)
    now = datetime.now(UTC)
    shown = [_seen(dict(row), service, now) for row in rows[:limit]]
    last = str(shown[-1]["id"]) if len(rows) > limit else None
    return answer(
        request,
        collection(shown, links=next_link(request, last)),
        versions.read(connection, ["units", "fixes"]),
    )


@router.post("/api/units", status_code=201, responses=schemas.answers(schemas.people.UNITS, 201))
@needs("admin")
def enrol_unit(service: Parts, connection: Writing, body: Annotated[Units, Body()]) -> Response:
    """Enrol one unit, or a list of them: all or none."""
    many = body if isinstance(body, list) else [body]
    if not 1 <= len(many) <= 10_000:
        raise ApiError(422, "bad_batch", "give 1 to 10,000 units")
    asked = [enrolment.Enrolment(**unit.model_dump()) for unit in many]
    rows = enrolment.enrol(connection, asked, service.region)
    payload: object = rows if isinstance(body, list) else rows[0]
    return Response(encode(payload), 201, media_type=JSON)


# Before the unit itself: identifiers may hold slashes.
@router.get("/api/units/{unit:path}/track", response_class=GeoJson)
@needs("read")
def track(request: Request, connection: Reading, unit: UnitId, window: Between) -> Response:
    """A unit's patrols: each run of legs without a gap is one line."""
    runs = journeys.runs(connection, unit, start=window.start, end=window.end)
    features = [
        feature(run.id, {"type": "LineString", "coordinates": run.coordinates}, run.properties)
        for run in runs
    ]
    return answer(
        request,
        collection(features, unit=unit),
        versions.read(connection, ["units", "fixes"]),
        media_type=GEOJSON,
    )


@router.get("/api/units/" + UNIT, response_class=GeoJsonFeature)
@needs("read")
def get_unit(request: Request, service: Parts, connection: Reading, unit: UnitId) -> Response:
    """One unit with its newest fix, and which teams it was of from when to when."""
    rows = enrolment.latest(connection, unit=unit)
    if not rows:
        raise NoSuchUnitError(f"{unit}: no such unit")
    told = {**rows[0], "memberships": enrolment.memberships(connection, unit)}
    seen = _seen(told, service, datetime.now(UTC))
    # A team that goes takes its past memberships with it.
    return answer(request, seen, versions.read(connection, ["units", "fixes", "teams"]))


@router.put("/api/units/" + UNIT, responses=schemas.answers(schemas.people.UNIT))
@needs("admin")
def put_unit(service: Parts, connection: Writing, unit: UnitId, body: UnitPut) -> Response:
    """Put a unit, as GET gave it or its properties alone; its fixes are judged again by it."""
    if body.unit not in {None, unit}:
        raise ApiError(422, "other_unit", f"unit: it is {body.unit!r} in the body, not {unit!r}")
    asked = enrolment.Enrolment(**{**body.model_dump(), "unit": unit})
    row = enrolment.change(connection, asked, service.region)
    breaches.recompute(connection, service.region, now=datetime.now(UTC), units=[unit])
    return Response(encode(row), media_type=JSON)


@router.delete("/api/units/" + UNIT, status_code=204)
@needs("admin")
def disenrol_unit(connection: Writing, unit: UnitId) -> Response:
    """End an enrolment: later fixes are refused, history stays."""
    enrolment.disenrol(connection, unit)
    return Response(status_code=204)


@router.get("/api/teams", responses=schemas.answers(schemas.people.TEAMS))
@needs("read")
def list_teams(request: Request, connection: Reading) -> Response:
    """The teams: division > brigade > team."""
    payload = {"teams": teams.teams(connection)}
    return answer(request, payload, versions.read(connection, ["teams"]), media_type=JSON)


@router.post(
    "/api/teams", status_code=201, responses=schemas.answers(schemas.people.MADE_TEAMS, 201)
)
@needs("admin")
def make_team(connection: Writing, body: Annotated[Teams, Body()]) -> Response:
    """Make one team, or a list of them in any order: all or none."""
    many = body if isinstance(body, list) else [body]
    if not 1 <= len(many) <= 10_000:
        raise ApiError(422, "bad_batch", "give 1 to 10,000 teams")
    made = [teams.Team(**team.model_dump()) for team in many]
    there = {str(t["team"]) for t in teams.teams(connection)}
    double = sorted({t.team for t in made} & there)
    if double:
        raise ApiError(409, "team_exists", f"team {double[0]} exists already: change it with PUT")
    teams.put(connection, made)
    rows = [row for row in teams.teams(connection) if row["team"] in {t.team for t in made}]
    return Response(encode(rows if isinstance(body, list) else rows[0]), 201, media_type=JSON)


@router.put("/api/teams/{team:path}", responses=schemas.answers(schemas.people.TEAM))
@needs("admin")
def put_team(connection: Writing, team: TeamId, body: TeamPut) -> Response:
    """Change a team."""
    if body.team not in {None, team}:
        raise ApiError(422, "other_team", f"team: it is {body.team!r} in the body, not {team!r}")
    teams.teams(connection, team)
    teams.put(connection, [teams.Team(**{**body.model_dump(), "team": team})])
    return Response(encode(teams.teams(connection, team)[0]), media_type=JSON)


@router.delete("/api/teams/{team:path}", status_code=204)
@needs("admin")
def remove_team(connection: Writing, team: TeamId) -> Response:
    """Delete a team that nothing refers to."""
    teams.remove(connection, team)
    return Response(status_code=204)
