"""Rooms to walk in, lent out and taken back: to make one anew costs more than many a walk."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from geo.breaches.fences import Fences
from geo.breaches.ways import Room, room_for

_MOST_KEPT = 4
_LOCK = threading.Lock()
_FREE: weakref.WeakKeyDictionary[Fences, list[Room]] = weakref.WeakKeyDictionary()


@contextmanager
def lent(fences: Fences) -> Iterator[Room]:
    """A room that nobody else is in; one in which a walk failed is not lent again."""
    with _LOCK:
        free = _FREE.setdefault(fences, [])
        room = free.pop() if free else None
    if room is None:
        room = room_for(len(fences), len(fences.tree.edges))
    yield room
    with _LOCK:
        if len(free) < _MOST_KEPT:
            free.append(room)
