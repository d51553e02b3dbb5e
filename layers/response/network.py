"""The road network of the stored roads, built once a version, and the region's speeds on it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

from sqlalchemy import Connection, Engine

from geo.response import STANDARD, Network, Speeds
from layers import frames, versions
from layers.region import Region

_BUILT: weakref.WeakKeyDictionary[Engine, tuple[str, Network]] = weakref.WeakKeyDictionary()


def network(connection: Connection) -> Network:
    """The network of the stored roads; empty where there are none."""
    at = versions.read(connection, ["roads"]).data_version
    held = _BUILT.get(connection.engine)
    if held is not None and held[0] == at:
        return held[1]
    built = Network.of(frames.places(connection, "roads"))
    _BUILT[connection.engine] = (at, built)
    return built


def speeds_of(region: Region, mode: str) -> Speeds:
    """How fast ``mode`` travels in this region; raises RegionError where there is no such mode.

    Classes of road that the region does not name keep their standard speed: a footway stays
    closed to vehicles.
    """
    told = region.mode(mode)
    usual = STANDARD.get(mode)
    if told.straight:
        return Speeds(
            mode=mode, off_road_kmh=told.off_road_kmh, top_kmh=max(130.0, told.off_road_kmh)
        )
    named = {name: kmh for name, kmh in told.roads_kmh.items() if name != "other"}
    return Speeds(
        mode=mode,
        off_road_kmh=told.off_road_kmh,
        road_kmh={**(usual.road_kmh if usual else {}), **named},
        other_road_kmh=told.roads_kmh["other"],
        surface_factor={**(usual.surface_factor if usual else {}), **told.surface_factor},
        keeps_rules=usual.keeps_rules if usual else True,
    )


def speeds_by_kind(region: Region) -> Mapping[str, Speeds]:
    """By kind of unit, how fast it travels; kinds that answer no calls are left out."""
    return {name: speeds_of(region, kind.mode) for name, kind in region.kinds.items() if kind.mode}
