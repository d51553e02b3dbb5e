"""The operators of CQL2 on two operands, each as the SQL that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Double, Numeric, and_, cast, func, or_

Sql = ColumnElement[Any]
Ends = tuple[Sql, Sql]
COMPARED: dict[str, Callable[[Sql, Sql], Sql]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
COUNTED: dict[str, Callable[[Sql, Sql], Sql]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": func.power,
    "div": lambda a, b: func.trunc(a / b),
    "%": lambda a, b: cast(func.mod(cast(a, Numeric), cast(b, Numeric)), Double),
}
SPATIAL = {
    "s_intersects": func.ST_Intersects,
    "s_equals": func.ST_Equals,
    "s_touches": func.ST_Touches,
    "s_within": func.ST_Within,
    "s_overlaps": func.ST_Overlaps,
    "s_crosses": func.ST_Crosses,
    "s_contains": func.ST_Contains,
}
#: How two spans of time lie, by their ends (CQL2's table of temporal functions).
TEMPORAL: dict[str, Callable[[Ends, Ends], Sql]] = {
    "t_after": lambda a, b: a[0] > b[1],
    "t_before": lambda a, b: a[1] < b[0],
    "t_disjoint": lambda a, b: or_(a[0] > b[1], a[1] < b[0]),
    "t_intersects": lambda a, b: and_(a[0] <= b[1], a[1] >= b[0]),
    "t_equals": lambda a, b: and_(a[0] == b[0], a[1] == b[1]),
    "t_contains": lambda a, b: and_(a[0] < b[0], a[1] > b[1]),
    "t_during": lambda a, b: and_(a[0] > b[0], a[1] < b[1]),
    "t_finishedby": lambda a, b: and_(a[0] < b[0], a[1] == b[1]),
    "t_finishes": lambda a, b: and_(a[0] > b[0], a[1] == b[1]),
    "t_meets": lambda a, b: a[1] == b[0],
    "t_metby": lambda a, b: a[0] == b[1],
    "t_overlappedby": lambda a, b: and_(a[0] > b[0], a[0] < b[1], a[1] > b[1]),
    "t_overlaps": lambda a, b: and_(a[0] < b[0], a[1] > b[0], a[1] < b[1]),
    "t_startedby": lambda a, b: and_(a[0] == b[0], a[1] > b[1]),
    "t_starts": lambda a, b: and_(a[0] == b[0], a[1] < b[1]),
}
