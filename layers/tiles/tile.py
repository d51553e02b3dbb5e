"""One tile: several layers, cut and encoded by PostGIS in one constant, prepared statement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, text

from geo.earth import tile_bounds_3857
from geo.errors import OutOfRangeError
from layers.errors import NoSuchLayerError

_STATEMENT = text(Path(__file__).with_name("tile.sql").read_text())
#: The layers that a tile may hold, in the order in which they are drawn, with their own fields.
FIELDS: dict[str, tuple[str, ...]] = {
    "grids": ("level", "parent", "kind", "team", "area_m2"),
    "post_areas": ("post",),
    "roads": ("class", "surface", "oneway", "speed_kmh"),
    "border": ("chainage_start_km",),
    "fences": ("rule", "direction", "severity", "margin_m", "dwell_s", "version"),
    "settlements": ("households",),
    "posts": ("team",),
    "checkpoints": ("kind", "last_heartbeat"),
    "cameras": ("site", "bearing_deg", "fov_deg", "range_m", "last_heartbeat"),
    "breaches": (
        "unit",
        "fence",
        "rule",
        "severity",
        "state",
        "evidence",
        "entered_at",
        "exited_at",
    ),
}
SHARED_FIELDS = ("id", "name", "name_zh", "name_mn", "name_en")
MAX_ZOOM = 22


def tile(connection: Connection, z: int, x: int, y: int, layers: Sequence[str]) -> bytes:
    """The tile z/x/y with ``layers``, as Mapbox Vector Tile bytes; empty where nothing is.

    Raises NoSuchLayerError, and OutOfRangeError for a tile that is not of this world.
    """
    if z > MAX_ZOOM:
        raise OutOfRangeError(f"tile {z}/{x}/{y}: there are tiles up to zoom {MAX_ZOOM}")
    tile_bounds_3857(z, x, y)
    wrong = [name for name in layers if name not in FIELDS]
    if wrong:
        raise NoSuchLayerError(f"{wrong[0]}: no such layer in tiles; there are {', '.join(FIELDS)}")
    row = connection.execute(_STATEMENT, {"z": z, "x": x, "y": y, "layers": list(layers)})
    return bytes(row.scalar_one() or b"")
