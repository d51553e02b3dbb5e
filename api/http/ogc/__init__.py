"""OGC API - Features and Tiles at /ogc, for QGIS and GDAL: the layers and the breaches, read-only.

tipg's router is not mounted. Its parser of CQL2 (cql2 0.6) stands still, and the process with it,
on thirty open parentheses, and ends the process on a long chain of NOT; it writes a filter's texts
into statements and lets it call any function of the database; and nearly all of its handlers would
have had to be replaced (errors, rights, reference systems, links, HTML). Its models of the
documents hold ours in the tests.
"""

from api.http.ogc import definition, features, landing, schemas, tiles
from api.http.ogc.routing import router

__all__ = ["definition", "features", "landing", "router", "schemas", "tiles"]
