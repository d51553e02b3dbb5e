"""Duties: what a plan asks for, such as three rounds a day of every cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam

from layers.errors import (
    BadDutyError,
    BadValueError,
    DutyExistsError,
    NoSuchDutyError,
)
from layers.places import fences, hierarchy
from layers.places.columns import is_line
from layers.places.registry import layer
from layers.region import Region, RegionError

Visited = Literal["grids", "checkpoints", "posts"]
Per = Literal["day", "week", "month"]
#: So many duties make a plan, and so many ids a duty, at most.
MOST_DUTIES, MOST_IDS = 200, 1_000
_ID = re.compile(r"[^\s/?#][^/?#]{0,199}")
_JSON = [bindparam("active", type_=JSONB(none_as_null=True)),
         bindparam("applies_to", type_=JSONB(none_as_null=True))]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Duty:
    """What is to be visited how often; all of a layer's that fit ``level``, ``kind``, ``ids``."""

    id: str
    layer: Visited = "grids"
    rounds: int = 1  #: in each period, at least
    per: Per = "day"  #: a local day, a week from Monday, or a month
    level: str | None = None  #: of grids; where neither it nor ids are said, the region's lowest
    kind: str | None = None
    ids: tuple[str, ...] | None = None
    name: str | None = None
    name_zh: str | None = None
    name_mn: str | None = None
    name_en: str | None = None
    apart_s: float = 1_800.0  #: visits that are less than this apart are one round
    stay_s: float = 0.0  #: a shorter visit does not count
    within_m: float = 100.0  #: of a checkpoint or post
    active: dict[str, Any] | None = None  #: when visits count, as a fence's; None: always
    applies_to: dict[str, Any] | None = None  #: whose visits count, as a fence's; None: everyone's


_COLUMNS = ", ".join(Duty.__dataclass_fields__)
_PUT = text(
    f"INSERT INTO plan_duties ({_COLUMNS}, edited_by)"
    f" VALUES ({', '.join(f':{name}' for name in Duty.__dataclass_fields__)}, :by)"
    " ON CONFLICT (id) DO UPDATE SET edited_at = clock_timestamp(), edited_by = excluded.edited_by,"
    + ", ".join(f" {name} = excluded.{name}" for name in Duty.__dataclass_fields__ if name != "id")
).bindparams(*_JSON)


def listed(connection: Connection, duty: str | None = None) -> list[Duty]:
    """The duties of the plan by id, or the one that is asked for; NoSuchDutyError without it."""
    rows = connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM plan_duties WHERE CAST(:duty AS text) IS NULL OR id = :duty"
            ' ORDER BY id COLLATE "C"'
        ),
        {"duty": duty},
    )
    found = [
        Duty(**{**row, "ids": None if row["ids"] is None else tuple(row["ids"])})
        for row in rows.mappings()
    ]
    if duty is not None and not found:
        raise NoSuchDutyError(f"{duty}: there is no such duty; GET /api/plan/duties lists them")
    return found


def add(connection: Connection, duty: Duty, region: Region, *, by: str) -> Duty:
    """Take a new duty into the plan. Raises DutyExistsError, BadDutyError."""
    found = connection.execute(
        text("SELECT 1 FROM plan_duties WHERE id = :id"), {"id": duty.id}
    ).first()
    if found:
        raise DutyExistsError(f"duty {duty.id} exists already: change it with PUT")
    return put(connection, [duty], region, by=by)[0]


def put(connection: Connection, duties: Sequence[Duty], region: Region, *, by: str) -> list[Duty]:
    """Put duties in the place of those with their ids; all or none. Raises BadDutyError."""
    # One at a time: two that come together must not exceed what a plan holds.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('patrolgrid plan'))"))
    checked = [_checked(connection, duty, region) for duty in duties]
    rows = [{**asdict(d), "ids": None if d.ids is None else list(d.ids), "by": by} for d in checked]
    for row in rows:
        connection.execute(_PUT, row)
    count = connection.execute(text("SELECT count(*) FROM plan_duties")).scalar_one()
    if count > MOST_DUTIES:
        raise BadDutyError(f"a plan has {MOST_DUTIES} duties at most: one speaks of many places")
    return checked


