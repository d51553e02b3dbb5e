"""Memberships: of which team a unit was when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.coverage.rows import Ints
from layers.fixes.plain import micros

#: Before, and after, all that is asked for.
_EVER_US = 1 << 62


@dataclass(frozen=True, kw_only=True, eq=False)
class Memberships:
    """Spans of time in which units were of teams, by unit and time, each column one array."""

    number: Ints  #: of the unit
    from_us: Ints  #: microseconds since 1970, UTC
    to_us: Ints
    team: NDArray[np.object_]

    @classmethod
    def read(cls, connection: Connection) -> Memberships:
        """Those of all units that there ever were."""
        rows = connection.execute(text(
            "SELECT u.unit_no, m.valid_from, m.valid_to, m.team FROM memberships m"
            " JOIN units u ON u.id = m.unit ORDER BY u.unit_no, m.valid_from NULLS FIRST"
        )).all()  # fmt: skip
        return cls(
            number=np.array([row[0] for row in rows], dtype=np.int64),
            from_us=np.array(
                [-_EVER_US if row[1] is None else micros(row[1]) for row in rows], dtype=np.int64
            ),
            to_us=np.array(
                [_EVER_US if row[2] is None else micros(row[2]) for row in rows], dtype=np.int64
            ),
            team=np.array([row[3] for row in rows], dtype=object),
        )

    def at(self, number: Ints, time_us: Ints) -> NDArray[np.object_]:
        """The team of each unit at a moment; "" where it had none."""
        asked = np.r_[np.zeros(len(self.number)), np.ones(len(number))]
        order = np.lexsort((asked, np.r_[self.from_us, time_us], np.r_[self.number, number]))
        begun = np.empty(len(order), dtype=np.int64)
        begun[order] = np.cumsum(order < len(self.number)) - 1
        last = begun[len(self.number) :]
        found = np.full(len(number), "", dtype=object)
        if len(self.number):
            own = (last >= 0) & (self.number[last] == number) & (time_us < self.to_us[last])
            found[own] = self.team[last[own]]
        return found

    def changes(self, start_us: int, end_us: int) -> dict[int, list[int]]:
        """When units change their teams between two moments, by unit."""
        found: dict[int, list[int]] = {}
        both = np.r_[self.number, self.number], np.r_[self.from_us, self.to_us]
        for number, moment_us in sorted(set(zip(*(c.tolist() for c in both), strict=True))):
            if start_us < moment_us < end_us:
                found.setdefault(number, []).append(moment_us)
        return found
