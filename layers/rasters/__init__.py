"""Rasters of the ground, as they came: elevation, speed, land cover."""

from layers.rasters.export import export
from layers.rasters.kinds import KINDS, NAMES, RasterKind
from layers.rasters.load import Loaded, load
from layers.rasters.read import Part, at, read
from layers.rasters.store import Raster, find, listed

__all__ = [
    "KINDS",
    "NAMES",
    "Loaded",
    "Part",
    "Raster",
    "RasterKind",
    "at",
    "export",
    "find",
    "listed",
    "load",
    "read",
]
