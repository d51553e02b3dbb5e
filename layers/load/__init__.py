"""Loading a layer from a file: one module a format, hazard or step."""

from layers.load.findings import RefusedRowsError
from layers.load.loading import Progress, Report, ground, load

__all__ = ["Progress", "RefusedRowsError", "Report", "ground", "load"]
