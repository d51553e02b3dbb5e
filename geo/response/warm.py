"""Compile ahead of the first question."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from geo.earth import LONLAT
from geo.response.areas import bands
from geo.response.dispatch import dispatch
from geo.response.field import field
from geo.response.network import Network
from geo.response.speeds import STANDARD


def warm() -> None:
    """Run every compiled function once, on a tiny problem: half a minute on a machine that has
    never done it, a moment where numba's cache has the result. For a start in the background."""
    roads = gpd.GeoDataFrame(
        {"class": ["track"], "oneway": ["no"]},
        geometry=[shapely.LineString([(0.0, 0.0), (0.004, 0.001)])], crs=LONLAT,
    )  # fmt: skip
    units = pd.DataFrame({"unit": ["a"], "kind": ["vehicle"], "lon": [0.003], "lat": [0.001]})
    network = Network.of(roads)
    bands(field(network, lon=0.001, lat=0.0, speeds=STANDARD["vehicle"], limit_s=60.0), [1])
    dispatch(network, units, 0.0, 0.0)
