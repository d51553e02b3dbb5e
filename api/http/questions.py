"""What an address asks: parameters that the route has, each of them once, and numbers as such."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

from api.http.errors import ApiError

#: What libraries add so that nothing is taken from a cache.
_PASSED_OVER = frozenset({"_", "v"})
#: How many a list may have at most; one that is never in pages keeps to it anyway.
_LIMIT, _SOME = "limit", re.compile(r"0*[1-9][0-9]*")

#: Python also reads +5, 1_000, blanks and the digits of every script as numbers, and so would
#: pydantic; who wrote such a thing meant something else, and caches would hold it twice.
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def declared(of: Dependant) -> dict[str, bool]:
    """The query parameters of a route, and whether each may be there more than once."""
    return dict(_declared(of))


def _declared(of: Dependant) -> Iterator[tuple[str, bool]]:
    for one in of.query_params:
        yield one.alias, _is_list(one.field_info.annotation)
    for beneath in of.dependencies:
        yield from _declared(beneath)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))


def _is(kind: type, annotation: Any) -> bool:
    return annotation is kind or any(_is(kind, one) for one in get_args(annotation))


def numeric(of: Dependant) -> dict[tuple[str, str], type]:
    """The parameters of a route that are numbers, by place (path or query) and name."""
    return dict(_numeric(of))


def _numeric(of: Dependant) -> Iterator[tuple[tuple[str, str], type]]:
    for place, fields in (("path", of.path_params), ("query", of.query_params)):
        for one in fields:
            for kind in (int, float):
                if _is(kind, one.field_info.annotation):
                    yield (place, one.alias), kind
    for beneath in of.dependencies:
        yield from _numeric(beneath)


def numbers_of(text: str) -> list[float]:
    """Numbers by commas, blanks between them allowed. Raises ValueError for what is none."""
    parts = [part.strip(" ") for part in text.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError("give numbers by commas")
    return [float(part) for part in parts]


def check_numbers(request: Request, known: Mapping[tuple[str, str], type]) -> None:
    """Refuse a number that is not written as one. Raises RequestValidationError."""
    for (place, name), kind in known.items():
        given = (
            request.query_params.getlist(name)
            if place == "query"
            else [str(request.path_params[name])]
        )
        for value in given:
            if not (_WHOLE if kind is int else _NUMBER).fullmatch(value):
                what = "a whole number" if kind is int else "a number"
                said = f"{value[:40]!r} is not {what} in plain digits, such as 5"
                fault = {"type": "plain_number", "loc": (place, name), "msg": said, "input": value}
                raise RequestValidationError([fault])


def check_known(request: Request, known: Mapping[str, bool], *, status: int = 422) -> None:
    """Refuse a parameter that is not ``known``: what is passed over in silence misleads."""
    for name, value in request.query_params.multi_items():
        if name == _LIMIT and name not in known and not _SOME.fullmatch(value):
            raise ApiError(
                status, "bad_limit",
                f"limit: {value[:40]!r} is no whole number from 1 up in plain digits",
            )  # fmt: skip
        if name not in known and name not in {*_PASSED_OVER, _LIMIT}:
            there = ", ".join(sorted(known)) or "none"
            raise ApiError(
                status, "unknown_parameter",
                f"query parameter {name[:60]!r} is none of this path's: there are {there}",
            )  # fmt: skip


def check_once(request: Request, known: Mapping[str, bool], *, status: int = 422) -> None:
    """Refuse a parameter that is there twice, where one value alone can be meant."""
    for name in request.query_params:
        times = len(request.query_params.getlist(name))
        if times > 1 and known.get(name) is False:
            raise ApiError(
                status, "repeated_parameter",
                f"query parameter {name!r} is there {times} times: give it once",
            )  # fmt: skip
