"""Breaches as they are told: by time, fence, unit, area and state; and how each came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from layers.errors import NoSuchBreachError

_SELECT = (
    "SELECT b.id, b.unit, u.call_sign, b.fence AS fence_id, coalesce(v.name, b.fence) AS fence,"
    " jsonb_strip_nulls(jsonb_build_object('zh', f.name_zh, 'mn', f.name_mn, 'en', f.name_en))"
    " AS fence_names,"
    " b.fence_version, b.rule, b.severity, b.direction, b.visit, b.state, b.evidence, b.entered_at,"
    " b.entered_earliest, b.entered_latest, b.exited_at, b.exited_earliest, b.exited_latest,"
    " b.unknown_s, b.revision, b.merged_into, b.opened_at, b.changed_at,"
    " ST_X(b.geom) AS lon, ST_Y(b.geom) AS lat FROM {source} b"
    " LEFT JOIN fence_versions v ON v.fence = b.fence AND v.version = b.fence_version"
    " LEFT JOIN fences f ON f.id = b.fence"
    " LEFT JOIN units u ON u.id = b.unit"
)
#: Breaches that are computed and not stored, as rows with the columns of those that are.
_COMPUTED = (
    "(SELECT r.*, 0 AS revision, CAST(NULL AS bigint) AS merged_into,"
    " CAST(NULL AS timestamptz) AS opened_at, CAST(NULL AS timestamptz) AS changed_at,"
    " ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326) AS geom"
    " FROM jsonb_to_recordset(CAST(:computed AS jsonb)) AS r (id text, unit text, fence text,"
    " fence_version integer, rule text, severity text, direction text, visit text, state text,"
    " evidence text, entered_at timestamptz, entered_earliest timestamptz,"
    " entered_latest timestamptz, exited_at timestamptz, exited_earliest timestamptz,"
    " exited_latest timestamptz, unknown_s double precision, lon double precision,"
    " lat double precision))"
)
_WAS_TIMES = frozenset(
    {"entered_at", "entered_earliest", "entered_latest", "exited_at", "exited_earliest",
     "exited_latest", "opened_at", "changed_at"}
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A breach as it is told now."""

    id: str
    lon: float
    lat: float
    told: Mapping[str, object]

    def properties(self) -> dict[str, object]:
        """Its properties in JSON's words, times as datetimes."""
        return dict(self.told)

    def notice(self) -> dict[str, object]:
        """What is told of it to subscribers: its properties and the place of entry in degrees."""
        return {**self.told, "lon": self.lon, "lat": self.lat}


def _breach(row: Mapping[str, object]) -> Breach:
    told = {name: value for name, value in row.items() if name not in {"lon", "lat"}}
    told["id"] = str(told["id"])
    told["merged_into"] = None if told["merged_into"] is None else str(told["merged_into"])
    return Breach(id=str(row["id"]), lon=float(row["lon"]), lat=float(row["lat"]), told=told)  # type: ignore[arg-type]


def breach(connection: Connection, number: int) -> Breach:
    """One breach; raises NoSuchBreachError."""
    query = text(f"{_SELECT.format(source='breaches')} WHERE b.id = :id")
    row = connection.execute(query, {"id": number}).mappings().first()
    if row is None:
        raise NoSuchBreachError(f"{number}: no such breach")
    return _breach(dict(row))


def listed(
    connection: Connection,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    fence: str | None = None,
    unit: str | None = None,
    states: Sequence[str] = ("open", "closed"),
    evidence: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    after: str = "",
    limit: int = 1000,
    computed: str | None = None,
) -> list[Breach]:
    """Breaches that overlap the window, by id as text; ``fence`` is a fence's id or name.

    ``computed``: look among these instead of the stored ones, a JSON array of objects.
    """
    source = "breaches" if computed is None else _COMPUTED
    west, south, east, north = bbox or (None, None, None, None)
    # A box with west > east crosses 180°: it is one box up to there and one from there on.
    across = bbox is not None and bbox[0] > bbox[2]
    rows = connection.execute(
        text(
            f"{_SELECT.format(source=source)}"
            ' WHERE b.id::text COLLATE "C" > :after AND b.state = ANY(:states)'
            " AND (CAST(:evidence AS text) IS NULL OR b.evidence = :evidence)"
            " AND (CAST(:fence AS text) IS NULL OR b.fence = :fence OR v.name = :fence)"
            " AND (CAST(:unit AS text) IS NULL OR b.unit = :unit)"
            " AND (CAST(:end AS timestamptz) IS NULL OR b.entered_at < :end)"
            " AND (CAST(:start AS timestamptz) IS NULL OR b.exited_at IS NULL"
            "  OR b.exited_at >= :start)"
            " AND (CAST(:west AS double precision) IS NULL"
            "  OR b.geom && ST_MakeEnvelope(:west, :south, :to_east, :north, 4326)"
            "  OR b.geom && ST_MakeEnvelope(:from_west, :south, :east, :north, 4326))"
            ' ORDER BY b.id::text COLLATE "C" LIMIT :limit'
        ),
        {
            "after": after, "states": list(states), "fence": fence, "unit": unit, "start": start,
            "end": end, "west": west, "south": south, "east": east, "north": north, "limit": limit,
            "to_east": 180.0 if across else east, "from_west": -180.0 if across else west,
            "evidence": evidence, "computed": computed,
        },
    )  # fmt: skip
    return [_breach(dict(row)) for row in rows.mappings()]


def history(connection: Connection, number: int) -> list[Mapping[str, object]]:
    """The revisions of a breach, oldest first: change, when, and what it then was."""
    rows = connection.execute(
        text(
            "SELECT r.revision, r.change, r.changed_at, r.was - 'entered_fix' - 'exited_fix'"
            " || jsonb_build_object('fence_id', r.was->'fence',"
            "  'fence', coalesce(v.name, r.was->>'fence')) AS was"
            " FROM breach_revisions r LEFT JOIN fence_versions v ON v.fence = r.was->>'fence'"
            "  AND v.version = CAST(r.was->>'fence_version' AS int)"
            " WHERE r.breach = :id ORDER BY r.revision"
        ),
        {"id": number},
    )
    return [{**row, "was": _in_z(row["was"])} for row in rows.mappings()]


def _in_z(was: Mapping[str, object]) -> dict[str, object]:
    """A state as PostgreSQL wrote it as JSON, its times (all in UTC) with Z and ids as texts."""
    tidy = {
        name: value.removesuffix("+00:00") + "Z"
        if name in _WAS_TIMES and isinstance(value, str)
        else value
        for name, value in was.items()
    }
    ids = {name: str(tidy[name]) for name in ("id", "merged_into") if tidy.get(name) is not None}
    return {**tidy, **ids}
