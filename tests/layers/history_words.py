"""What tests of the history say, in few words: each verb is a transaction of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import shapely
from sqlalchemy import Engine, text

from layers import places, versions
from layers.db.engine import SYSTEM, Principal, acting
from layers.places import history

LEVELS = ("banner", "sumu", "cell")


def point(lon: float = 105.0, lat: float = 40.0) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def square(lon: float = 105.0, size: float = 0.1) -> dict[str, Any]:
    ring = [[lon, 40], [lon + size, 40], [lon + size, 40 + size], [lon, 40 + size], [lon, 40]]
    return {"type": "MultiPolygon", "coordinates": [[ring]]}


def line(lon: float = 105.0) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [[lon, 40], [lon + 0.1, 40.1]]}


def feature(feature_id: str, geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "id": feature_id, "geometry": geometry, "properties": properties}


@dataclass(frozen=True, kw_only=True)
class Editor:
    """Somebody who changes layers."""

    engine: Engine
    by: Principal = SYSTEM

    def create(self, layer: str, feature_id: str, geometry: Any, **properties: Any) -> Any:
        given = feature(feature_id, geometry, **properties)
        with acting(self.engine, self.by, "patrolgrid_write") as connection:
            return places.create(connection, layer, given, lowest_level="cell", levels=LEVELS)

    def replace(self, layer: str, feature_id: str, geometry: Any, **properties: Any) -> Any:
        given = feature(feature_id, geometry, **properties)
        with acting(self.engine, self.by, "patrolgrid_write") as connection:
            return places.replace(
                connection, layer, feature_id, given, lowest_level="cell", levels=LEVELS
            )

    def delete(self, layer: str, feature_id: str) -> None:
        with acting(self.engine, self.by, "patrolgrid_write") as connection:
            places.delete(connection, layer, feature_id)

    def load(self, layer: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Load features by id; their geometry is a GeoJSON mapping under ``geometry``."""
        told = [{k: v for k, v in row.items() if k != "geometry"} for row in rows.values()]
        shapes = [shapely.geometry.shape(row["geometry"]) for row in rows.values()]
        frame = gpd.GeoDataFrame(told, index=list(rows), geometry=shapes, crs=4326)
        with acting(self.engine, self.by, "patrolgrid_write") as connection:
            places.put_frame(connection, layer, frame, levels=LEVELS)

    def undo(self, layer: str, feature_id: str | None = None, **more: Any) -> places.Undone:
        with acting(self.engine, self.by, "patrolgrid_write") as connection:
            if feature_id is None:
                return places.undo_layer(connection, layer, levels=LEVELS)
            return places.undo_feature(connection, layer, feature_id, levels=LEVELS, **more)

    def sql(self, statement: str) -> None:
        """A statement as somebody at psql, who is nobody to the service."""
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def state(self, *layers: str) -> dict[tuple[str, str], Any]:
        """All that there is in some layers, by layer and id."""
        with acting(self.engine, self.by, "patrolgrid_read") as connection:
            return {
                (layer, one["id"]): one
                for layer in layers
                for one in places.features(connection, layer, limit=10_000).features
            }

    def version(self, *layers: str) -> str:
        with acting(self.engine, self.by, "patrolgrid_read") as connection:
            return versions.read(connection, layers).data_version

    def changes(self, layer: str, feature_id: str, **more: Any) -> list[history.Change]:
        with acting(self.engine, self.by, "patrolgrid_read") as connection:
            more = {"limit": 1000, **more}
            return list(history.of_feature(connection, layer, feature_id, **more))

    def sets(self, layer: str, **more: Any) -> list[history.Summary]:
        with acting(self.engine, self.by, "patrolgrid_read") as connection:
            return list(history.of_layer(connection, layer, **{"limit": 1000, **more}))

    def told(self, layer: str, feature_id: str) -> list[str]:
        """The changes of a feature in words, oldest first."""
        return [
            f"{one.how} {one.what}{' undone' if one.undone else ''}"
            for one in reversed(self.changes(layer, feature_id))
        ]
