"""Coverage straight from arrays: the same as of legs, whatever lattices the cells are on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from geo import coverage, tracks
from geo.coverage.lattice import lattices
from tests.geo.coverage_words import START, cells


def test_cells_that_lie_apart_on_one_lattice_are_each_swept() -> None:
    """Two small cells of one plane, too far apart for one sheet of tiles."""
    apart = cells(west=shapely.box(103.22, 41, 103.2235, 41.0027),
                  east=shapely.box(103.42, 41, 103.4235, 41.0027))  # fmt: skip
    (one, _), (other, _) = lattices(apart.geometry.to_numpy(), 200.0)
    assert one == other
    lon = np.r_[103.218 + 0.001 * np.arange(8), 103.418 + 0.001 * np.arange(8)]
    unit, time_us = np.repeat([0, 1], 8), np.tile(np.arange(8) * 30_000_000, 2)
    fixes = coverage.Fixes(
        unit.astype(np.int32), time_us + int(START.timestamp()) * 1_000_000, lon,
        np.full(16, 41.001), np.zeros(16, np.int32),
    )  # fmt: skip
    pace = coverage.Pace(
        number=np.arange(2), max_gap_s=np.full(2, 600.0), top_speed_ms=np.full(2, 50.0)
    )
    found = coverage.survey(apart, fixes, pace, swath_m=200.0).by_cell["visited_share"]
    frame = pd.DataFrame({
        "unit": unit.astype(str), "time": pd.to_datetime(fixes.time_us, unit="us", utc=True),
        "lon": lon, "lat": 41.001,
    })  # fmt: skip
    units = pd.DataFrame({"max_gap_s": 600.0, "top_speed_ms": 50.0}, index=["0", "1"])
    legs = tracks.legs(frame, units)
    assert found.to_dict() == coverage.visited_share(apart, legs, swath_m=200.0).to_dict()
    assert found.min() > 0.6
