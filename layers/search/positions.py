"""Where a page of a search ended: a place in its order, which holds while the data changes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, false, or_

from layers.errors import BadQueryError
from layers.places import Layer

Sql = ColumnElement[Any]
#: What PostgreSQL's integer holds; no value of a column is beyond it.
_MOST_INTEGER = 2**31
#: What JSON has for the kinds of columns that are no text there.
_TAKEN: dict[str, tuple[type, ...]] = {
    "integer": (int,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sort:
    """One thing that is sorted by; what is missing counts as the greatest, as in PostgreSQL."""

    column: str  #: of the layer, or ``id``
    descending: bool = False

    def flipped(self) -> Sort:
        """The other way."""
        return Sort(column=self.column, descending=not self.descending)


@dataclass(frozen=True, kw_only=True)
class Position:
    """A place between two features: behind, or before, the one that has these values."""

    values: tuple[Any, ...]  #: of what is sorted by; the last is the id
    backward: bool = False  #: whether what lies before it is wanted

    def text(self) -> str:
        """What ``position`` reads."""
        told = [one.isoformat() if isinstance(one, datetime) else one for one in self.values]
        way = "before" if self.backward else "after"
        return json.dumps({way: told}, ensure_ascii=False, separators=(",", ":"))


def whole(order: Sequence[Sort]) -> list[Sort]:
    """``order`` up to the id, by which no two features are equal; each column counts once."""
    first = {one.column: one for one in [*order, Sort(column="id")][::-1]}
    names = list(dict.fromkeys(one.column for one in [*order, Sort(column="id")]))
    return [first[name] for name in names[: names.index("id") + 1]]


def position(of: Layer, order: Sequence[Sort], text: str) -> Position:
    """The place that a text of ``Position.text`` names. Raises BadQueryError."""
    wrong = BadQueryError("cursor: take it from a link, with all else that the link asks")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(found, dict) or set(found) not in ({"after"}, {"before"}):
        raise wrong
    ((way, values),) = found.items()
    by = whole(order)
    if not isinstance(values, list) or len(values) != len(by):
        raise wrong
    try:
        read = tuple(_value(of, one.column, value) for one, value in zip(by, values, strict=True))
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    return Position(values=read, backward=way == "before")


def at(row: RowMapping, *, backward: bool) -> Position:
    """The place of a row that was selected with ``sorted_columns``."""
    names = sorted(
        (name for name in row if name.startswith("sorted_by_")),
        key=lambda name: int(name.removeprefix("sorted_by_")),
    )
    return Position(values=tuple(row[name] for name in names), backward=backward)


def sorted_columns(of: Layer, by: Sequence[Sort]) -> list[Sql]:
    """The values that are sorted by, under names of their own."""
    return [of.table.c[one.column].label(f"sorted_by_{n}") for n, one in enumerate(by)]


def ordered(of: Layer, by: Sequence[Sort]) -> list[Sql]:
    """``by`` as SQL."""
    columns = [(of.table.c[one.column], one.descending) for one in by]
    return [column.desc() if descending else column.asc() for column, descending in columns]


def beyond(of: Layer, by: Sequence[Sort], values: Sequence[Any]) -> Sql:
    """The condition that a feature comes behind ``values`` in the order ``by``."""
    found: list[Sql] = []
    equal: list[Sql] = []
    for one, value in zip(by, values, strict=True):
        column = of.table.c[one.column]
        found.append(and_(*equal, _behind(column, value, descending=one.descending)))
        equal.append(column.is_(None) if value is None else column == value)
    # One alone finds the index that it is sorted by.
    return or_(*found) if len(found) > 1 else found[0]


def _behind(column: Sql, value: Any, *, descending: bool) -> Sql:
    if descending:
        return column.is_not(None) if value is None else column < value
    if value is None:
        return false()
    return or_(column > value, column.is_(None)) if column.key != "id" else column > value


def _value(of: Layer, name: str, given: Any) -> Any:
    """A value of that column, as it was when it was read. Raises TypeError, ValueError."""
    if given is None and name != "id":
        return None
    kind = "text" if name == "id" else of.columns[name].kind
    # By its very type: a boolean is an int, too.
    if type(given) not in _TAKEN.get(kind, (str,)):
        raise TypeError(kind)
    if kind == "text" and "\0" in given:
        raise ValueError("PostgreSQL's text holds none")
    if kind == "time":
        return _time(given)
    if kind == "integer" and not -_MOST_INTEGER <= given < _MOST_INTEGER:
        raise ValueError("beyond an integer")
    if kind == "number" and not math.isfinite(float(given)):
        raise ValueError("no number")
    return float(given) if kind == "number" else given


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found.astimezone(UTC)
