"""Where a file's coordinates are: its CRS, and a suspicion that its axes are swapped."""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from layers.errors import BadFileError
from layers.load.source import LONLAT
from layers.places import Bounds
from layers.places.shapes import Geometries


def crs_of(name: str, declared: CRS | None, given: str | None) -> CRS:
    """The CRS that a file is in: what it declares, else what the caller says.

    Raises BadFileError for neither, for both when they differ, and for one nobody knows.
    """
    if given is None:
        if declared is None:
            raise BadFileError(
                f"{name}: it declares no CRS: say which with --crs EPSG:… (EPSG:4326 for"
                " longitude and latitude in WGS 84)"
            )
        return _of_places(f"{name}: it declares {declared.name}", declared)
    try:
        said = CRS.from_user_input(given)
    except CRSError as error:
        raise BadFileError(f"--crs {given}: there is no such CRS: give EPSG:…") from error
    _of_places(f"--crs {given}: it is {said.name}", said)
    if declared is not None and not declared.equals(said, ignore_axis_order=True):
        raise BadFileError(
            f"{name}: it declares {declared.name}, not {said.name}: --crs is for files that"
            " declare none; leave it out"
        )
    return said


def _of_places(what: str, crs: CRS) -> CRS:
    """``crs``, unless it is of heights or the like. Raises BadFileError that begins ``what``."""
    if crs.is_geographic or crs.is_projected or (crs.is_derived and not crs.is_vertical):
        return crs
    raise BadFileError(
        f"{what}, which is no CRS of places on a map: give one of longitude and latitude, or of a"
        " projection"
    )


def to_degrees(name: str, geometries: Geometries, crs: CRS) -> Geometries:
    """Geometries in longitude and latitude, WGS 84. Raises BadFileError."""
    if crs.equals(LONLAT, ignore_axis_order=True) or crs.to_authority() == ("OGC", "CRS84"):
        return geometries
    try:
        move = Transformer.from_crs(crs, LONLAT, always_xy=True)
        xy = shapely.get_coordinates(geometries)
        lon, lat = move.transform(xy[:, 0], xy[:, 1])
    except ProjError as error:
        raise BadFileError(
            f"{name}: {crs.name} cannot be turned into longitude and latitude: write the file"
            " in another CRS"
        ) from error
    lost = int((~np.isfinite(lon) | ~np.isfinite(lat)).sum())
    if lost:
        raise BadFileError(
            f"{name}: {lost} coordinates lie outside what {crs.name} can show: is it the file's"
            " CRS?"
        )
    return np.asarray(shapely.set_coordinates(geometries.copy(), np.column_stack([lon, lat])))


def check_axes(name: str, geometries: Geometries, region: Bounds | None) -> None:
    """Raise BadFileError where the whole file lies outside the region, but swapped within it."""
    if region is None:
        return
    west, south, east, north = shapely.total_bounds(geometries)
    apart = west > region[2] or east < region[0] or south > region[3] or north < region[1]
    swapped_within = (
        south >= region[0] and north <= region[2] and west >= region[1] and east <= region[3]
    )
    if apart and swapped_within:
        raise BadFileError(
            f"{name}: it lies wholly outside the region, but within it when longitude and latitude"
            " are swapped: write longitude first"
        )
