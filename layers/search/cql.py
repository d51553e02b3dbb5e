"""A CQL2 filter → a condition in SQL on a layer's columns: checked, typed and parametrised.

Only the operators named here reach the database, each with arguments of the kinds that it takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import shapely
from sqlalchemy import (
    DateTime,
    Double,
    Text,
    and_,
    cast,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import TIMESTAMP

from layers.errors import BadFilterError
from layers.places import Layer
from layers.search import cql_text
from layers.search.geometries import shape_of
from layers.search.operators import COMPARED, COUNTED, SPATIAL, TEMPORAL, Ends, Sql
from layers.search.times import span


@dataclass(frozen=True, kw_only=True)
class Term:
    """A part of a filter in SQL, with the kind of its value."""

    sql: Sql
    kind: str  #: text, number, boolean, time, json or geometry
    text: str | None = None  #: of a literal text: it may yet be meant as a time
    fixed: bool = False  #: whether it is a literal


_KINDS = {"integer": "number"}


def condition(of: Layer, text: str, *, language: str, system: str) -> Sql:
    """The condition of a filter in ``cql2-text`` or ``cql2-json`` on the layer ``of``.

    Its geometries are of the reference ``system``. Raises BadFilterError, BadQueryError.
    """
    if language == "cql2-text":
        tree = cql_text.parse(text)
    else:
        if len(text) > cql_text.LONGEST:
            raise BadFilterError(f"filter: give {cql_text.LONGEST} characters at most")
        try:
            tree = msgspec.json.decode(text.encode())
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise BadFilterError(f"filter: it is no JSON: {error}") from None
    return _Compiler(of, system).boolean(tree, 0)


class _Compiler:
    def __init__(self, of: Layer, system: str) -> None:
        self._of, self._system = of, system

    def boolean(self, node: Any, depth: int) -> Sql:
        """A node as a condition."""
        found = self._term(node, depth)
        if found.kind != "boolean":
            raise BadFilterError(f"filter: {_told(node)} is neither true nor false")
        return found.sql

    def _term(self, node: Any, depth: int) -> Term:
        if depth > cql_text.DEEPEST:
            raise BadFilterError(f"filter: it nests deeper than {cql_text.DEEPEST}")
        if isinstance(node, bool):
            return Term(sql=true() if node else false(), kind="boolean", fixed=True)
        if isinstance(node, int | float):
            return Term(sql=literal(_finite(node), Double), kind="number", fixed=True)
        if isinstance(node, str):
            if "\0" in node:
                raise BadFilterError("filter: a text in it holds NUL")
            return Term(sql=cast(literal(node), Text), kind="text", text=node, fixed=True)
        if not isinstance(node, dict):
            raise BadFilterError(f"filter: {_told(node)} has no meaning here")
        return self._object(node, depth)

    def _object(self, node: Mapping[str, Any], depth: int) -> Term:
        if "op" in node:
            return self._operation(str(node["op"]).lower(), node.get("args"), depth)
        if "property" in node:
            return self._property(str(node["property"]))
        for kind in ("timestamp", "date"):
            if kind in node:
                return Term(sql=_moment(span(node[kind], "filter")[0]), kind="time", fixed=True)
        if "bbox" in node or "type" in node:
            shape = shape_of(node, self._system)
            sql = func.ST_GeomFromWKB(shapely.to_wkb(shape), 4326)
            return Term(sql=sql, kind="geometry", fixed=True)
        raise BadFilterError(f"filter: {_told(node)} has no meaning here")

    def _property(self, name: str) -> Term:
        table = self._of.table
        if name in {"geom", "geometry"}:
            return Term(sql=table.c.geom, kind="geometry")
        if name == "id":
            return Term(sql=table.c.id, kind="text")
        if name not in self._of.columns:
            known = ", ".join(("id", *self._of.columns, "geom"))
            raise BadFilterError(
                f"filter: {self._of.name} have no property {name[:60]!r}: there are {known}"
            )
        kind = self._of.columns[name].kind
        return Term(sql=table.c[name], kind=_KINDS.get(kind, kind))

    def _operation(self, name: str, arguments: Any, depth: int) -> Term:
        if not isinstance(arguments, list) or not arguments:
            raise BadFilterError(f"filter: {name[:40]!r} has no args")
        if name in {"and", "or"}:
            parts = [self.boolean(one, depth + 1) for one in arguments]
            return _boolean((and_ if name == "and" else or_)(*parts))
        if name in TEMPORAL:
            first, second = (self._ends(one) for one in _counted(name, arguments, 2))
            return _boolean(TEMPORAL[name](first, second))
        if name == "in":
            return self._in(_counted(name, arguments, 2), depth)
        terms = [self._term(one, depth + 1) for one in arguments]
        made = _by_name(name, terms)
        if made is None:
            raise BadFilterError(
                f"filter: {name[:40]!r} is no function or operator of this service"
            )
        return made

    def _in(self, arguments: list[Any], depth: int) -> Term:
        if not isinstance(arguments[1], list) or not arguments[1]:
            raise BadFilterError("filter: IN takes a list")
        left = self._term(arguments[0], depth + 1)
        rest = [self._term(one, depth + 1) for one in arguments[1]]
        return _boolean(or_(*(_compared("=", left, one).sql for one in rest)))

    def _ends(self, node: Any) -> Ends:
        """First and last moment of an operand of a temporal function."""
        if isinstance(node, dict) and "interval" in node:
            ends = node["interval"]
            if not isinstance(ends, list) or len(ends) != 2:
                raise BadFilterError("filter: INTERVAL takes its two ends")
            return self._end(ends[0], 0), self._end(ends[1], 1)
        return self._end(node, 0), self._end(node, 1)

    def _end(self, node: Any, which: int) -> Sql:
        if node == "..":
            return cast(literal(("-infinity", "infinity")[which]), TIMESTAMP(timezone=True))
        told = node
        if isinstance(node, dict):
            told = node.get("timestamp", node.get("date"))
        if isinstance(told, str):
            return _moment(span(told, "filter")[which])
        found = self._term(node, 0)
        if found.kind != "time":
            raise BadFilterError(f"filter: {_told(node)} is no time")
        return found.sql


def _by_name(name: str, terms: list[Term]) -> Term | None:
    """What an operator makes of its arguments; None when there is no such operator."""
    if name in COMPARED:
        return _compared(name, *_counted(name, terms, 2))
    if name in COUNTED:
        first, second = (_kind(one, "number", name) for one in _counted(name, terms, 2))
        return Term(sql=COUNTED[name](cast(first, Double), cast(second, Double)), kind="number")
    if name in SPATIAL or name == "s_disjoint":
        return _spatial(name, *_counted(name, terms, 2))
    if name == "casei":
        return Term(sql=func.lower(_kind(_counted(name, terms, 1)[0], "text", name)), kind="text")
    made = _predicate(name, terms)
    return None if made is None else _boolean(made)


def _predicate(name: str, terms: list[Term]) -> Sql | None:
    """The condition of an operator that is written in words; None when there is no such one."""
    if name == "not":
        return not_(_kind(_counted(name, terms, 1)[0], "boolean", name))
    if name == "isnull":
        return _counted(name, terms, 1)[0].sql.is_(None)
    if name == "like":
        first, second = (_kind(one, "text", name) for one in _counted(name, terms, 2))
        return first.like(second)
    if name == "between":
        value, low, high = _counted(name, terms, 3)
        return and_(_compared(">=", value, low).sql, _compared("<=", value, high).sql)
    return None


def _boolean(sql: Sql) -> Term:
    return Term(sql=sql, kind="boolean")


def _counted(name: str, arguments: list[Any], count: int) -> list[Any]:
    if len(arguments) != count:
        raise BadFilterError(f"filter: {name} takes {count} arguments, not {len(arguments)}")
    return arguments


def _kind(term: Term, kind: str, name: str) -> Sql:
    if term.kind != kind:
        raise BadFilterError(f"filter: {name} takes a {kind}, not a {term.kind}")
    return term.sql


def _compared(name: str, left: Term, right: Term) -> Term:
    left, right = _as_time(left, right), _as_time(right, left)
    if left.kind != right.kind:
        raise BadFilterError(f"filter: a {left.kind} is compared with a {right.kind}")
    if left.kind in {"json", "geometry"}:
        raise BadFilterError(f"filter: {name} does not compare a {left.kind}")
    return _boolean(COMPARED[name](left.sql, right.sql))


def _as_time(term: Term, other: Term) -> Term:
    """A text that is compared with a time is read as one."""
    if other.kind == "time" and term.text is not None:
        return Term(sql=_moment(span(term.text, "filter")[0]), kind="time", fixed=True)
    return term


def _spatial(name: str, left: Term, right: Term) -> Term:
    first, second = _kind(left, "geometry", name), _kind(right, "geometry", name)
    if name == "s_disjoint":
        return _boolean(not_(func.ST_Intersects(first, second)))
    # && by itself finds the index even where row-level security keeps the function from it.
    near: Sql = first.op("&&", is_comparison=True)(second)
    return _boolean(and_(near, SPATIAL[name](first, second)))


def _moment(value: datetime) -> Sql:
    return literal(value, DateTime(timezone=True))


def _finite(number: int | float) -> float:
    try:
        found = float(number)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise BadFilterError("filter: a number in it is beyond what a double holds")
    return found


def _told(node: Any) -> str:
    """A node as a message shows it, never long."""
    try:
        text = msgspec.json.encode(node).decode()
    except (TypeError, ValueError, RecursionError):
        text = str(type(node).__name__)
    return text if len(text) <= 60 else f"{text[:57]}…"
