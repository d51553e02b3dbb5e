"""What a request works with: the service's parts, and one transaction on its behalf."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from api.http.room import Room
from api.http.slots import Slots
from api.http.underway import Underway
from api.settings import Settings
from layers.db.engine import Principal, acting
from layers.region import Region
from layers.tiles import Tiles

Answer = TypeVar("Answer")


class Kept:
    """The newest few answers that were costly to compute, by all that they depend on.

    A key holds the data's version and the asker's right, so what is kept is never stale and
    never shown to others; it is this process's own, and may be lost at any time. Who asks for what
    is being computed waits for it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._computing: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def peek(self, key: Hashable) -> Any:
        """What is kept under ``key``; None where nothing is."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def get(self, key: Hashable, compute: Callable[[], Answer]) -> Answer:
        """The answer under ``key``, computed if there is none; the caller leaves it unchanged."""
        with self._lock:
            turn = self._computing.setdefault(key, threading.Lock())
        try:
            with turn:
                with self._lock:
                    if key in self._answers:
                        self._answers.move_to_end(key)
                        found: Answer = self._answers[key]
                        return found
                made = compute()
                with self._lock:
                    self._answers[key] = made
                    while len(self._answers) > self._most:
                        self._answers.popitem(last=False)
                return made
        finally:
            with self._lock:
                self._computing.pop(key, None)


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts that every request shares; built once, in ``create_app``."""

    settings: Settings
    engine: Engine
    region: Region
    tiles: Tiles
    room: Room  #: what is being taken in at once
    demo: bool = False  #: whether the service is ready only with the demo in
    kept: Kept = field(default_factory=lambda: Kept(most=16))
    #: Series, each of which may be large.
    kept_series: Kept = field(default_factory=lambda: Kept(most=4))
    underway: Underway = field(default_factory=Underway)  #: what is being computed now
    #: Each download holds a connection of the pool for as long as its client takes.
    downloads: Slots = field(default_factory=lambda: Slots(4))


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
