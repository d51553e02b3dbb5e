"""Places that come and go beneath tiles, in few words; degrees are counted from 100° E, 40° N."""

from __future__ import annotations

import math
from typing import Any

import mapbox_vector_tile
from sqlalchemy import Engine, text

from geo.earth import MERCATOR_HALF_M
from layers.db.engine import SYSTEM, acting


def run(engine: Engine, *statements: str, **given: Any) -> None:
    """Run statements in one transaction that may write."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        for statement in statements:
            connection.execute(text(statement), given)


def settle(engine: Engine, feature_id: str, x: float = 0.0, y: float = 0.0) -> None:
    """Found a settlement, or move it."""
    run(
        engine,
        "INSERT INTO settlements (id, geom) VALUES (:id, ST_SetSRID(ST_Point(:x, :y), 4326))"
        " ON CONFLICT (id) DO UPDATE SET geom = excluded.geom",
        id=feature_id, x=100 + x, y=40 + y,
    )  # fmt: skip


def area(engine: Engine, feature_id: str, *bounds: float) -> None:
    """Put a post's area, or another one in its place."""
    west, south, east, north = bounds
    run(
        engine,
        "INSERT INTO post_areas (id, geom)"
        " VALUES (:id, ST_Multi(ST_MakeEnvelope(:w, :s, :e, :n, 4326)))"
        " ON CONFLICT (id) DO UPDATE SET geom = excluded.geom",
        id=feature_id, w=100 + west, s=40 + south, e=100 + east, n=40 + north,
    )  # fmt: skip


def fence(engine: Engine, feature_id: str, name: str, *bounds: float) -> None:
    """Put a fence, a plain polygon."""
    west, south, east, north = bounds
    run(
        engine,
        "INSERT INTO fences (id, name, rule, geom)"
        " VALUES (:id, :name, 'keep_out', ST_MakeEnvelope(:w, :s, :e, :n, 4326))",
        id=feature_id, name=name, w=100 + west, s=40 + south, e=100 + east, n=40 + north,
    )  # fmt: skip


def tile_at(z: int, x: float, y: float) -> tuple[int, int, int]:
    """The tile around a point."""
    across, along = mercator(100 + x, 40 + y)
    size_m = 2 * MERCATOR_HALF_M / 2**z
    return z, int((across + MERCATOR_HALF_M) // size_m), int((MERCATOR_HALF_M - along) // size_m)


def mercator(lon: float, lat: float) -> tuple[float, float]:
    """Web Mercator metres."""
    return (
        lon / 180 * MERCATOR_HALF_M,
        math.log(math.tan(math.radians(45 + lat / 2))) / math.pi * MERCATOR_HALF_M,
    )


def decoded(body: bytes) -> dict[str, dict[str, Any]]:
    """The features of a tile by layer and id: geometry and properties."""
    layers = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    return {
        name: {
            one["properties"]["id"]: (one["geometry"], one["properties"], one["id"])
            for one in layer["features"]
        }
        for name, layer in layers.items()
    }
