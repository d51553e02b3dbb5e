"""Vector tiles of the layers: read from PostGIS, kept in memory, and right at every request."""

from geo.tiles import MERGED
from layers.tiles.caching import Tiles, accepted
from layers.tiles.cells import CELL_FIELDS, FIGURES, Cells
from layers.tiles.hearing import Change
from layers.tiles.reading import FIELDS, MOST_ZOOM, Rows, check, drawn, encode, extent, tile
from layers.tiles.store import Kept, Key

__all__ = [
    "CELL_FIELDS",
    "FIELDS",
    "FIGURES",
    "MERGED",
    "MOST_ZOOM",
    "Cells",
    "Change",
    "Kept",
    "Key",
    "Rows",
    "Tiles",
    "accepted",
    "check",
    "drawn",
    "encode",
    "extent",
    "tile",
]
