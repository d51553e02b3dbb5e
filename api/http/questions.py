"""What follows the ? of an address: parameters that the route has, and each of them once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant

from api.http.errors import ApiError

#: What libraries add so that nothing is taken from a cache, and how many a list may have at most,
#: which one that is never in pages keeps to anyway.
_PASSED_OVER = frozenset({"_", "v", "limit"})


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


def check_known(request: Request, known: Mapping[str, bool], *, status: int = 422) -> None:
    """Refuse a parameter that is not ``known``: what is passed over in silence misleads."""
    for name in request.query_params:
        if name not in known and name not in _PASSED_OVER:
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
