"""Stays that were cut where a day ends, against a slow look at each."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geo.plan import merged

#: Where one unit is from each moment to the next: a place, or -1 for none.
WALKS = st.lists(st.lists(st.integers(-1, 2), max_size=12), min_size=1, max_size=3)


@given(walks=WALKS, cut=st.sets(st.integers(1, 11)))
def test_stays_are_whole_however_they_were_cut(walks: list[list[int]], cut: set[int]) -> None:
    cuts, whole = [], []
    for unit, walk in enumerate(walks):
        begins = 0
        for n, place in enumerate(walk):
            new = n == 0 or walk[n - 1] != place
            begins = n if new else begins
            if place < 0:
                continue
            if new:
                whole.append([place, n, n + 1, unit])
            else:
                whole[-1][2] = n + 1
            if new or n in cut:
                cuts.append([n, place, n + 1, unit])
            else:
                cuts[-1][2] = n + 1
    begin, place, end, unit = np.array(sorted(cuts), dtype=np.int64).reshape(-1, 4).T
    given_us = end.copy()
    found, who = merged(place.astype(np.int32), unit.astype(np.int32), begin, end, 3)
    columns = (found.target, found.begin_us, found.end_us, who)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert sorted(map(list, rows)) == sorted(whole)
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
    assert (end == given_us).all()
