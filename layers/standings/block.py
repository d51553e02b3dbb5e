"""A block of units: who they are, and where they stand; rows of ``standings`` as arrays."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from geo.breaches.records import RECORD
from layers.db import arrays
from layers.db.engine import raw

Ints = NDArray[np.int64]
#: Records of another layout are not read.
LAYOUT = zlib.crc32(repr(RECORD.descr).encode()) & 0x7FFFFFFF
#: So many units, by number, share a row.
SLOTS = 16
#: The time of who has no fix: the smallest integer, which is what numpy calls NaT.
NO_TIME = np.iinfo(np.int64).min

#: Where one unit stands. ``walked``: the records go up to this fix; ``sure``: no later fix changes
#: what it did.
HEAD = np.dtype(
    [
        ("time", "i8"), ("lon", "f8"), ("lat", "f8"),
        ("accuracy_m", "f4"), ("speed_ms", "f4"), ("heading_deg", "f4"), ("altitude_m", "f4"),
        ("battery", "f4"), ("received_at", "i8"),
        ("walked", "u1"), ("sure", "u1"), ("since_mark", "i4"), ("fences_at", "i8"),
    ]
)  # fmt: skip
TIMES = ("time", "received_at")
#: What each column is called as an array in PostgreSQL, and how an item is written there.
WIRE = {
    "f8": ("float8", ">f8"), "f4": ("real", ">f4"), "i8": ("bigint", ">i8"), "i4": ("int", ">i4"),
    "u1": ("boolean", "u1"),
}  # fmt: skip


def wire(name: str) -> tuple[str, str]:
    """The type of a column's items in PostgreSQL, and in NumPy as they are sent."""
    kind, item = WIRE[HEAD[name].str[1:]]
    return ("timestamptz" if name in TIMES else kind), item


@dataclass(frozen=True, kw_only=True, eq=False)
class Roster:
    """The units of a block, by slot; a slot without a unit has no id."""

    ids: NDArray[np.object_]
    enrolled: NDArray[np.bool_]
    kind: NDArray[np.object_]
    team: NDArray[np.object_]  #: "" without one
    max_gap_s: NDArray[np.float64]
    top_speed_ms: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    #: What others found out of these units, for as long as they stay the same.
    noted: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """A row of ``standings`` as it was at ``stamp``; nothing in it is ever changed."""

    stamp: int
    units_stamp: int
    roster: Roster
    # As bytes, for NumPy takes its time to join arrays of records.
    heads: bytes  #: HEAD by slot
    records: bytes  #: RECORD, ``unit`` the slot, ``fence`` the number of its version


def rosters(connection: Connection, blocks: Sequence[int]) -> dict[int, Roster]:
    """Who the units of blocks are now."""
    numbers = (np.asarray(blocks, dtype=np.int64)[:, None] * SLOTS + np.arange(SLOTS)).ravel()
    rows: Any = raw(connection).execute(
        "SELECT unit_no, id, disenrolled_at IS NULL, kind, coalesce(team, ''), max_gap_s,"
        " top_speed_ms, accuracy_m FROM units WHERE unit_no = ANY(%s)",
        [arrays.int4(numbers)],
        binary=True,
    )
    made = {block: _nobody() for block in blocks}
    for number, name, enrolled, kind, team, gap_s, speed_ms, accuracy_m in rows:
        roster, slot = made[number // SLOTS], number % SLOTS
        roster.ids[slot], roster.enrolled[slot] = name, enrolled
        roster.kind[slot], roster.team[slot] = kind, team
        roster.max_gap_s[slot], roster.top_speed_ms[slot] = gap_s, speed_ms
        roster.accuracy_m[slot] = accuracy_m
    return made


def _nobody() -> Roster:
    words = [np.full(SLOTS, "", dtype=object) for _ in range(3)]
    numbers = [np.ones(SLOTS) for _ in range(3)]
    return Roster(
        ids=words[0], enrolled=np.zeros(SLOTS, dtype=bool), kind=words[1], team=words[2],
        max_gap_s=numbers[0], top_speed_ms=numbers[1], accuracy_m=numbers[2],
    )  # fmt: skip


def read_heads(columns: Sequence[Sequence[bytes]]) -> NDArray[np.void]:
    """The heads (rows, SLOTS) out of what the server sends of each column's arrays."""
    assert HEAD.names is not None
    heads = np.empty((len(columns[0]), SLOTS), dtype=HEAD)
    for name, sent in zip(HEAD.names, columns, strict=True):
        _, item = wire(name)
        row = np.dtype([("head", "V20"), ("items", [("size", ">i4"), ("item", item)], SLOTS)])
        values = np.frombuffer(b"".join(sent), row)["items"]["item"]
        if name in TIMES:
            missing = values == NO_TIME  # how the server writes -infinity, too
            values = np.where(missing, NO_TIME, values + arrays.POSTGRES_EPOCH_US)
        heads[name] = values
    return heads


def packed_heads(heads: NDArray[np.void]) -> list[arrays.Packed]:
    """The columns of heads as arrays of PostgreSQL's, all rows after one another."""
    assert HEAD.names is not None
    return [_packed(heads, name) for name in HEAD.names]


def _packed(heads: NDArray[np.void], name: str) -> arrays.Packed:
    values = heads[name]
    kind, _ = wire(name)
    if name in TIMES:
        return arrays.times_or_never(values)
    pack = {
        "float8": arrays.float8, "real": arrays.reals, "bigint": arrays.int8, "int": arrays.int4,
        "boolean": arrays.booleans,
    }[kind]  # fmt: skip
    return pack(values)
