"""Spells as bytes, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo.coverage.lattice import TILE, Lattice
from geo.coverage.spells import Fixes, Seen, Spell
from geo.coverage.stamping import WORDS
from geo.coverage.swept import Swept
from geo.coverage.walk import PIECE, Pieces

#: Spells of another layout are not read.
LAYOUT = 4
_FIXES = ("<i4", "<i8", "<f8", "<f8", "<i4")
#: Of pieces, as ``_steps`` tells them.
_STEPS = ("<i8", "<i8", "<i8", "<i4", "<i4", "<i4", "u1")

#: Bytes as they were before they were packed: how many, and packed.
Block = tuple[int, memoryview]


class _Told(msgspec.Struct):
    """A spell block by block: looked at where it lies, and unpacked where it is wanted."""

    steps: list[Block]
    edges: list[Block]
    part: Block
    swept: list[tuple[str, int, int, float, Block, Block]]


_TOLD = msgspec.msgpack.Decoder(_Told)


def packed(spell: Spell) -> bytes:
    """A spell as bytes."""
    told = _Told(
        steps=[_block(column) for column in _steps(spell.seen.sorted().pieces)],
        edges=[_block(column) for column in spell.edges],
        part=_block(spell.part),
        swept=[
            (word, of.lon_block, of.lat_block, of.step_m, _block(one.tile), _block(one.bits))
            for (word, of), one in spell.seen.swept.items()
        ],
    )
    return msgspec.msgpack.encode(told)


def unpacked(
    content: bytes, wanted: Callable[[str, Lattice], bool] = lambda _word, _lattice: True
) -> Spell:
    """The spell that ``packed`` made these bytes of, with what is ``wanted`` of its ground."""
    told = _TOLD.decode(content)
    swept = {}
    for word, lon_block, lat_block, step_m, tile, bits in told.swept:
        lattice = Lattice(lon_block=lon_block, lat_block=lat_block, step_m=step_m)
        if wanted(word, lattice):
            swept[word, lattice] = Swept(
                lattice=lattice, tile=_values(tile, "<i8"),
                bits=_values(bits, "<u8").reshape(-1, TILE, WORDS),
            )  # fmt: skip
    edges = [_values(column, kind) for column, kind in zip(told.edges, _FIXES, strict=True)]
    steps = [_values(column, kind) for column, kind in zip(told.steps, _STEPS, strict=True)]
    return Spell(
        seen=Seen(pieces=_pieces(*steps), swept=swept), edges=Fixes(*edges),
        part=_values(told.part, "u1"),
    )  # fmt: skip


def _steps(pieces: Pieces) -> tuple[NDArray[Any], ...]:
    """Pieces, by unit and time, as columns of small numbers, for most begin where another ends:
    how long each begins after the end of the one before it, how long it is (microseconds), its
    length, how much greater its unit is, place, patrol, kind."""
    start_us, end_us, unit = pieces["start_us"], pieces["end_us"], pieces["unit"]
    after_us = start_us - np.r_[0, end_us[:-1]][: len(pieces)]
    return (
        after_us, end_us - start_us, pieces["length_um"], np.diff(unit, prepend=np.int32(0)),
        pieces["place"], pieces["patrol"], pieces["kind"].astype(np.uint8),
    )  # fmt: skip


def _pieces(
    after_us: NDArray[Any], long_us: NDArray[Any], length_um: NDArray[Any], more: NDArray[Any],
    place: NDArray[Any], patrol: NDArray[Any], kind: NDArray[Any],
) -> Pieces:  # fmt: skip
    """The pieces of these ``_steps``."""
    pieces = np.empty(len(kind), PIECE)
    end_us = np.cumsum(after_us + long_us)
    pieces["start_us"], pieces["end_us"] = end_us - long_us, end_us
    pieces["length_um"], pieces["unit"] = length_um, np.cumsum(more)
    pieces["place"], pieces["patrol"], pieces["kind"] = place, patrol, kind
    return pieces


def _block(values: NDArray[Any]) -> Block:
    plain = np.ascontiguousarray(values).tobytes()
    return len(plain), memoryview(pa.compress(plain, codec="zstd", asbytes=True))


def _values(block: Block, kind: str) -> NDArray[Any]:
    size, body = block
    return np.frombuffer(pa.decompress(body, decompressed_size=size, codec="zstd"), kind)
