"""Breaches as they are told: by time, fence, unit, area and state; and how each came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from layers.errors import NoSuchBreachError, NoSuchFeatureError

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
STORED = _SELECT.format(source="breaches")
STATES = ("open", "closed", "withdrawn")
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
    query = text(f"{STORED} WHERE b.id = :id")
    row = connection.execute(query, {"id": number}).mappings().first()
    if row is None:
        raise NoSuchBreachError(f"{number}: no such breach")
    return _breach(dict(row))


def notice(row: Mapping[str, object]) -> dict[str, object]:
    """What is told to subscribers of a breach, a row of STORED."""
    return _breach(row).notice()


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
    area: str | None = None,
    after: str = "",
    limit: int = 1000,
    computed: str | None = None,
) -> list[Breach]:
    """Breaches that overlap the window, by id as text; ``fence`` is a fence's id or name.

    ``area``: the id of a grid that the entry lies in (its edge included). ``computed``: look among
    these instead of the stored ones, a JSON array of objects. Raises NoSuchFeatureError.
    """
    wanted, values = _conditions(start, end, unit, states, evidence)
    if fence is not None:
        wanted += ["b.fence = ANY(:fences)", "(b.fence = :fence OR v.name = :fence)"]
        values |= {"fence": fence, "fences": _fences_called(connection, fence)}
    if bbox is not None:
        wanted.append(_in_box(values, *bbox))
    if area is not None:
        values["area"] = area
        wanted.append(_in_box(values, *_box_of(connection, area), name="area"))
        wanted.append("ST_Intersects(b.geom, (SELECT geom FROM grids WHERE id = :area))")
    source = "breaches" if computed is None else _COMPUTED
    # Each question has its own plan: what suits one unit does not suit a year of all.
    connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    rows = connection.execute(
        text(
            f"{_SELECT.format(source=source)}"
            f' WHERE b.id::text COLLATE "C" > :after AND {" AND ".join(wanted)}'
            ' ORDER BY b.id::text COLLATE "C" LIMIT :limit'
        ),
        {**values, "after": after, "limit": limit}
        | ({} if computed is None else {"computed": computed}),
    )
    return [_breach(dict(row)) for row in rows.mappings()]


def _conditions(
    start: datetime | None,
    end: datetime | None,
    unit: str | None,
    states: Sequence[str],
    evidence: str | None,
) -> tuple[list[str], dict[str, object]]:
    """What is asked of a breach's own columns; each as an index has it."""
    words = ", ".join(f"'{state}'" for state in STATES if state in states)
    wanted = [f"b.state IN ({words})" if words else "false"]
    if start is not None or end is not None:
        ends = "[]" if start == end else "[)"  # a moment is a window, too
        wanted.append(
            "tstzrange(b.entered_at, b.exited_at, '[]') &&"
            f" tstzrange(CAST(:start AS timestamptz), CAST(:end AS timestamptz), '{ends}')"
        )
    if unit is not None:
        wanted.append("b.unit = :unit")
    if evidence is not None:
        wanted.append("b.evidence = :evidence")
    named = {"start": start, "end": end, "unit": unit, "evidence": evidence}
    used = " ".join(wanted)
    return wanted, {name: value for name, value in named.items() if f":{name}" in used}


def _fences_called(connection: Connection, name: str) -> list[str]:
    """Ids of the fences that are or were called so."""
    rows = connection.execute(
        text("SELECT DISTINCT fence FROM fence_versions WHERE fence = :name OR name = :name"),
        {"name": name},
    )
    return list(rows.scalars())


def _in_box(
    values: dict[str, object],
    west: float,
    south: float,
    east: float,
    north: float,
    *,
    name: str = "box",
) -> str:
    """The condition that an entry lies in a box, whose numbers are put into ``values``."""
    # A box with west > east crosses 180°: it is one box up to there and one from there on.
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    boxes = []
    for i, (low, high) in enumerate(spans):
        key = f"{name}{i}"
        values |= {f"{key}_w": low, f"{key}_s": south, f"{key}_e": high, f"{key}_n": north}
        boxes.append(f"b.geom && ST_MakeEnvelope(:{key}_w, :{key}_s, :{key}_e, :{key}_n, 4326)")
    return f"({' OR '.join(boxes)})"


def _box_of(connection: Connection, grid: str) -> tuple[float, float, float, float]:
    row = connection.execute(
        text(
            "SELECT ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom) FROM grids"
            " WHERE id = :grid"
        ),
        {"grid": grid},
    ).one_or_none()
    if row is None:
        raise NoSuchFeatureError(f"area: there is no grid {grid}; GET /api/layers/grids lists them")
    west, south, east, north = row
    return west, south, east, north


def history(connection: Connection, number: int) -> list[Mapping[str, object]]:
    """The revisions of a breach, oldest first: change, when, what it then was, what was new.

    ``changed``: by name the value before and after, of what differs from the revision before.
    """
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
    told: list[Mapping[str, object]] = []
    before: Mapping[str, object] = {}
    for row in rows.mappings():
        was = _in_z(row["was"])
        told.append({**row, "was": was, "changed": _differences(before, was) if told else {}})
        before = was
    return told


def _differences(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    names = sorted((before.keys() | after.keys()) - {"revision", "changed_at"})
    return {
        name: {"from": before.get(name), "to": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    }


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
