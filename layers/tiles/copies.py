"""Copies of whole layers in memory, which tiles are cut from; each brought up to date by id."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import psycopg
import shapely
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from geo.tiles.encoding import wide_bounds
from layers import versions
from layers.db.engine import Principal, acting
from layers.errors import DatabaseUnavailableError
from layers.tiles import reading
from layers.tiles.log import Log

#: Layers, each as one right sees it, that are held at most.
_MOST_COPIES = 64
#: Features that were changed since the layer was read as a whole; with more it is read anew.
_MOST_CHANGED = 5_000
#: How long another transaction may keep a tile from being read; whoever asks is told to come back.
_WAIT = text("SET LOCAL lock_timeout = '5s'")


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Rows, and where they are."""

    rows: reading.Rows
    row_of: dict[str, int]  #: by id
    there: np.ndarray  #: which rows have a place
    tree: shapely.STRtree  #: of the boxes of these
    alive: np.ndarray  #: which rows hold still

    @classmethod
    def of(cls, rows: reading.Rows) -> _Block:
        bounds = rows.shapes.bounds
        there = np.flatnonzero(np.isfinite(bounds[:, 0]))
        return cls(
            rows=rows,
            row_of={feature_id: n for n, feature_id in enumerate(rows.ids)},
            there=there,
            tree=shapely.STRtree(shapely.box(*bounds[there].T)),
            alive=np.ones(len(bounds), dtype=bool),
        )

    def without(self, ids: Iterable[str]) -> _Block:
        """The block, with the rows of these ids dead."""
        alive = self.alive.copy()
        alive[[self.row_of[one] for one in ids if one in self.row_of]] = False
        return replace(self, alive=alive)

    def meeting(self, box: shapely.Geometry) -> np.ndarray:
        """The rows whose boxes meet ``box``, ascending."""
        found = np.sort(self.there[self.tree.query(box)])
        return found[self.alive[found]]


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A layer as one right sees it, at one state of the data."""

    blocks: tuple[_Block, ...]  #: the layer as it was read, and what changed since
    version: versions.DataVersion
    heard: int  #: the number of changes that were known before it was read
    changed: frozenset[str] = frozenset()  #: ids that the last block is about

    def __len__(self) -> int:
        return sum(int(block.alive.sum()) for block in self.blocks)

    def layer(self, name: str, z: int, x: int, y: int, share: float = 1.0) -> bytes:
        """The layer's part of a tile, of whose bytes it may take that share."""
        box = shapely.box(*wide_bounds(z, x, y))
        held = [(block.rows, block.meeting(box)) for block in self.blocks]
        return reading.encode(name, held, z, x, y, share)


class Copies:
    """The copies of a process; the one used longest ago makes room."""

    def __init__(self, engine: Engine, log: Log) -> None:
        self._engine, self._log = engine, log
        self._copies: OrderedDict[tuple[str, str], Copy] = OrderedDict()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, principal: Principal, sees: str, name: str) -> Copy:
        """The layer as ``principal`` sees it, no older than what was heard before the call.

        ``sees`` is the same for all who see the same. Raises DatabaseUnavailableError, too where
        another transaction keeps readers from the layer for long, as its first load does.
        """
        key = (sees, name)
        with self._lock:
            own = self._locks.setdefault(key, threading.Lock())
        with own:
            heard = self._log.heard
            with self._lock:
                held = self._copies.get(key)
            if held is None or not self._log.quiet(name, held.heard):
                held = self._read(principal, name, held, heard)
            with self._lock:
                self._copies[key] = held
                self._copies.move_to_end(key)
                while len(self._copies) > _MOST_COPIES:
                    self._locks.pop(self._copies.popitem(last=False)[0], None)
            return held

    def held(self, sees: str, name: str, heard: int) -> Copy | None:
        """The layer's copy, if there is one as good as one read after ``heard`` changes."""
        with self._lock:
            copy = self._copies.get((sees, name))
            if copy is None or not (copy.heard >= heard or self._log.quiet(name, copy.heard)):
                return None
            self._copies.move_to_end((sees, name))
            return copy

    def _read(self, principal: Principal, name: str, held: Copy | None, heard: int) -> Copy:
        """The layer anew, or only what changed of it."""
        ids = self._log.ids(name, held.heard) if held is not None else None
        changed = None if ids is None or held is None else held.changed | ids
        with _patiently(name), acting(self._engine, principal, "patrolgrid_read") as connection:
            connection.execute(_WAIT)
            version = versions.read(connection, [name])
            if held is None or changed is None or len(changed) > _MOST_CHANGED:
                block = _Block.of(reading.read(connection, name))
                return Copy(blocks=(block,), version=version, heard=heard)
            newer = _Block.of(reading.read(connection, name, ids=sorted(changed)))
        older = held.blocks[0].without(changed)
        return Copy(blocks=(older, newer), version=version, heard=heard, changed=changed)


@contextlib.contextmanager
def _patiently(name: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        beneath = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(beneath, psycopg.errors.LockNotAvailable):
            raise DatabaseUnavailableError(
                f"{name}: the layer is being loaded or changed as a whole; try again shortly"
            ) from error
        raise
