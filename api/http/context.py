"""What a request works with: the service's parts, and one transaction on its behalf."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from api.settings import Settings
from layers.db.engine import Principal, acting
from layers.region import Region


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts that every request shares; built once, in ``create_app``."""

    settings: Settings
    engine: Engine
    region: Region
    demo: bool = False  #: whether the service is ready only with the demo in
    state: dict[str, object] = field(default_factory=dict)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


def _reading(request: Request) -> Iterator[Connection]:
    """A transaction that sees one state of the data from its first statement to its last."""
    with acting(_service(request).engine, _principal(request), "patrolgrid_read") as connection:
        yield connection


def _writing(request: Request) -> Iterator[Connection]:
    with acting(_service(request).engine, _principal(request), "patrolgrid_write") as connection:
        yield connection


def _gate(request: Request) -> Iterator[Connection]:
    with acting(_service(request).engine, _principal(request), "patrolgrid_gate") as connection:
        yield connection


Parts = Annotated[Service, Depends(_service)]
Who = Annotated[Principal, Depends(_principal)]
# "function": the transaction ends before the answer leaves, so that an answer is a fact.
Reading = Annotated[Connection, Depends(_reading, scope="function")]
Writing = Annotated[Connection, Depends(_writing, scope="function")]
Gate = Annotated[Connection, Depends(_gate, scope="function")]
