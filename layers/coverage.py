"""Coverage of the stored grids and border by the stored fixes, over a window."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import Connection

from geo import coverage as engine
from layers import frames, versions
from layers.fixes import journeys
from layers.fixes.read import fixes
from layers.places import hierarchy
from layers.region import Region

#: The layers that a coverage answer is read from.
READS = ("fixes", "grids", "units")
#: The columns of fixes that are texts.
_NAMES = ("unit", "patrol_id")
BORDER_READS = ("border", "fixes", "units")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Every grid of a level with its figures, visited or not, and the totals."""

    grids: gpd.GeoDataFrame  #: index id; name, level, parent, geometry and the figures
    totals: dict[str, float]
    digest: str = ""  #: of the ``Tracks``, where they were given


@dataclass(frozen=True, kw_only=True)
class Tracks:
    """The fixes that coverage of a window is computed from, and what it says by."""

    fixes: pd.DataFrame  #: of the window, and those beside it that decide its legs
    #: What they and the versions of all else are known by: a fix outside the window, which moves
    #: the version of all fixes, leaves it, and figures with one digest are the same.
    digest: str


def tracks(connection: Connection, *, start: datetime, end: datetime) -> Tracks:
    """What coverage from ``start`` to ``end`` is computed from; reading it costs little beside."""
    read = fixes(connection, start=start, end=end)
    rest = versions.read(connection, sorted({*READS} - {"fixes"})).data_version
    hashed = hashlib.blake2b(rest.encode(), digest_size=16)
    for name in read.columns:
        numbers, words = read[name], pd.Index([])
        if name in _NAMES:
            codes, words = pd.factorize(numbers)
            numbers = pd.Series(codes)
        kind = "float64" if numbers.dtype == "float64" else "int64"
        hashed.update(repr((name, len(numbers), list(words))).encode())
        hashed.update(np.ascontiguousarray(numbers.astype(kind).to_numpy()).tobytes())
    return Tracks(fixes=read, digest=hashed.hexdigest())


def measure(
    connection: Connection,
    region: Region,
    *,
    start: datetime,
    end: datetime,
    level: str,
    swath_m: float,
    read: Tracks | None = None,
) -> Measured:
    """Coverage of the grids of ``level`` from ``start`` to ``end``; RegionError for no level.

    ``read`` are the ``tracks`` of that window, where they were read already.
    """
    hierarchy.check_level(connection, level, region.level_names)
    grids = frames.places(connection, "grids", level=level)
    of = fixes(connection, start=start, end=end) if read is None else read.fixes
    legs = journeys.legs_of(connection, of, start=start, end=end)
    found = engine.coverage(grids, legs, swath_m=swath_m)
    shown = grids[["name", "name_zh", "name_mn", "name_en", "level", "parent", "kind", "area_m2",
                   "geometry"]]  # fmt: skip
    return Measured(
        grids=shown.join(found.by_cell), totals=dict(found.totals),
        digest="" if read is None else read.digest,
    )  # fmt: skip


def measure_border(
    connection: Connection, *, start: datetime, end: datetime, segment_m: float, swath_m: float
) -> gpd.GeoDataFrame:
    """What of each stretch of the border was seen from ``start`` to ``end``."""
    line = frames.places(connection, "border")
    legs = journeys.legs(connection, start=start, end=end)
    return engine.border(line, legs, segment_m=segment_m, swath_m=swath_m)
