"""Spells: the same fixes, cut into spells anywhere and joined in any way, come to the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import coverage, tracks
from geo.coverage.lattice import Lattice
from geo.coverage.paths import Path
from geo.coverage.pieces import Terrain
from geo.coverage.spells import Fixes, Pace, Seen, Spell, in_order
from geo.coverage.swept import Swept, plots_of
from geo.coverage.tally import Tally, named
from geo.coverage.walk import PIECE, Pieces
from tests.geo.coverage_words import START, block, cells, lonlat

CELLS = cells(a=block(0, 0, 4, 4), b=block(4, 0, 8, 4), c=block(0, 4, 8, 8))
TERRAIN = Terrain.of(CELLS)
PLOTS = plots_of(TERRAIN.frame.geometry.to_numpy(), 200.0)
PACE = Pace(
    number=np.array([3, 7, 9]), max_gap_s=np.array([600.0, 600.0, 60.0]),
    top_speed_ms=np.array([3.0, 30.0, 3.0]),
)  # fmt: skip
BEGIN_US = int(pd.Timestamp(START).value // 1000)
WINDOW = np.array([BEGIN_US, BEGIN_US + 40_000_000_000])


def see(path: Path) -> Seen:
    swept: dict[tuple[str, Lattice], Swept] = {}
    for plots, _ in PLOTS:
        swept["all", plots.lattice] = plots.sweep(path, 200.0, WINDOW)
    return Seen(pieces=TERRAIN.pieces(path, WINDOW), swept=swept)


def told(seen: Seen) -> tuple[object, ...]:
    """All figures: sums, counts, first and last visit, the longest time without one, the ground."""
    pieces: Pieces = named(seen.pieces)
    tally = Tally(pieces, pieces["place"].astype(np.int64), len(CELLS))
    outside = pieces[pieces["place"] < 0]
    ground = [
        (key, one.tile.tolist(), one.bits.tobytes()) for key, one in sorted(seen.swept.items())
        if len(one.tile)
    ]  # fmt: skip
    return (
        [(name, values.tolist()) for name, values in {**tally.sums(), **tally.counts()}.items()],
        [moments.tolist() for moments in tally.first_and_last()],
        tally.longest_without(*WINDOW.tolist()).tolist(),
        int((outside["end_us"] - outside["start_us"]).sum()), int(outside["length_um"].sum()),
        ground,
    )  # fmt: skip


@st.composite
def stories(draw: st.DrawFn) -> pd.DataFrame:
    """Fixes of three units: strolls, halts, long silences, and now and then a fix far off."""
    rows = []
    for unit in (3, 7, 9):
        time_s, place = 0.0, (2.0, 2.0)
        for _ in range(draw(st.integers(0, 14))):
            time_s += draw(st.sampled_from([10, 30, 60, 300, 2_000]))
            step = draw(st.tuples(st.integers(-2, 2), st.integers(-2, 2)))
            place = (place[0] + step[0] / 2, place[1] + step[1] / 2)
            far = draw(st.sampled_from([0, 0, 0, 0, 40]))
            rows.append(
                (unit, time_s, *lonlat((place[0] + far, place[1])), draw(st.integers(0, 2)))
            )
    frame = pd.DataFrame(rows, columns=["unit", "time_s", "lon", "lat", "patrol"])
    return frame.sort_values(["unit", "time_s"], ignore_index=True)


def fixes_of(frame: pd.DataFrame) -> Fixes:
    return Fixes(
        frame["unit"].to_numpy(np.int32), BEGIN_US + (frame["time_s"].to_numpy() * 1e6).astype(int),
        frame["lon"].to_numpy(), frame["lat"].to_numpy(), frame["patrol"].to_numpy(np.int32),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(story=stories(), data=st.data())
def test_fixes_cut_into_spells_anywhere_and_joined_anyhow_come_to_the_same(
    story: pd.DataFrame, data: st.DataObject
) -> None:
    whole = told(Spell.of(fixes_of(story), PACE, see).ended(PACE, see))
    cuts = sorted(
        data.draw(st.lists(st.sampled_from(story["time_s"].tolist() or [0.0]), max_size=9))
    )
    part = np.searchsorted(cuts, story["time_s"], side="right")
    made = st.sampled_from([lambda fixes: Spell.of(fixes, PACE, see), Spell.whole])
    spells = [data.draw(made)(fixes_of(story[part == n])) for n in range(len(cuts) + 1)]
    while len(spells) > 1 and data.draw(st.integers(0, 4)):
        at = data.draw(st.integers(0, len(spells) - 2))
        size = data.draw(st.integers(2, len(spells) - at))
        spells[at : at + size] = [Spell.joined(spells[at : at + size], PACE, see)]
    found = Spell.concluded(spells, PACE, see)
    pieces = in_order([one.pieces for one in found])
    assert told(replace(Seen.together(found), pieces=pieces)) == whole


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=12)


@given(several=st.lists(st.tuples(ROWS, st.booleans()), max_size=5))
def test_pieces_of_several_are_put_in_order_and_equal_ones_stay_as_they_were(
    several: list[tuple[list[tuple[int, int]], bool]],
) -> None:
    count, parts = 0, []
    for rows, in_order_already in several:
        part = np.zeros(len(rows), PIECE)
        part["unit"], part["start_us"] = np.array(rows, dtype=int).reshape(-1, 2).T
        if in_order_already:
            part = part[np.lexsort((part["start_us"], part["unit"]))]
        part["end_us"] = count + np.arange(len(rows))  # which it was
        count += len(rows)
        parts.append(part)
    found = in_order(parts)
    every = [tuple(row) for part in parts for row in part.tolist()]
    assert found.tolist() == sorted(every, key=lambda row: (row[3], row[0]))  # unit, start_us


@settings(max_examples=60, deadline=None)
@given(story=stories())
def test_a_spell_comes_to_what_the_legs_of_its_fixes_do(story: pd.DataFrame) -> None:
    frame = pd.DataFrame({
        "unit": story["unit"].astype(str), "lon": story["lon"], "lat": story["lat"],
        "time": pd.Timestamp(START) + pd.to_timedelta(story["time_s"], unit="s"),
        "patrol_id": story["patrol"].where(story["patrol"] > 0).astype("Int64").astype("str"),
    })  # fmt: skip
    frame.loc[story["patrol"] == 0, "patrol_id"] = None
    units = pd.DataFrame(
        {"max_gap_s": PACE.max_gap_s, "top_speed_ms": PACE.top_speed_ms},
        index=pd.Index(PACE.number.astype(str), name="unit"),
    )
    legs = tracks.legs(frame, units)
    start, end = (pd.Timestamp(int(t), unit="us", tz="UTC") for t in WINDOW)
    expected = coverage.coverage(CELLS, legs, swath_m=200.0, start=start, end=end)
    straight = coverage.survey(CELLS, fixes_of(story), PACE, swath_m=200.0, start=start, end=end)
    pd.testing.assert_frame_equal(straight.by_cell, expected.by_cell, check_exact=True)
    assert straight.totals == expected.totals
    seen = Spell.of(fixes_of(story), PACE, see).ended(PACE, see)
    pieces = named(seen.pieces)
    tally = Tally(pieces, pieces["place"].astype(np.int64), len(CELLS))
    found = {**tally.sums(), **tally.counts()}
    by_cell = expected.by_cell.loc[TERRAIN.ids]
    for name in ("visits", "patrols", "units"):
        assert found[name].tolist() == by_cell[name].tolist()
    for name, column in (
        ("patrol_us", "patrol_s"), ("patrol_um", "patrol_m"), ("unknown_us", "unknown_s"),
    ):  # fmt: skip
        assert (found[name] / 1e6).tolist() == by_cell[column].tolist()


def test_no_fixes_come_to_nothing() -> None:
    spell = Spell.joined([Spell.of(Fixes.none(), PACE, see)] * 2, PACE, see)
    assert len(spell.ended(PACE, see).pieces) == 0
