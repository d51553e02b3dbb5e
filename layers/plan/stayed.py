"""Times that units were at places, by number; as bytes, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo.coverage.rows import Flags, Ints

_COLUMNS: Mapping[str, str] = {
    "place": "<i4", "unit": "<i4", "begin_us": "<i8", "end_us": "<i8", "confirmed": "|b1",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Stayed:
    """Times in which units were at places, each column one array."""

    place: NDArray[np.int32]  #: by position
    unit: NDArray[np.int32]  #: by number
    begin_us: Ints  #: microseconds since 1970, UTC
    end_us: Ints
    confirmed: Flags  #: of points: that a fix of the stay lies inside by more than its accuracy

    @classmethod
    def concatenated(cls, several: Sequence[Stayed]) -> Stayed:
        """All of several, one after another."""
        return cls(**{
            name: np.concatenate([np.empty(0, kind), *(getattr(one, name) for one in several)])
            for name, kind in _COLUMNS.items()
        })  # fmt: skip

    def take(self, at: NDArray[np.generic]) -> Stayed:
        """Some of them."""
        return Stayed(**{name: column[at] for name, column in vars(self).items()})

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(column.nbytes for column in vars(self).values())

    def packed(self) -> bytes:
        """As bytes."""
        plain = msgspec.msgpack.encode(
            [getattr(self, name).astype(kind).tobytes() for name, kind in _COLUMNS.items()]
        )
        body: bytes = pa.compress(plain, codec="lz4", asbytes=True)
        return len(plain).to_bytes(8, "big") + body

    @classmethod
    def unpacked(cls, content: bytes) -> Stayed:
        """What ``packed`` made these bytes of."""
        size = int.from_bytes(content[:8], "big")
        plain = pa.decompress(memoryview(content)[8:], decompressed_size=size, codec="lz4")
        columns = _TOLD.decode(plain)
        return cls(**{
            name: np.frombuffer(column, kind)
            for (name, kind), column in zip(_COLUMNS.items(), columns, strict=True)
        })  # fmt: skip


_TOLD = msgspec.msgpack.Decoder(list[memoryview])
