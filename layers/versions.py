"""Versions: which state of the data an answer was computed from.

Every change of a layer moves its version in the same transaction: those of places by triggers
(revision 0004), the others by ``bump``. An answer that was read from
several layers carries all of their versions, so that equal ``data_version`` means equal data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection, text

from layers.db.engine import raw

#: The layers that a computed layer is read from: their versions are its own.
SOURCES: Mapping[str, tuple[str, ...]] = MappingProxyType({"unattended": ("grids", "post_areas")})


@dataclass(frozen=True, kw_only=True)
class DataVersion:
    """The state of some layers at one moment."""

    data_version: str  #: such as ``fences.3-fixes.120``
    as_of: datetime | None  #: when the newest of them was committed; None when all are empty


def bump(connection: Connection, *layers: str, shard: int = 0) -> None:
    """Move the versions of ``layers``; call it last, as its row lock is held until commit."""
    raw(connection).execute(
        "INSERT INTO layer_versions AS v (layer, shard, version)"
        " SELECT unnest(%s::text[]), %s, 1 ON CONFLICT (layer, shard) DO UPDATE"
        " SET version = v.version + 1, changed_at = clock_timestamp()",
        [sorted(layers), shard],
    )


def bump_fixes(connection: Connection, hours: Iterable[int]) -> None:
    """Move the version of fixes, and those of the hours (since 1970, UTC) that they are of.

    Whoever moves that of fixes alone, by ``bump`` or by a trigger, says that any hour may have
    changed. Call it last, as ``bump``.
    """
    raw(connection).execute(
        "INSERT INTO layer_versions AS v (layer, shard, version)"
        " SELECT CASE nth WHEN 1 THEN 'fixes' ELSE 'fix_hours' END, shard, 1"
        " FROM unnest(%s::int[]) WITH ORDINALITY AS w (shard, nth) ORDER BY nth"
        " ON CONFLICT (layer, shard) DO UPDATE"
        " SET version = v.version + 1, changed_at = clock_timestamp()",
        [[0, _EVERY_HOUR, *sorted(set(hours))]],
    )


#: The shard that counts how often ``bump_fixes`` was called.
_EVERY_HOUR = -(1 << 31)


def of_hours(connection: Connection, first: int, last: int) -> str:
    """The version of the fixes from one hour to another (since 1970, UTC)."""
    return connection.execute(
        text(
            f"SELECT {_UNEXPLAINED} || ':' || coalesce(sum(version), 0) FROM layer_versions"
            " WHERE layer = 'fix_hours' AND shard BETWEEN :first AND :last"
        ),
        {"first": first, "last": last},
    ).scalar_one()


#: How often something moved the version of fixes and did not say which hours.
_UNEXPLAINED = (
    "(SELECT coalesce(sum(CASE layer WHEN 'fixes' THEN version ELSE -version END), 0)"
    f" FROM layer_versions WHERE layer = 'fixes' OR layer = 'fix_hours' AND shard = {_EVERY_HOUR})"
)
#: The same as ``of_hours``, of the hours that a row's ``begins`` and ``ends`` touch.
OF_ROW = (
    f"{_UNEXPLAINED} || ':' || coalesce((SELECT sum(v.version) FROM layer_versions v"
    " WHERE v.layer = 'fix_hours' AND v.shard >= floor(extract(epoch FROM begins) / 3600)::int"
    " AND v.shard < ceil(extract(epoch FROM ends) / 3600)::int), 0)"
)


def read(connection: Connection, layers: Sequence[str]) -> DataVersion:
    """The version of ``layers`` together; read it in the transaction that reads the data."""
    layers = sorted({source for name in layers for source in SOURCES.get(name, (name,))})
    rows = connection.execute(
        text(
            "SELECT layer, sum(version), max(changed_at) FROM layer_versions"
            " WHERE layer = ANY(:layers) GROUP BY layer"
        ),
        {"layers": layers},
    ).all()
    found = {layer: (int(version), changed) for layer, version, changed in rows}
    return DataVersion(
        data_version="-".join(f"{name}.{found.get(name, (0,))[0]}" for name in layers),
        as_of=max((changed for _, changed in found.values()), default=None),
    )


def joined(versions: Sequence[DataVersion]) -> DataVersion:
    """The version of what was read from several layers, each by itself."""
    return DataVersion(
        data_version="-".join(
            sorted({part for one in versions for part in one.data_version.split("-") if part})
        ),
        as_of=max((one.as_of for one in versions if one.as_of is not None), default=None),
    )
