"""Fixes that need no look: a walk that skips them says what a walk of each alone says."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geo.breaches import Fences, walked
from geo.breaches.records import MISSING
from geo.tracks import Track
from tests.geo.test_breaches_arrays import REGION
from tests.geo.test_breaches_batches import comparable
from tests.geo.walks import at, breaches, fence, units, walk
from tests.workload import Ground, fences, journeys, unit_frame

UNITS = 30
GROUND = Ground(side_deg=0.4, least_m=30.0, common_m=6_000.0, most_m=20_000.0)


def fix_by_fix(track: Track, fleet, ready: Fences) -> np.ndarray:
    """The rows of walks from each fix to the next alone, in which none is skipped."""
    count = np.diff(track.starts)
    lasting, rows = None, []
    for k in range(int(count.max())):
        active = count > k
        first = track.starts[:-1] + max(k - 1, 0)
        found = walked(
            track.between(first, np.where(active, track.starts[:-1] + k + 1, first)), fleet, ready,
            zone=REGION, lasting=lasting, going=active & (k > 0),
        )  # fmt: skip
        assert not found.on_line.any()
        over = found.rows["exit_us"] != MISSING
        rows.append(found.rows[over | (count == k + 1)[found.rows["unit"]]])
        lasting = found.lasting
    return np.concatenate(rows)


@pytest.mark.parametrize("seed", range(4))
def test_skipping_fixes_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    fixes = journeys(rng, GROUND, units=UNITS, steps=80, step_s=[5, 10, 30, 60][seed])
    first = np.unique(fixes.unit, return_index=True)[1]
    homes = np.column_stack([fixes.lon[first], fixes.lat[first]])
    ready, fleet = Fences.of(fences(rng, GROUND, 150, homes)), unit_frame(UNITS)
    track = Track.of(fixes.frame(), fleet)
    whole = walked(track, fleet, ready, zone=REGION)
    assert len(whole.rows) > 20
    assert comparable(fix_by_fix(track, fleet, ready)) == comparable(whole.rows)


def test_a_leg_that_bends_into_a_fence_between_two_calm_fixes_is_seen():
    ahead = fence(shapely.box(100.4, 60.0005, 100.6, 60.01))  # the geodesic passes 100 m north
    fixes = walk((0, 0), (0, 0), (0, 0))
    fixes["lon"], fixes["lat"] = [99.9999, 100.0, 101.0], 60.0
    fixes["time"] = [at(0), at(1), at(31)]
    found = breaches(fixes, ahead, units(max_gap_s=3600.0))
    assert len(found) == 1
    assert found["exited_at"].notna().all()


def test_a_stay_that_is_only_known_of_is_no_calm():
    near = walk((4.25, 2), (4.3, 2), (4.35, 2), (40, 2))  # beside the square, then far from it
    found = breaches(
        near, fence(shapely.box(104, 42, 104 + 4 / 1024, 42 + 4 / 1024), margin_m=50.0),
        known_inside={("u", "f")},
    )  # fmt: skip
    assert found["exited_at"].notna().tolist() == [True]
