"""Searching the layers and breaches as OGC API asks: filters, reference systems, pages."""

from layers.search.collections import collection, collections, time_columns, version
from layers.search.cql import condition
from layers.search.geometries import CRS84, SYSTEMS, box, known
from layers.search.pages import (
    Extent,
    Found,
    View,
    chosen,
    during,
    equals,
    extent,
    one,
    order_by,
    search,
)  # fmt: skip
from layers.search.positions import Position, Sort, position
from layers.search.times import interval

__all__ = [
    "CRS84",
    "SYSTEMS",
    "Extent",
    "Found",
    "Position",
    "Sort",
    "View",
    "box",
    "chosen",
    "collection",
    "collections",
    "condition",
    "during",
    "equals",
    "extent",
    "interval",
    "known",
    "one",
    "order_by",
    "position",
    "search",
    "time_columns",
    "version",
]