def remove(connection: Connection, duty: str) -> None:
    """Take a duty out of the plan. Raises NoSuchDutyError."""
    gone = connection.execute(
        text("DELETE FROM plan_duties WHERE id = :id RETURNING id"), {"id": duty}
    )
    if gone.first() is None:
        raise NoSuchDutyError(f"{duty}: there is no such duty; GET /api/plan/duties lists them")


def read(given: Mapping[str, Any]) -> Duty:
    """A duty from a mapping, as a file has it; BadDutyError for what is none."""
    unknown = sorted(set(given) - set(Duty.__dataclass_fields__))
    if unknown:
        raise BadDutyError(
            f"duty has {unknown[0]!r}: it may have {', '.join(Duty.__dataclass_fields__)}"
        )
    if not isinstance(given.get("id"), str):
        raise BadDutyError("duty: give it an id")
    ids = given.get("ids")
    if ids is not None and not isinstance(ids, list | tuple):
        raise BadDutyError(f"duty {given['id']}: ids is no list")
    return Duty(**{**given, "ids": None if ids is None else tuple(ids)})


def _checked(connection: Connection, duty: Duty, region: Region) -> Duty:
    where = f"duty {duty.id}"
    if not isinstance(duty.id, str) or not _ID.fullmatch(duty.id) or not is_line(duty.id):
        raise BadDutyError(
            f"duty {duty.id!r}: an id has 1 to 200 characters, none of them / ? or #"
        )
    if duty.layer not in get_args(Visited):
        raise BadDutyError(f"{where}: layer is one of {', '.join(get_args(Visited))}")
    if duty.per not in get_args(Per):
        raise BadDutyError(f"{where}: per is one of {', '.join(get_args(Per))}")
    _check_numbers(where, duty)
    for name in ("name", "name_zh", "name_mn", "name_en"):
        value = getattr(duty, name)
        if value is not None and not (
            isinstance(value, str) and len(value) <= 200 and is_line(value)
        ):
            raise BadDutyError(f"{where}: {name} is a line of up to 200 characters")
    try:
        active = None if duty.active is None else fences.active(duty.active)
        applies_to = None if duty.applies_to is None else fences.applies_to(duty.applies_to)
    except BadValueError as error:
        raise BadDutyError(f"{where}: {error}") from error
    checked = replace(duty, active=active, applies_to=applies_to)
    _check_targets(connection, where, checked, region)
    return checked


def _check_numbers(where: str, duty: Duty) -> None:
    if not _is_number(duty.rounds, 1, 100) or duty.rounds != int(duty.rounds):
        raise BadDutyError(f"{where}: rounds is a whole number from 1 to 100")
    if not _is_number(duty.apart_s, 0, 86_400):
        raise BadDutyError(f"{where}: apart_s is 0 to 86,400 s")
    if not _is_number(duty.stay_s, 0, 86_400):
        raise BadDutyError(f"{where}: stay_s is 0 to 86,400 s")
    if not _is_number(duty.within_m, 1, 10_000):
        raise BadDutyError(f"{where}: within_m is 1 to 10,000 m")


def _is_number(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _check_targets(connection: Connection, where: str, duty: Duty, region: Region) -> None:
    columns = layer(duty.layer).columns
    if duty.level is not None:
        if duty.layer != "grids":
            raise BadDutyError(f"{where}: {duty.layer} have no level: leave it out")
        try:
            hierarchy.check_level(connection, duty.level, region.level_names)
        except RegionError as error:
            raise BadDutyError(f"{where}: {error}") from error
    if duty.kind is not None:
        kinds = columns["kind"].choices if "kind" in columns else ()
        if duty.kind not in kinds:
            some = f"give one of {', '.join(kinds)}" if kinds else "leave it out"
            raise BadDutyError(f"{where}: kind is {duty.kind!r}: {some}")
    if duty.ids is None:
        return
    if not 1 <= len(duty.ids) <= MOST_IDS or not all(isinstance(one, str) for one in duty.ids):
        raise BadDutyError(f"{where}: ids is a list of 1 to {MOST_IDS:,} ids; left out, it is all")
    there = set(
        connection.execute(
            text(f"SELECT id FROM {duty.layer} WHERE id = ANY(:ids)"), {"ids": list(duty.ids)}
        ).scalars()
    )
    strangers = [one for one in duty.ids if one not in there]
    if strangers:
        raise BadDutyError(f"{where}: there is no {strangers[0]!r} among the {duty.layer}")
