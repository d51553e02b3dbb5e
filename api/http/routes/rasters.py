"""The rasters: which there are, and the value at a place."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pyproj import CRS
from starlette.responses import Response

from api.http import schemas
from api.http.answers import JSON, answer
from api.http.context import Reading
from api.http.identity import Guarded, needs
from layers import rasters, versions
from layers.rasters import Raster

router = APIRouter(route_class=Guarded, tags=["layers"])

Name = Annotated[str, Path(description=", ".join(rasters.NAMES))]


@router.get("/api/rasters", responses=schemas.answers(schemas.layers.RASTERS))
@needs("read")
def list_rasters(request: Request, connection: Reading) -> Response:
    """The rasters: where each is, how fine, in which CRS and unit, and of which version."""
    told = [
        {**_told(one), "data_version": versions.read(connection, [one.name]).data_version}
        for one in rasters.listed(connection)
    ]
    version = versions.read(connection, list(rasters.NAMES))
    return answer(request, {"rasters": told}, version, media_type=JSON)


@router.get("/api/rasters/{name}/at", responses=schemas.answers(schemas.layers.RASTER_VALUE))
@needs("read")
def value_at(
    request: Request,
    connection: Reading,
    name: Name,
    lon: Annotated[float, Query(ge=-180, le=180)],
    lat: Annotated[float, Query(ge=-90, le=90)],
) -> Response:
    """The value of the pixel that holds a place; null where there is none."""
    value = rasters.at(connection, name, lon, lat)
    payload = {"name": name, "lon": lon, "lat": lat, "value": value,
               "unit": rasters.KINDS[name].unit}  # fmt: skip
    return answer(request, payload, versions.read(connection, [name]), media_type=JSON)


def _told(one: Raster) -> dict[str, Any]:
    crs = CRS.from_wkt(one.crs)
    authority = crs.to_authority()
    return {
        "id": one.name,
        "unit": one.unit,
        "bbox": one.bbox,
        "crs": ":".join(authority) if authority else crs.name,
        "bounds": one.bounds,
        "resolution": [one.transform.a, abs(one.transform.e)],
        "width": one.width,
        "height": one.height,
        "dtype": one.dtype,
        "nodata": one.nodata,
        "href": f"/api/rasters/{one.name}/at{{?lon,lat}}",
    }
