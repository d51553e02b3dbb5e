"""Spells as bytes: what is packed comes out again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geo.coverage.lattice import TILE, Lattice
from geo.coverage.spells import Fixes, Seen, Spell
from geo.coverage.stamping import WORDS
from geo.coverage.swept import Swept
from geo.coverage.walk import PIECE, Pieces
from layers.coverage.packing import packed, unpacked

NEAR, FAR = (Lattice(lon_block=block, lat_block=6, step_m=25.0) for block in (17, 18))
#: Whole numbers as large as any column takes.
WORDS_OF = st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4)
TIMES = st.tuples(st.integers(-(2**61), 2**61), st.integers(0, 2**40), st.integers(0, 2**40))


@st.composite
def pieces(draw: st.DrawFn) -> Pieces:
    """Any, by unit and time."""
    rows = draw(st.lists(st.tuples(TIMES, WORDS_OF), max_size=20))
    found = np.array(
        [(begin, begin + long, um, *own[:3], own[3] & 255) for (begin, long, um), own in rows],
        dtype=PIECE,
    )
    return found[np.lexsort((found["start_us"], found["unit"]))]


def ground(lattice: Lattice, seed: int, count: int) -> Swept:
    """Any bits of some tiles."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**63, (count, TILE, WORDS)).astype(np.uint64)
    return Swept(lattice=lattice, tile=np.arange(count) * 7 - 3, bits=bits)


def edges(seed: int, count: int) -> Fixes:
    """Any fixes."""
    rng = np.random.default_rng(seed)
    return Fixes(
        np.arange(count, dtype=np.int32), rng.integers(-(2**60), 2**60, count),
        rng.uniform(-180, 180, count), rng.uniform(-90, 90, count),
        rng.integers(0, 2**31, count).astype(np.int32),
    )  # fmt: skip


@given(own=pieces(), seed=st.integers(0, 99), count=st.integers(0, 3))
def test_a_spell_that_is_packed_comes_out_again(own: Pieces, seed: int, count: int) -> None:
    swept = {
        ("foot", NEAR): ground(NEAR, seed, count), ("500/foot", FAR): ground(FAR, seed, 1),
    }  # fmt: skip
    part = np.arange(count, dtype=np.uint8) % 3
    spell = Spell(seen=Seen(pieces=own, swept=swept), edges=edges(seed, count), part=part)
    found = unpacked(packed(spell))
    assert found.seen.pieces.dtype == PIECE
    assert found.seen.pieces.tolist() == own.tolist()
    assert found.seen.swept == swept
    assert [column.dtype for column in found.edges] == [column.dtype for column in spell.edges]
    assert [column.tolist() for column in found.edges] == [one.tolist() for one in spell.edges]
    assert found.part.tolist() == part.tolist()
    some = unpacked(packed(spell), lambda word, lattice: word == "foot" and lattice == NEAR)
    assert some.seen.swept == {("foot", NEAR): swept["foot", NEAR]}
