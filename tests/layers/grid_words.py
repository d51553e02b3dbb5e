"""Grids in few words: boxes in degrees from 100° E, 40° N."""

from __future__ import annotations

from typing import Any

import shapely
from sqlalchemy import Connection

from layers import places

LEVELS = ("banner", "sumu", "gacha", "community", "cell")


def box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    """A box whose corners are given from 100° E, 40° N."""
    return shapely.box(100 + west, 40 + south, 100 + east, 40 + north)


def grid(feature_id: str, shape: shapely.Geometry, **properties: Any) -> dict[str, Any]:
    """A grid as a GeoJSON feature."""
    geometry = shapely.geometry.mapping(shape)
    return {"type": "Feature", "id": feature_id, "geometry": geometry, "properties": properties}


def create(connection: Connection, *grids: dict[str, Any]) -> None:
    """Store new grids, one by one."""
    for one in grids:
        places.create(connection, "grids", one, lowest_level="cell", levels=LEVELS)


def replace(connection: Connection, one: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Put a grid in the place of the one of its id."""
    return places.replace(
        connection, "grids", one["id"], one, lowest_level="cell", levels=LEVELS, **more
    )


def shape(connection: Connection, feature_id: str) -> shapely.Geometry:
    """The stored outline of a grid."""
    return shapely.geometry.shape(places.feature(connection, "grids", feature_id)["geometry"])
