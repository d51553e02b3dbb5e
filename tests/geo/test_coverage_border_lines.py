"""A line as a whole, of what was found of its stretches: the same as if it were one stretch."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from geo import coverage
from geo.coverage.line import border_and_lines
from tests.geo.coverage_words import GAP, at, lonlat, path, together

#: A straight line, and one in two parts, in steps.
LINES = gpd.GeoDataFrame(
    {"chainage_start_km": [700.0, 0.0]},
    geometry=[
        shapely.LineString([lonlat((0, 0)), lonlat((0, 60))]),
        shapely.MultiLineString([
            [lonlat((30, 0)), lonlat((30, 20))], [lonlat((35, 20)), lonlat((50, 40))]
        ]),
    ],
    index=["north", "east"], crs="EPSG:4326",
)  # fmt: skip


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 10_000),
    segment_m=st.sampled_from([500.0, 1700.0, 1e6]),
    swath_m=st.sampled_from([100.0, 1000.0]),
)
def test_lines_are_what_one_endless_stretch_each_is(
    seed: int, segment_m: float, swath_m: float
) -> None:
    places = np.random.default_rng(seed).integers(-10, 60, (2, 4, 2))
    first, second = ([(east, north) for east, north in one.tolist()] for one in places)
    legs = together(path(*first), path(*second, unit="v"))
    asked = {"swath_m": swath_m, "start": at(5), "end": at(25)}
    stretches, lines = border_and_lines(LINES, legs, segment_m=segment_m, **asked)
    alone = coverage.border(LINES, legs, segment_m=segment_m, **asked)
    pd.testing.assert_frame_equal(stretches, alone, check_exact=True)
    whole = coverage.border(LINES, legs, segment_m=1e9, **asked)
    assert lines.index.tolist() == whole.index.tolist() == ["north-0000", "east-0000"]
    for name in ("border", "visits", "patrols", "units"):
        assert lines[name].tolist() == whole[name].tolist(), name
    # Planes in which what is seen is measured are an edge's own: some centimetres.
    for name in ("visited_share", "patrol_s", "patrol_m", "unknown_s", "longest_unseen_m",
                 "longest_unseen_start_km", "chainage_end_km"):  # fmt: skip
        np.testing.assert_allclose(lines[name], whole[name], rtol=1e-5, atol=0.1, err_msg=name)
    for name in ("first_visit", "last_visit"):
        apart = (lines[name] - whole[name]).dt.total_seconds().abs()
        assert apart.fillna(0).max() <= 0.1
        assert (lines[name].isna() == whole[name].isna()).all()


def test_an_unknown_time_between_two_stretches_is_the_line_s_own() -> None:
    # Silent from one end of the line to near the other: within reach of no stretch at both ends.
    legs = path((0, 5), GAP, (0, 55))
    stretches, lines = border_and_lines(LINES, legs, segment_m=1000, swath_m=500)
    assert stretches["unknown_s"].sum() == 0
    assert lines["unknown_s"].iloc[0] > 0
