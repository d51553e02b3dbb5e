"""Vector tiles (Mapbox Vector Tile 2.1) from arrays: choose, generalise, clip and encode."""

from geo.tiles.choosing import WHOLE_ZOOM, room_of
from geo.tiles.encoding import EXTENT, MANY, MARGIN, MERGED, Part, encode
from geo.tiles.fields import Fields
from geo.tiles.shapes import Shapes
from geo.tiles.warm import warm

__all__ = [
    "EXTENT",
    "MANY",
    "MARGIN",
    "MERGED",
    "WHOLE_ZOOM",
    "Fields",
    "Part",
    "Shapes",
    "encode",
    "room_of",
    "warm",
]
