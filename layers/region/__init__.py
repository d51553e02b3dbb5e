"""The region file: what a region is called, and how its units, levels and days are judged."""

from layers.region.kinds import KINDS, Kind, Mode
from layers.region.levels import Level
from layers.region.region import Region
from layers.region.table import RegionError, Titles

__all__ = ["KINDS", "Kind", "Level", "Mode", "Region", "RegionError", "Titles"]
