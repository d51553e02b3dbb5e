"""OGC API - Features and Tiles at /ogc, for QGIS and GDAL: the layers and the breaches, read-only.

tipg's router is not mounted. Its parser of CQL2 hangs, or ends, the whole process on a filter of
twenty characters; it pastes a filter's texts into statements, calls any function of the database
by name, and of its handlers none but two could have stayed. Its models of the documents hold
ours in the tests.
"""

from api.http.ogc import definition, features, landing, schemas, tiles
from api.http.ogc.routing import router

__all__ = ["definition", "features", "landing", "router", "schemas", "tiles"]
