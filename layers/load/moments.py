"""Times as people and spreadsheets write them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, timedelta
from typing import Literal

from layers.errors import BadValueError
from layers.places.columns import shown

#: Which comes first in ``03/01/2026``.
Order = Literal["day-first", "month-first"]
ORDERS: tuple[Order, ...] = ("day-first", "month-first")

_CLOCK = (
    r"(?:[ T]*(?P<half>上午|下午|凌晨|晚上|中午)?\s*(?P<hour>\d{1,2})"
    r"(?:[:时点]\s*(?P<minute>\d{1,2})"
    r"(?:[:分]\s*(?P<second>\d{1,2})(?:[.,](?P<part>\d{1,6})\d*)?\s*秒?)?\s*分?|[时点])"
    r"\s*(?P<ampm>[AaPp]\.?[Mm]\.?)?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_YEAR_FIRST = re.compile(
    rf"(?P<year>\d{{4}})\s*(?P<sep>[-/.年])\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}})\s*[日号]?{_CLOCK}"
)
_YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})(?P<sep>[./-])(?P<then>\d{{1,2}})[./-](?P<year>\d{{4}})\s*г?\.?,?{_CLOCK}"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_EXCEL_DAYS = (20_000, 80_000)  #: 1954 to 2119
_EXCEL_EPOCH = date(1899, 12, 30)
_UNIX_S, _UNIX_MS = (10**9, 4 * 10**9), (10**12, 4 * 10**12)


def read(name: str, text: str, order: Order | None) -> datetime | None:
    """The time that a text of column ``name`` says, with its zone if it says one; None where it is
    no such text. Raises BadValueError for what can be read in two ways.

    ``2026/3/1 8:00``, ``2026年3月1日 8时30分``, ``01.03.2026 08:00`` (with points the day comes
    first); with slashes ``order`` says, unless one of the numbers can be no month.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        pass
    _check_number(name, plain)
    found = _YEAR_FIRST.fullmatch(plain)
    if found is not None:
        _check_night(name, text, found)
        return _time(found, int(found["month"]), int(found["day"]))
    found = _YEAR_LAST.fullmatch(plain)
    if found is None:
        return None
    _check_night(name, text, found)
    first, then = int(found["first"]), int(found["then"])
    said = "day-first" if found["sep"] == "." else order
    if said == "day-first" or (said is None and (first > 12 or first == then)):
        return _time(found, then, first)
    if said == "month-first" or then > 12:
        return _time(found, first, then)
    raise BadValueError(
        f"{name} is {shown(text)}, which may have the day or the month first: say which with"
        " --dates day-first or --dates month-first"
    )


def _time(found: re.Match[str], month: int, day: int) -> datetime | None:
    """The time of what was found; None where there is no such day or hour."""
    hour = int(found["hour"] or 0)
    ampm = (found["ampm"] or "").lower().replace(".", "")
    if ampm and not 1 <= hour <= 12:
        return None
    if ampm:
        hour = hour % 12 + 12 * (ampm == "pm")
    elif found["half"]:
        said = _hour(found["half"], hour)
        if said is None:
            return None
        hour = said
    part = (found["part"] or "").ljust(6, "0")[:6]
    text = (
        f"{found['year']}-{month:02}-{day:02}T{hour:02}:{int(found['minute'] or 0):02}"
        f":{int(found['second'] or 0):02}.{part}"
    )
    zone = {"UTC": "Z", "GMT": "Z"}.get(found["zone"] or "", found["zone"] or "")
    try:
        return datetime.fromisoformat(text + zone)
    except ValueError:
        return None


def _hour(half: str, hour: int) -> int | None:
    """The hour of 24 that one of twelve is with a word before it; None where the two contradict
    each other. One of 24 stays."""
    if half in ("上午", "凌晨"):
        return hour % 12 if hour <= 12 else None
    if half == "中午":
        return hour if 10 <= hour <= 14 else hour + 12 if 1 <= hour <= 3 else None
    return hour + 12 if hour < 12 else hour


def _check_night(name: str, text: str, found: re.Match[str]) -> None:
    """Raise BadValueError for midnight and after by the word of the evening: of which day it is
    nobody can tell."""
    if found["half"] == "晚上" and int(found["hour"]) in (*range(5), 12, 24):
        raise BadValueError(
            f"{name} is {shown(text)}, which may be of that day or of the next: write 0:30 or"
            " 凌晨0:30 with its day"
        )


def _check_number(name: str, plain: str) -> None:
    """Raise BadValueError for a bare number, which a spreadsheet or a machine took for a time."""
    if not _NUMBER.fullmatch(plain):
        return
    number = float(plain.replace(",", "."))
    if _EXCEL_DAYS[0] <= number <= _EXCEL_DAYS[1]:
        day = _EXCEL_EPOCH + timedelta(days=int(number))
        raise BadValueError(
            f"{name} is {plain}, which looks like a spreadsheet's number of a day ({day:%Y-%m-%d},"
            " or four years later): format the column as dates, and write the file again"
        )
    if _UNIX_S[0] <= number <= _UNIX_S[1] or _UNIX_MS[0] <= number <= _UNIX_MS[1]:
        raise BadValueError(
            f"{name} is {plain}, which looks like seconds or milliseconds since 1970: write times"
            " such as 2026-03-01T08:00:00+08:00"
        )
