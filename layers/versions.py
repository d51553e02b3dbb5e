"""Versions: which state of the data an answer was computed from.

Every change of a layer moves its version in the same transaction: those of places by triggers
(revision 0004), the others by ``bump``. An answer that was read from
several layers carries all of their versions, so that equal ``data_version`` means equal data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, kw_only=True)
class DataVersion:
    """The state of some layers at one moment."""

    data_version: str  #: such as ``fences.3-fixes.120``
    as_of: datetime | None  #: when the newest of them was committed; None when all are empty


def bump(connection: Connection, *layers: str, shard: int = 0) -> None:
    """Move the versions of ``layers``; call it last, as its row lock is held until commit."""
    connection.execute(
        text(
            "INSERT INTO layer_versions AS v (layer, shard, version)"
            " SELECT unnest(CAST(:layers AS text[])), :shard, 1"
            " ON CONFLICT (layer, shard) DO UPDATE"
            " SET version = v.version + 1, changed_at = clock_timestamp()"
        ),
        {"layers": sorted(layers), "shard": shard},
    )


def read(connection: Connection, layers: Sequence[str]) -> DataVersion:
    """The version of ``layers`` together; read it in the transaction that reads the data."""
    rows = connection.execute(
        text(
            "SELECT layer, sum(version), max(changed_at) FROM layer_versions"
            " WHERE layer = ANY(:layers) GROUP BY layer"
        ),
        {"layers": list(layers)},
    ).all()
    found = {layer: (int(version), changed) for layer, version, changed in rows}
    return DataVersion(
        data_version="-".join(f"{name}.{found.get(name, (0,))[0]}" for name in sorted(layers)),
        as_of=max((changed for _, changed in found.values()), default=None),
    )
