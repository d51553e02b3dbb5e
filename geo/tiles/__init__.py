"""Vector tiles (Mapbox Vector Tile 2.1) from arrays: choose, generalise, clip and encode."""

from geo.tiles.encoding import EXTENT, MANY, MARGIN, Part, encode
from geo.tiles.fields import Fields
from geo.tiles.shapes import Shapes
from geo.tiles.warm import warm

__all__ = ["EXTENT", "MANY", "MARGIN", "Fields", "Part", "Shapes", "encode", "warm"]
