"""Stretches of the stored fixes of units: each from its own moment until its own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from layers.db import arrays
from layers.db.engine import raw
from layers.errors import TooMuchError
from layers.fixes.read import CONTEXT

Ints = NDArray[np.int64]
_ROW = np.dtype(
    [("nth", ">i4"), ("time", ">i8"), ("lon", ">f8"), ("lat", ">f8"), ("accuracy_m", ">f4")]
)
# Missing values would make rows of uneven length: NaN stands for them.
_PACKED = (
    "int4send(w.nth::int) || timestamptz_send(f.time) || float8send(f.lon) || float8send(f.lat)"
    " || float4send(coalesce(f.accuracy_m, 'NaN'))"
)
_SIDES = "SELECT time, lon, lat, accuracy_m FROM fixes WHERE unit_no = w.u AND time"
_QUERY = (
    f"SELECT string_agg({_PACKED}, '') FROM unnest(%s, %s, %s) WITH ORDINALITY w (u, a, z, nth),"
    f" LATERAL ((({_SIDES} < w.a ORDER BY time DESC LIMIT {{before}})"
    f" UNION ALL ({_SIDES} >= w.a AND time < w.z))"
    f" UNION ALL ({_SIDES} >= w.z ORDER BY time LIMIT {{after}})) f"
    # A value holds a gigabyte at most: of so many stretches a day each is far from it.
    " GROUP BY w.nth / %s, date_bin('1 day', f.time, timestamptz '1900-01-01 00:00Z')"
)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Fixes by stretch and time, each column one array."""

    nth: Ints  #: of which stretch
    time_us: Ints
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]  #: NaN where it was not stated


def read(
    connection: Connection,
    unit_no: Ints,
    from_us: Ints,
    to_us: Ints,
    *,
    most: int,
    before: int = CONTEXT,
    after: int = CONTEXT,
) -> Rows:
    """The fixes of stretches (arrays of one length), with a few more ``before`` and ``after`` each.

    Raises TooMuchError where there are more than ``most``, before they are all in memory.
    """
    # Of those without length there are many, and little of each.
    together = 4 if (to_us > from_us).any() else 512
    asked = [arrays.int4(unit_no), arrays.times(from_us), arrays.times(to_us), together]
    query = _QUERY.format(before=before, after=after)
    # A query that is broken off spoils its transaction, but for what was before the savepoint.
    with raw(connection).transaction(), raw(connection).cursor() as cursor:
        parts = _parts(cursor.stream(query.encode(), asked, binary=True), most)
    rows = np.frombuffer(parts, _ROW)
    nth, time_us = rows["nth"].astype(np.int64) - 1, rows["time"].astype(np.int64)
    order = np.lexsort((time_us, nth))
    return Rows(
        nth=nth[order],
        time_us=time_us[order] + arrays.POSTGRES_EPOCH_US,
        lon=rows["lon"][order].astype(np.float64),
        lat=rows["lat"][order].astype(np.float64),
        accuracy_m=rows["accuracy_m"][order].astype(np.float64),
    )


def _parts(stream: Any, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    with contextlib.closing(stream) as found:
        for (part,) in found:
            parts.append(part)
            size += len(part)
            if size > most * _ROW.itemsize:
                raise TooMuchError
    return b"".join(parts)
