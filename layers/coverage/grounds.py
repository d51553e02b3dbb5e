"""The stored grids, ready for coverage: kept in memory for as long as they stay the same."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine, text

from geo.coverage.pieces import Terrain
from geo.coverage.rows import Ints
from geo.coverage.swept import Plots, plots_of
from layers import frames, versions

#: Of each database so many grounds, for rights differ and grids change.
_MOST = 4
_KEPT: weakref.WeakKeyDictionary[Engine, OrderedDict[str, Grounds]] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Grounds:
    """All grids of one version, as somebody sees them."""

    grids: gpd.GeoDataFrame  #: index id, as ``frames.places`` gives them
    terrain: Terrain
    version: str
    _plots: dict[tuple[str | None, float], list[tuple[Plots, Ints]]] = field(default_factory=dict)
    _levels: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)
    _labels: dict[str, Ints] = field(default_factory=dict)
    _rest: dict[str, tuple[pd.Index, Ints]] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection) -> Grounds:
        """The grids as they are; those that were read before, where nothing changed."""
        version = versions.read(connection, ["grids"]).data_version
        seen = connection.execute(text(
            "SELECT current_setting('patrolgrid.area', true) || '/'"
            " || current_setting('patrolgrid.team', true)"
        )).scalar_one()  # fmt: skip
        key = f"{version}/{seen}"
        with _LOCK:
            kept = _KEPT.setdefault(connection.engine, OrderedDict())
            if key in kept:
                kept.move_to_end(key)
                return kept[key]
        grids = frames.places(connection, "grids")
        made = cls(grids=grids, terrain=Terrain.of(grids), version=version)
        with _LOCK:
            kept[key] = made
            while len(kept) > _MOST:
                kept.popitem(last=False)
        return made

    @cached_property
    def digest(self) -> str:
        """By what places are known: equal for the same version, of the same grids."""
        told = "\n".join([self.version, *map(str, self.terrain.ids)])
        return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()

    def of_level(self, level: str) -> gpd.GeoDataFrame:
        """The grids of a level; to be left as they are."""
        if level not in self._levels:
            self._levels[level] = self.grids[self.grids["level"] == level]
        return self._levels[level]

    def labels(self, level: str) -> Ints:
        """For each place the grid of a level that has it, by its position among these; -1 for
        none. The last item is of what is outside all grids."""
        if level not in self._labels:
            self._labels[level] = self._labelled(level)
        return self._labels[level]

    def _labelled(self, level: str) -> Ints:
        terrain = self.terrain
        position = self.of_level(level).index.get_indexer(terrain.ids).astype(np.int64)
        for cell, parent in enumerate(terrain.parent.tolist()):  # parents come first
            if position[cell] < 0 and parent >= 0:
                position[cell] = position[parent]
        return np.r_[position, -1]

    def rest(self, level: str) -> tuple[pd.Index, Ints]:
        """The grids of a level that others lie in, and for each place which of these has what is in
        none of the others, by its position; -1 for none. The last item is as that of ``labels``."""
        if level not in self._rest:
            holders = self.of_level(level).index.intersection(self.terrain.holders, sort=False)
            position = holders.get_indexer(self.terrain.ids).astype(np.int64)
            self._rest[level] = holders, np.r_[position, -1]
        return self._rest[level]

    def plots(self, level: str | None, swath_m: float) -> list[tuple[Plots, Ints]]:
        """The grids of a level (None: all) on their lattices, each with their positions."""
        key = (level, swath_m)
        if key not in self._plots:
            grids = self.grids if level is None else self.of_level(level)
            polygons = self.terrain.frame.geometry.loc[grids.index].to_numpy()
            self._plots[key] = plots_of(polygons, swath_m)
        return self._plots[key]
