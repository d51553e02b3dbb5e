"""Layers to files that ``layers.load`` reads back, streamed: one module a format."""

from layers.export.features import Features, count, read
from layers.export.files import export, write
from layers.export.formats import FORMATS, Format, named

__all__ = ["FORMATS", "Features", "Format", "count", "export", "named", "read", "write"]
