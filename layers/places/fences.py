"""What a fence's rule may say: active hours and dates, whom it applies to, and on which shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from layers.errors import BadFeatureError, BadValueError
from layers.places.columns import is_line

RULES = ("keep_out", "keep_in", "line", "presence")
DIRECTIONS = ("any", "left_to_right", "right_to_left")
SEVERITIES = ("info", "low", "medium", "high", "critical")
UNIT_KINDS = ("vehicle", "motorcycle", "horse", "foot", "drone", "robot", "collar", "sensor")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def active(value: Any) -> dict[str, Any] | None:
    """``active`` checked and tidied; an empty object is None, which means always.

    Raises BadValueError for what is not ``{"weekly": […], "dates": […]}``.
    """
    given = _members(value, "active", ("weekly", "dates"))
    found = {
        name: _entries(given[name], f"active.{name}", read)
        for name, read in (("weekly", _weekly), ("dates", _dates))
        if given.get(name) is not None
    }
    return found or None


def applies_to(value: Any) -> dict[str, Any] | None:
    """``applies_to`` checked; an empty object is None, which means every unit.

    Raises BadValueError for what is not ``{"kinds": […], "teams": […], "units": […]}``.
    """
    given = _members(value, "applies_to", ("kinds", "teams", "units"))
    found = {
        name: _entries(given[name], f"applies_to.{name}", _word)
        for name in ("kinds", "teams", "units")
        if given.get(name) is not None
    }
    unknown = sorted(set(found.get("kinds", [])) - set(UNIT_KINDS))
    if unknown:
        raise BadValueError(
            f"applies_to.kinds has {unknown[0]!r}: give one of {', '.join(UNIT_KINDS)}"
        )
    return found or None


def check_shape(rule: str, geometry_type: str) -> None:
    """Raise BadFeatureError unless a fence of this rule may have a geometry of this type."""
    if (rule == "line") != geometry_type.endswith("LineString"):
        wanted = "a LineString" if rule == "line" else "a Polygon"
        raise BadFeatureError(f"rule {rule!r} on a {geometry_type}: give it {wanted}")


def check_start(valid_from: datetime | None, shown: str | None) -> None:
    """Raise BadFeatureError for an edit that is to hold from before what it replaces does."""
    if valid_from is None or shown is None:
        return
    begun = datetime.fromisoformat(shown)
    if valid_from < begun and valid_from <= datetime.now(UTC):
        raise BadFeatureError(
            f"valid_from lies before {shown}, from which the version holds that this replaces: give"
            " a later one, or leave it out for now"
        )


def _members(value: Any, where: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadValueError(f"{where} is no JSON object: give {{{', '.join(known)}}}")
    unknown = sorted(str(name) for name in value if name not in known)
    if unknown:
        raise BadValueError(f"{where} has {unknown[0]!r}: it may have {', '.join(known)}")
    return value


def _entries(value: Any, where: str, read: Callable[[Any, str], Any]) -> list[Any]:
    """A list with something in it: an empty one could mean both always and never."""
    if not isinstance(value, list) or not value:
        raise BadValueError(f"{where} is no list with entries: fill it or leave it out")
    return [read(entry, f"{where}[{n}]") for n, entry in enumerate(value)]


def _weekly(entry: Any, where: str) -> dict[str, Any]:
    given = _members(entry, where, ("days", "from", "to"))
    out: dict[str, Any] = {}
    if given.get("days") is not None:
        out["days"] = _entries(given["days"], f"{where}.days", _day)
    for end in ("from", "to"):
        clock = given.get(end)
        if clock is None:
            continue
        if not isinstance(clock, str) or not (
            _CLOCK.fullmatch(clock) or (end == "to" and clock == "24:00")
        ):
            raise BadValueError(f"{where}.{end} is {clock!r}: give a time such as 22:00")
        out[end] = clock
    return out


def _day(entry: Any, where: str) -> str:
    day = _word(entry, where).lower()
    if day not in DAYS:
        raise BadValueError(f"{where} is {day!r}: give one of {', '.join(DAYS)}")
    return day


def _dates(entry: Any, where: str) -> dict[str, str]:
    given = _members(entry, where, ("from", "to"))
    out = {}
    for end, day in given.items():
        try:
            out[end] = date.fromisoformat(day).isoformat()
        except (TypeError, ValueError) as error:
            raise BadValueError(
                f"{where}.{end} is {day!r}: give a date such as 2026-03-01"
            ) from error
    if not out or out.get("from", "") > out.get("to", "9999-12-31"):
        raise BadValueError(f"{where} has no day in it: give 'from' and a later 'to'")
    return out


def _word(entry: Any, where: str) -> str:
    if not isinstance(entry, str) or not entry.strip() or not is_line(entry):
        raise BadValueError(f"{where} is {entry!r}: give a word")
    return entry.strip()
