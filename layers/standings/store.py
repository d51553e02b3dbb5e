"""Blocks locked, read, and written back: what one transaction knows of the units that it is about.

A process remembers the blocks that it wrote or read, by their stamps; under the lock only what
another changed meanwhile is read again. Stamps are drawn by chance, so that a database that was
restored beneath a running service is another one.
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from geo.breaches.records import RECORD
from layers.db import arrays
from layers.db.engine import raw
from layers.standings.block import (
    HEAD,
    LAYOUT,
    SLOTS,
    Block,
    Ints,
    packed_heads,
    read_heads,
    rosters,
    wire,
)  # fmt: skip

_TOLD = ("kind", "team", "max_gap_s", "top_speed_ms", "accuracy_m")
#: By database the blocks that this process knows.
_KNOWN: weakref.WeakKeyDictionary[Engine, dict[int, Block]] = weakref.WeakKeyDictionary()


@dataclass(kw_only=True, eq=False)
class Standings:
    """Where the units of some blocks stand, to be changed and saved; the rows are locked.

    A unit's place is its position in ``heads``, which has SLOTS for each block.
    """

    engine: Engine
    numbers: Ints  #: of the blocks, sorted
    blocks: list[Block]
    heads: NDArray[np.void]  #: HEAD by place
    records: NDArray[np.void]  #: RECORD by place (``unit``); ``fence``: the version's number
    _saved: list[Block] = field(default_factory=list)

    def places(self, unit_no: Ints) -> Ints:
        """The places of units; their blocks must be among these."""
        found = np.searchsorted(self.numbers, unit_no // SLOTS)
        return found * SLOTS + unit_no % SLOTS

    def unit_no(self, places: Ints) -> Ints:
        """The units at places."""
        return self.numbers[places // SLOTS] * SLOTS + places % SLOTS

    def told(self, name: str) -> NDArray[Any]:
        """A column of the rosters by place."""
        if not self.blocks:
            return np.empty(0)
        return np.concatenate([getattr(block.roster, name) for block in self.blocks])

    def frame(self, places: Ints) -> pd.DataFrame:
        """Units at places as frames know them: index id; unit_no, kind, team and the numbers."""
        columns = {name: self.told(name)[places] for name in _TOLD}
        team = pd.Series(columns.pop("team"), dtype="str")
        index = pd.Index(self.told("ids")[places], dtype="str", name="id")
        made = pd.DataFrame({"unit_no": self.unit_no(places), **columns}, index=index)
        return made.assign(team=team.mask(team == "").to_numpy())

    def replace_records(self, places: Ints, records: NDArray[np.void]) -> None:
        """Give units at ``places`` other records (``unit`` is the place)."""
        of = np.zeros(len(self.heads), dtype=bool)
        of[places] = True
        kept = self.records[~of[self.records["unit"]]]
        joined = np.concatenate([kept, records]) if len(kept) else records
        self.records = joined[np.argsort(joined["unit"], kind="stable")]

    def same_units(self, other: Standings) -> bool:
        """Whether both are of the same units, and these what they were."""
        return np.array_equal(self.numbers, other.numbers) and all(
            one.units_stamp == two.units_stamp
            for one, two in zip(self.blocks, other.blocks, strict=True)
        )

    def save(self, connection: Connection) -> None:
        """Write all of the blocks; remember them with ``keep`` once that is committed."""
        count = len(self.blocks)
        bounds = np.searchsorted(self.records["unit"], np.arange(count + 1) * SLOTS)
        stamps = [secrets.randbits(62) for _ in self.blocks]
        own = self.records.copy()
        own["unit"] %= SLOTS
        heads, records = self.heads.tobytes(), own.tobytes()
        size, cuts = HEAD.itemsize * SLOTS, (bounds * RECORD.itemsize).tolist()
        raw(connection).execute(
            _UPDATE,
            [
                LAYOUT, *packed_heads(self.heads), records,
                arrays.int4(self.numbers), arrays.int8(np.array(stamps, dtype=np.int64)),
                arrays.int4(bounds[:-1] * RECORD.itemsize + 1),
                arrays.int4(np.diff(bounds) * RECORD.itemsize),
            ],
            binary=True,
        )  # fmt: skip
        self._saved = [
            Block(
                stamp=stamp, units_stamp=block.units_stamp, roster=block.roster,
                heads=heads[k * size : (k + 1) * size], records=records[cuts[k] : cuts[k + 1]],
            )
            for k, (stamp, block) in enumerate(zip(stamps, self.blocks, strict=True))
        ]  # fmt: skip

    def keep(self) -> None:
        """Remember what was saved; the transaction is committed."""
        if self._saved:
            known = _KNOWN.setdefault(self.engine, {})
            known.update(zip(self.numbers.tolist(), self._saved, strict=True))


def lock(connection: Connection, unit_no: Ints) -> Standings:
    """Lock the blocks of units, in one order, and say where they stand.

    Whoever writes fixes or breaches of units, or changes units, waits for each other here.
    """
    numbers = np.unique(unit_no // SLOTS)
    known = _KNOWN.setdefault(connection.engine, {})
    held = [known.get(number) for number in numbers.tolist()]
    rows: Any = raw(connection).execute(
        _LOCK,
        [
            arrays.int4(numbers),
            arrays.int8(np.array([-1 if b is None else b.stamp for b in held], dtype=np.int64)),
        ],
        binary=True,
    )
    found = rows.fetchall()
    own = {number: block for number, block in zip(numbers.tolist(), held, strict=True) if block}
    changed = [row for row in found if row[3] is not None]
    if changed:
        own |= _read(connection, own, changed)
        known.update(own)
    numbers = np.array([row[0] for row in found], dtype=np.int64)
    return _standings(connection.engine, numbers, [own[number] for number in numbers.tolist()])


def remembered(engine: Engine, unit_no: Ints) -> Standings | None:
    """The blocks of units as this process last knew them, not locked; None if it knows not all."""
    numbers, known = np.unique(unit_no // SLOTS), _KNOWN.get(engine, {})
    blocks = [known.get(number) for number in numbers.tolist()]
    held = [block for block in blocks if block is not None]
    return _standings(engine, numbers, held) if len(held) == len(blocks) else None


def _standings(engine: Engine, numbers: Ints, blocks: list[Block]) -> Standings:
    counts = [len(block.records) // RECORD.itemsize for block in blocks]
    records = np.frombuffer(b"".join(block.records for block in blocks), RECORD).copy()
    records["unit"] += np.repeat(np.arange(len(blocks)) * SLOTS, counts).astype(np.int32)
    return Standings(
        engine=engine,
        numbers=numbers,
        blocks=blocks,
        heads=np.frombuffer(b"".join(block.heads for block in blocks), HEAD).copy(),
        records=records,
    )


def _read(
    connection: Connection, before: Mapping[int, Block], rows: Sequence[tuple[Any, ...]]
) -> dict[int, Block]:
    """The blocks of rows that changed; who their units are is read where that did."""
    strange = [
        number
        for number, _, units_stamp, *_ in rows
        if number not in before or before[number].units_stamp != units_stamp
    ]
    fresh = rosters(connection, strange) if strange else {}
    heads = read_heads(list(zip(*(row[5:] for row in rows), strict=True)))
    made = {}
    for k, (number, stamp, units_stamp, layout, records, *_) in enumerate(rows):
        own = heads[k].copy()
        if layout != LAYOUT:
            own["walked"] = 0  # their records are not read
        made[number] = Block(
            stamp=stamp,
            units_stamp=units_stamp,
            roster=fresh[number] if number in fresh else before[number].roster,
            heads=own.tobytes(),
            records=records if layout == LAYOUT else b"",
        )
    return made


assert HEAD.names is not None
_LOCK = (
    "SELECT s.block, s.stamp, s.units_stamp,"
    " CASE WHEN s.stamp <> k.stamp THEN s.layout END,"
    " CASE WHEN s.stamp <> k.stamp THEN s.records END, "
    + ", ".join(
        f"CASE WHEN s.stamp <> k.stamp THEN array_send(s.{name}) END" for name in HEAD.names
    )
    + " FROM unnest(%s::int[], %s::bigint[]) AS k (block, stamp) JOIN standings s USING (block)"
    " ORDER BY s.block FOR NO KEY UPDATE OF s"
)
_UPDATE = (
    "UPDATE standings s SET stamp = w.stamp, layout = %s, "
    + ", ".join(f"{name} = (%s::{wire(name)[0]}[])[w.first:w.last]" for name in HEAD.names)
    + ", records = substring(%s::bytea FROM w.record0 FOR w.size)"
    " FROM (SELECT block, stamp, record0, size, 16 * nth - 15 AS first, 16 * nth AS last"
    "  FROM unnest(%s::int[], %s::bigint[], %s::int[], %s::int[]) WITH ORDINALITY"
    "  AS u (block, stamp, record0, size, nth)) w WHERE s.block = w.block"
)
