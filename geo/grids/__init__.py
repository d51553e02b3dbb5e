"""Grids: cells drawn over an area, and the hierarchy that they form."""

from geo.grids.drawing import draw
from geo.grids.hierarchy import chain, check_hierarchy, rest

__all__ = ["chain", "check_hierarchy", "draw", "rest"]
