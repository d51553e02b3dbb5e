"""The tally and the order of pieces, held against a plain look at each piece."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geo.coverage.paths import GAP, LEG
from geo.coverage.spells import Seen
from geo.coverage.tally import NEVER, Tally, overall
from geo.coverage.walk import PIECE, Pieces

START_US, END_US = -5, 60


@st.composite
def pieces_of(draw: st.DrawFn) -> Pieces:
    """Pieces of a few units, by unit and time; some follow the last one at once."""
    rows = []
    for unit in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, 5))
        for _ in range(draw(st.integers(0, 8))):
            at += draw(st.sampled_from([0, 0, 1, 3]))
            end = at + draw(st.integers(1, 5))
            kind = draw(st.sampled_from([LEG, LEG, GAP]))
            patrol, place = draw(st.integers(0, 3)), draw(st.integers(-1, 3))
            rows.append((at, end, 7 * (kind == LEG), unit, place, patrol, kind))
            at = end
    return np.array(rows, PIECE)


@given(pieces=pieces_of())
def test_figures_are_those_of_a_plain_look_at_each_piece(pieces: Pieces) -> None:
    group = np.array([0, 1, 1, -1, -1])[pieces["place"]]  # the last is of what is outside
    tally, count = Tally(pieces, group, 3), 3
    first, last = tally.first_and_last()
    longest_us, found = tally.longest_without(START_US, END_US), tally.sums() | tally.counts()
    for g in range(count):
        own = pieces[group == g]
        legs, gaps = own[own["kind"] == LEG], own[own["kind"] == GAP]
        assert found["patrol_us"][g] == (legs["end_us"] - legs["start_us"]).sum()
        assert found["patrol_um"][g] == legs["length_um"].sum()
        assert found["unknown_us"][g] == (gaps["end_us"] - gaps["start_us"]).sum()
        assert found["units"][g] == len(set(legs["unit"].tolist()))
        assert found["patrols"][g] == len(set(legs["patrol"].tolist()) - {0})
        assert found["visits"][g] == visits(pieces, group, g)
        assert first[g] == (legs["start_us"].min() if len(legs) else NEVER)
        assert last[g] == (legs["end_us"].max() if len(legs) else NEVER)
        seen = {
            t for a, b in zip(legs["start_us"], legs["end_us"], strict=True) for t in range(a, b)
        }
        assert longest_us[g] == longest(seen)


def visits(pieces: Pieces, group: np.ndarray, g: int) -> int:
    """Stays with a leg."""
    stays: list[list[int]] = []
    for n, piece in enumerate(pieces):
        goes_on = n and group[n - 1] == g and pieces[n - 1]["unit"] == piece["unit"]
        if group[n] == g and not (goes_on and pieces[n - 1]["end_us"] == piece["start_us"]):
            stays.append([])
        if group[n] == g:
            stays[-1].append(int(piece["kind"]))
    return sum(LEG in kinds for kinds in stays)


def longest(seen: set[int]) -> int:
    """The longest run of moments of the window that are not among those."""
    best = run = 0
    for t in range(START_US, END_US):
        run = 0 if t in seen else run + 1
        best = max(best, run)
    return best


@given(pieces=pieces_of())
def test_totals_are_those_of_a_plain_look_at_each_piece(pieces: Pieces) -> None:
    inside, leg = pieces["place"] >= 0, pieces["kind"] == LEG
    span = pieces["end_us"] - pieces["start_us"]
    sums, patrols = overall(pieces, inside)
    assert sums.tolist() == [
        span[leg & inside].sum(), pieces["length_um"][leg & inside].sum(),
        span[~leg & ~inside].sum(), span[leg & ~inside].sum(),
        pieces["length_um"][leg & ~inside].sum(), span.sum(),
        len(set(pieces["unit"][leg].tolist())),
    ]  # fmt: skip
    assert patrols == len(set(pieces["patrol"][leg].tolist()) - {0})


@given(pieces=pieces_of(), seed=st.integers(0, 1 << 32), moved=st.integers(0, 30))
def test_pieces_that_are_partly_in_order_are_put_in_order(
    pieces: Pieces, seed: int, moved: int
) -> None:
    rng = np.random.default_rng(seed)
    late = rng.permutation(len(pieces))[:moved]
    mixed = np.concatenate([np.delete(pieces, late), pieces[late]])
    assert Seen(pieces=mixed, swept={}).sorted().pieces.tolist() == pieces.tolist()
