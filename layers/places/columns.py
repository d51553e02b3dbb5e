"""What a column takes: one checked value from a file's cell or a feature's property."""

from __future__ import annotations

import json
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from layers.errors import BadValueError

Kind = Literal["text", "integer", "number", "boolean", "time", "json"]

_TRUE = {"true", "t", "yes", "y", "1", "1.0"}
_FALSE = {"false", "f", "no", "n", "0", "0.0"}
#: PostgreSQL's int; no count of ours comes near it.
_MOST_INTEGER = 2**31 - 1
_MOST_CHARACTERS = 1000
#: What shows nothing and joins nothing: blanks of no width, marks of direction, soft hyphens.
INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")
_NO_LINE = {"Cc", "Cs", "Zl", "Zp"}  # Unicode's categories of these


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a layer and what may stand in it."""

    name: str
    kind: Kind = "text"
    default: Any = None  #: what a missing value becomes
    needed: bool = False  #: it may not be missing, and has no default
    choices: tuple[str, ...] = ()  #: the words that are allowed; empty: any
    also: Mapping[str, str] = field(default_factory=dict)  #: what others write, lower case → ours
    least: float | None = None
    most: float | None = None
    above: float | None = None  #: the value must be greater than this
    read_only: bool = False  #: computed here; ignored on the way in
    refers: str | None = None  #: the layer whose ids stand in it
    check: Callable[[Any], Any] | None = None  #: of JSON: its meaning; gives it back tidied

    def parse(self, value: object) -> Any:
        """``value`` as it is stored; the default for a missing one.

        Raises BadValueError that says what is wrong and what would be right.
        """
        if is_missing(value):
            if self.needed:
                raise BadValueError(f"{self.name} is missing: give {self._wanted()}")
            return self.default
        try:
            parsed = _PARSERS[self.kind](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadValueError(f"{self.name} is {shown(value)}: give {self._wanted()}") from error
        if self.also:
            parsed = self.also.get(parsed.lower(), parsed)
        self._check_limits(parsed)
        return self.check(parsed) if self.check else parsed

    def _check_limits(self, parsed: Any) -> None:
        if self.choices and parsed not in self.choices:
            raise BadValueError(f"{self.name} is {shown(parsed)}: give {self._wanted()}")
        below = self.least is not None and parsed < self.least
        under = self.above is not None and parsed <= self.above
        if below or under or (self.most is not None and parsed > self.most):
            raise BadValueError(f"{self.name} is {shown(parsed)}: give {self._wanted()}")

    def _wanted(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        most = _MOST_INTEGER if self.kind == "integer" and self.most is None else self.most
        limits = [
            f"{words} {limit:.10g}"
            for words, limit in (("from", self.least), ("above", self.above), ("up to", most))
            if limit is not None
        ]
        return " ".join([_WORDS[self.kind], *limits])


def is_missing(value: object) -> bool:
    """Whether a cell is empty: None, NaN, NaT, NA or blank text."""
    # Who has an NA has imported pandas; who has none need not wait for it.
    if value is None or ("pandas" in sys.modules and value is sys.modules["pandas"].NA):
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float | np.floating | datetime) and value != value  # noqa: PLR0124


def shown(value: object) -> str:
    """A value as a message shows it: as it was given, but never long."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def text_of(value: object) -> str:
    """A text without what nobody sees; a whole number from a file loses its ``.0``.

    Raises ValueError for anything else.
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and math.isfinite(value) and value == int(value):
        value = int(value)
    if not isinstance(value, str | int | float | np.number):
        raise ValueError("no text")
    text = str(value)
    # Two that look the same are the same.
    text = (text if text.isascii() else INVISIBLE.sub("", text)).strip()
    if len(text) > _MOST_CHARACTERS or not is_line(text):
        raise ValueError("too long, or holds control characters")
    return text


def is_line(text: str) -> bool:
    """Whether a text holds no control character, line end or half of a pair (UTF-16).

    Not ``isprintable``: Mongolian script joins by invisible characters, and so do emoji.
    """
    return text.isprintable() or _NO_LINE.isdisjoint(map(unicodedata.category, text))


def _integer(value: object) -> int:
    number = _number(value)
    if number != int(number) or abs(number) > _MOST_INTEGER:
        raise ValueError("no whole number")
    return int(number)


def _number(value: object) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, str | int | float | np.number):
        raise ValueError("no number")
    number = float(value)
    if not math.isfinite(number) or "_" in str(value):
        raise ValueError("no finite number")
    return number


def _boolean(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    word = text_of(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("neither true nor false")
    return word in _TRUE


def _time(value: object) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError("no time zone")
    moment = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value  # pandas' own
    # PostgreSQL stores what lies outside the years 1 to 9999 in UTC, and then nobody can read it.
    return moment.astimezone(UTC)


def _json(value: object) -> Any:
    return json.loads(value) if isinstance(value, str) else value


_PARSERS: dict[Kind, Callable[[object], Any]] = {
    "text": text_of,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "json": _json,
}

_WORDS: dict[Kind, str] = {
    "text": f"text of one line, at most {_MOST_CHARACTERS} characters",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "time": "a time with its zone, such as 2026-03-01T08:00:00+08:00",
    "json": "a JSON object",
}
