"""Coverage in tiles: a level's grids with their figures over a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from geo import tiles as engine
from geo.earth import MERCATOR
from geo.tiles.encoding import wide_bounds
from layers.tiles.reading import Rows, encode

#: What a cell's coverage says; the words and numbers of /api/coverage.
FIGURES = (
    "area_m2",
    "visited_share",
    "patrol_s",
    "patrol_m",
    "unknown_s",
    "visits",
    "patrols",
    "units",
    "days_since_visit",
    "longest_unvisited_s",
)
#: Part of a tile's bytes that the cells' values may be before others make room for them.
_LARGE = 0.05
_TEXTS = ("name", "name_zh", "name_mn", "name_en", "level", "parent", "kind")
_TIMES = ("first_visit", "last_visit")
CELL_FIELDS = (*_TEXTS, *FIGURES, *_TIMES)


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of one answer, ready for tiles."""

    rows: Rows

    @classmethod
    def of(cls, grids: gpd.GeoDataFrame) -> Cells:
        """``grids`` is as ``layers.coverage.measure`` gives it."""
        columns: dict[str, Sequence[object]] = {
            **{name: _texts(grids[name]) for name in _TEXTS},
            **{name: _numbers(grids[name]) for name in FIGURES},
            **{name: _moments(grids[name]) for name in _TIMES},
        }
        ids = [str(one) for one in grids.index]
        geometries = grids.geometry.clip_by_rect(-180, -85.05, 180, 85.05).to_crs(MERCATOR)
        return cls(
            rows=Rows(
                ids=ids,
                shapes=engine.Shapes.of(geometries.to_numpy()),
                fields=engine.Fields.of(ids, columns),
                group=None,
            )
        )

    def beside(self, z: int) -> int:
        """For how many large layers others of a tile must leave room: for this one, or none."""
        values = len(self.rows.fields.messages)
        return int(z < engine.WHOLE_ZOOM and values > _LARGE * engine.room_of(z))

    def layer(self, z: int, x: int, y: int, taken: int = 0) -> bytes:
        """The layer ``coverage`` of a tile, of which others have ``taken`` so many bytes."""
        share = max(0.0, 1 - taken / engine.room_of(z))
        west, south, east, north = wide_bounds(z, x, y)
        box = self.rows.shapes.bounds
        across = (box[:, 0] <= east) & (box[:, 2] >= west)
        along = (box[:, 1] <= north) & (box[:, 3] >= south)
        meets = across & along
        return encode("coverage", [(self.rows, np.flatnonzero(meets))], z, x, y, share)


def _texts(values: pd.Series) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in values]


def _numbers(values: pd.Series) -> list[float | None]:
    return [None if one != one else one for one in values.tolist()]  # noqa: PLR0124


def _moments(values: pd.Series) -> list[str | None]:
    """Times as RFC 3339 has them."""
    return [
        None if pd.isna(one) else one.tz_convert("UTC").isoformat().replace("+00:00", "Z")
        for one in values
    ]
