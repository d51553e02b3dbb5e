"""Vector tiles (Mapbox Vector Tile 2.1) from arrays: choose, generalise, clip and encode."""

from geo.tiles.encoding import EXTENT, MARGIN, Part, encode
from geo.tiles.fields import Fields
from geo.tiles.shapes import Shapes

__all__ = ["EXTENT", "MARGIN", "Fields", "Part", "Shapes", "encode"]
