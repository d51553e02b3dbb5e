"""The static layers: tables, columns, reading, editing, and many features at once."""

from layers.places.bulk import Written, put, put_frame
from layers.places.chain import chain, gaps
from layers.places.columns import Column
from layers.places.editing import create, delete, hold, replace
from layers.places.reading import (
    Bounds,
    Feature,
    Page,
    Summary,
    bounds,
    etag,
    extent,
    feature,
    features,
    summary,
)  # fmt: skip
from layers.places.registry import LAYERS, Layer, canonical, layer
from layers.places.undo import Rows, Undone, undo_feature, undo_layer

__all__ = [
    "LAYERS",
    "Bounds",
    "Column",
    "Feature",
    "Layer",
    "Page",
    "Rows",
    "Summary",
    "Undone",
    "Written",
    "bounds",
    "canonical",
    "chain",
    "create",
    "delete",
    "etag",
    "extent",
    "feature",
    "features",
    "gaps",
    "hold",
    "layer",
    "put",
    "put_frame",
    "replace",
    "summary",
    "undo_feature",
    "undo_layer",
]
