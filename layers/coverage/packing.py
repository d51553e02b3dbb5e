"""Spells as bytes, and back."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo.coverage.lattice import TILE, Lattice
from geo.coverage.spells import Fixes, Seen, Spell
from geo.coverage.stamping import WORDS
from geo.coverage.swept import Swept
from geo.coverage.walk import PIECE

#: Spells of another layout are not read.
LAYOUT = 3
_FIXES = ("i4", "i8", "f8", "f8", "i4")


def packed(spell: Spell) -> bytes:
    """A spell as bytes."""
    told = {
        "pieces": _bytes(spell.seen.sorted().pieces),
        "edges": [_bytes(column) for column in spell.edges],
        "part": _bytes(spell.part),
        "swept": [
            [word, of.lon_block, of.lat_block, of.step_m, _bytes(one.tile), _bytes(one.bits)]
            for (word, of), one in spell.seen.swept.items()
        ],
    }
    plain = msgspec.msgpack.encode(told)
    body: bytes = pa.compress(plain, codec="zstd", asbytes=True)
    return len(plain).to_bytes(8, "big") + body


class _Told(msgspec.Struct):
    """What ``packed`` wrote; looked at where it lies, and not copied."""

    pieces: memoryview
    edges: list[memoryview]
    part: memoryview
    swept: list[tuple[str, int, int, float, memoryview, memoryview]]


_TOLD = msgspec.msgpack.Decoder(_Told)


def unpacked(content: bytes) -> Spell:
    """The spell that ``packed`` made these bytes of."""
    size = int.from_bytes(content[:8], "big")
    told = _TOLD.decode(
        pa.decompress(memoryview(content)[8:], decompressed_size=size, codec="zstd")
    )
    swept = {}
    for word, lon_block, lat_block, step_m, tile, bits in told.swept:
        lattice = Lattice(lon_block=lon_block, lat_block=lat_block, step_m=step_m)
        swept[word, lattice] = Swept(
            lattice=lattice, tile=np.frombuffer(tile, "<i8"),
            bits=np.frombuffer(bits, "<u8").reshape(-1, TILE, WORDS),
        )  # fmt: skip
    edges = [np.frombuffer(column, kind) for column, kind in zip(told.edges, _FIXES, strict=True)]
    return Spell(
        seen=Seen(pieces=np.frombuffer(told.pieces, PIECE), swept=swept), edges=Fixes(*edges),
        part=np.frombuffer(told.part, "u1"),
    )  # fmt: skip


def _bytes(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values).tobytes()
