"""NumPy arrays as parameters: binary arrays of PostgreSQL's, written in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer, DumperKey
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format

#: Microseconds from 1970 to 2000, from where PostgreSQL counts.
POSTGRES_EPOCH_US = 946_684_800_000_000
_INT4, _INT8, _FLOAT4, _FLOAT8, _TIMESTAMPTZ, _BOOL, _TEXT = (
    23, 20, 700, 701, 1184, 16, 25,
)  # fmt: skip
_HEAD = np.dtype(
    [("dims", ">i4"), ("nulls", ">i4"), ("type", ">u4"), ("size", ">i4"), ("low", ">i4")]
)


@dataclass(frozen=True)
class Packed:
    """An array in PostgreSQL's binary format."""

    data: bytes
    oid: int  #: of the array's type


def int4(values: NDArray[Any]) -> Packed:
    """An int[]."""
    return _packed(values, ">i4", _INT4, 1007)


def int8(values: NDArray[Any]) -> Packed:
    """A bigint[]."""
    return _packed(values, ">i8", _INT8, 1016)


def float8(values: NDArray[Any]) -> Packed:
    """A double precision[]."""
    return _packed(values, ">f8", _FLOAT8, 1022)


def float4(values: NDArray[Any]) -> Packed:
    """A real[]; NaN is null."""
    return _packed(values, ">f4", _FLOAT4, 1021, missing=np.isnan(values))


def reals(values: NDArray[Any]) -> Packed:
    """A real[]; NaN is NaN."""
    return _packed(values, ">f4", _FLOAT4, 1021)


def times(micros: NDArray[Any]) -> Packed:
    """A timestamptz[] of microseconds since 1970."""
    return _packed(micros - POSTGRES_EPOCH_US, ">i8", _TIMESTAMPTZ, 1185)


def times_or_never(micros: NDArray[Any]) -> Packed:
    """A timestamptz[] of microseconds since 1970; the ends of the integers are infinite."""
    ends = np.iinfo(np.int64)
    endless = (micros == ends.min) | (micros == ends.max)
    sent = np.where(endless, micros, micros - POSTGRES_EPOCH_US)
    return _packed(sent, ">i8", _TIMESTAMPTZ, 1185)


def booleans(values: NDArray[Any]) -> Packed:
    """A boolean[]."""
    return _packed(values.astype(np.uint8), "u1", _BOOL, 1000)


def texts(values: Sequence[str]) -> Packed:
    """A text[]."""
    if not values:
        return Packed(np.array([0, 0, _TEXT], dtype=">i4").tobytes(), 1009)
    head = np.zeros(1, dtype=_HEAD)
    head[0] = (1, 0, _TEXT, len(values), 1)
    items = [value.encode() for value in values]
    lengths = [len(item).to_bytes(4, "big") for item in items]
    body = b"".join(part for pair in zip(lengths, items, strict=True) for part in pair)
    return Packed(head.tobytes() + body, 1009)


def items(sent: Sequence[bytes], item: str) -> NDArray[Any]:
    """The items ("i4", "i8", "f4", "f8"; with 8 bytes here) of arrays that the server packed by
    array_send, one after another; each has one dimension and no null."""
    kind = np.dtype([("size", ">i4"), ("item", f">{item}")])
    data = b"".join([array[_HEAD.itemsize :] for array in sent])
    return np.frombuffer(data, kind)["item"].astype(item[0] + "8")


def count(sent: bytes, item: str) -> int:
    """How many items such an array has."""
    return (len(sent) - _HEAD.itemsize) // (4 + int(item[1]))


def _packed(
    values: NDArray[np.generic],
    kind: str,
    item: int,
    array: int,
    missing: NDArray[np.bool_] | None = None,
) -> Packed:
    head = np.zeros(1, dtype=_HEAD)
    has_nulls = missing is not None and bool(missing.any())
    head[0] = (1, has_nulls, item, len(values), 1)
    rows = np.empty(len(values), dtype=np.dtype([("length", ">i4"), ("value", kind)]))
    rows["length"], rows["value"] = np.dtype(kind).itemsize, values
    if not len(values):
        return Packed(np.array([0, 0, item], dtype=">i4").tobytes(), array)
    if not has_nulls or missing is None:
        return Packed(head.tobytes() + rows.tobytes(), array)
    # A null has a length of -1 and no value: its bytes are cut out.
    rows["length"][missing] = -1
    size = rows.dtype.itemsize
    keep = np.ones((len(rows), size), dtype=bool)
    keep[missing, 4:] = False
    return Packed(head.tobytes() + rows.view(np.uint8).reshape(-1, size)[keep].tobytes(), array)


#: What stands for each type of array where psycopg wants a class.
_CLASSES = {oid: type(f"Array{oid}", (), {}) for oid in (1000, 1007, 1009, 1016, 1021, 1022, 1185)}


class PackedDumper(Dumper):
    """Hands Packed arrays on as they are."""

    format = Format.BINARY

    def get_key(self, obj: Packed, format: PyFormat) -> DumperKey:  # noqa: A002, ARG002
        """One dumper a type of array."""
        return (self.cls, _CLASSES[obj.oid])

    def upgrade(self, obj: Packed, format: PyFormat) -> PackedDumper:  # noqa: A002, ARG002
        """The dumper that says which type it is."""
        made = PackedDumper(self.cls)
        made.oid = obj.oid
        return made

    def dump(self, obj: Packed) -> Buffer:
        """The array's bytes."""
        return obj.data


psycopg.adapters.register_dumper(Packed, PackedDumper)
