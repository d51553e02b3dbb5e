"""Loading a layer from a file: one module a format or hazard."""

from layers.load.loading import Report, ground, load

__all__ = ["Report", "ground", "load"]
