"""Grids: cells drawn over an area, and the hierarchy that they form."""

from geo.grids.drawing import draw
from geo.grids.hierarchy import chain, check_hierarchy, rest
from geo.grids.orphans import orphans

__all__ = ["chain", "check_hierarchy", "draw", "orphans", "rest"]
