"""Units as coverage knows them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.coverage.rows import Floats, Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """Who the units are; those that have left, too."""

    number: Ints  #: ascending
    kind: NDArray[np.object_]
    max_gap_s: Floats
    top_speed_ms: Floats

    @classmethod
    def read(cls, connection: Connection) -> Units:
        """All units that there ever were."""
        rows = connection.execute(text(
            "SELECT unit_no, kind, max_gap_s, top_speed_ms FROM units ORDER BY unit_no"
        )).all()  # fmt: skip
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * 4
        return cls(
            number=np.array(columns[0], dtype=np.int64), kind=np.array(columns[1], dtype=object),
            max_gap_s=np.array(columns[2], dtype=float),
            top_speed_ms=np.array(columns[3], dtype=float),
        )  # fmt: skip

    def ways(self, numbers: Ints) -> int | None:
        """By what the legs of some units and what they see are told: equal while that is; None
        where there is no such unit any more."""
        if not np.isin(numbers, self.number).all():
            return None
        own = self.take(np.searchsorted(self.number, numbers))
        rows = zip(
            own.number.tolist(), own.kind.tolist(), own.max_gap_s.tolist(),
            own.top_speed_ms.tolist(), strict=True,
        )  # fmt: skip
        told = hashlib.blake2b(repr(list(rows)).encode(), digest_size=8).digest()
        return int.from_bytes(told, "big", signed=True)

    def take(self, at: NDArray[Any]) -> Units:
        """Some of them."""
        return Units(**{name: column[at] for name, column in vars(self).items()})
