"""The hierarchy of grids: whether it holds together, what is left over, and the way down it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo import earth
from geo.errors import MissingColumnError, NoCrsError


def check_hierarchy(grids: gpd.GeoDataFrame, *, tolerance_m: float = 1.0) -> pd.DataFrame:
    """What is wrong with a hierarchy of grids; an empty frame when nothing is.

    ``grids``: index = id, column ``parent`` (missing at the top), polygons. One row a fault:
    fault, id, other (the parent or the sibling), area_m2 (of the ground in question), lon, lat (a
    place in it), message. ``unknown_parent``: no such grid; ``circle``: a grid is its own
    ancestor; ``outside_parent``: ground that is not the parent's; ``overlap``: ground of two
    siblings. Ground narrower than ``tolerance_m`` is none: edges drawn twice differ a little.

    Raises NoCrsError, MissingColumnError.
    """
    frame = _checked(grids)
    parent = frame["parent"]
    faults = [
        *(_fault("unknown_parent", i, p) for i, p in parent.items() if p and p not in frame.index),
        *(_fault("circle", i, parent[i]) for i in _in_circles(parent)),
        *_outside(frame, tolerance_m),
        *_overlaps(frame, tolerance_m),
    ]
    columns = ["fault", "id", "other", "area_m2", "lon", "lat", "message"]
    return pd.DataFrame(faults, columns=columns)


def rest(parent: shapely.Geometry, children: gpd.GeoDataFrame | gpd.GeoSeries) -> shapely.Geometry:
    """The ground of a parent outside all of its children (a (multi)polygon, perhaps empty).

    With its children it makes up the parent, so that figures of children and rest sum to its own.
    """
    left = shapely.difference(parent, shapely.union_all(children.geometry.to_numpy()))
    parts = shapely.get_parts(left)
    return shapely.union_all(parts[shapely.get_type_id(parts) == 3])


def chain(grids: gpd.GeoDataFrame, lon: float, lat: float) -> list[str]:
    """Ids of the grids that hold a point, from the top level down to the lowest.

    ``grids``: index = id, column ``parent`` (missing at the top). On a shared edge the lower id
    (as text) has it; below a grid only its own children are looked at. Empty outside all.
    """
    frame = _checked(grids)
    place = shapely.Point(lon, lat)
    held = frame[shapely.intersects(frame.geometry.to_numpy(), place)]
    down: list[str] = []
    own = held[held["parent"] == ""]
    while not own.empty and min(own.index) not in down:
        down.append(min(own.index))
        own = held[held["parent"] == down[-1]]
    return down


def _checked(grids: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Parent, level and geometry in degrees, all as text; the empty text for none."""
    if "parent" not in grids.columns:
        raise MissingColumnError("grids: no column 'parent' (the id of the grid above, or missing)")
    if grids.crs is None:
        raise NoCrsError("grids: no coordinate reference system; set it (EPSG:4326 for lon/lat)")
    geometry = grids.geometry.to_crs(earth.LONLAT).to_numpy()
    columns = {
        name: grids[name].astype(object).where(grids[name].notna(), "").astype(str).to_numpy()
        if name in grids.columns
        else np.full(len(grids), "", dtype=object)
        for name in ("parent", "level")
    }
    index = grids.index.astype(str)
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=earth.LONLAT, index=index)


Fault = tuple[str, str, str, float, float, float, str]


def _fault(
    fault: str, name: str, other: str, ground: shapely.Geometry | None = None, area_m2: float = 0.0
) -> Fault:
    if ground is None:
        say = f"{name}: parent {other} is not among the grids"
        if fault == "circle":
            say = f"{name}: is its own ancestor through {other}"
        return fault, name, other, area_m2, np.nan, np.nan, say
    place = shapely.point_on_surface(ground)
    what = "lies outside its parent" if fault == "outside_parent" else "overlaps"
    say = f"{name}: {area_m2:,.0f} m² {what} {other} near {place.x:.5f}, {place.y:.5f}"
    return fault, name, other, area_m2, place.x, place.y, say


def _in_circles(parent: pd.Series) -> list[str]:
    """The grids that are their own ancestors."""
    above = dict(parent.items())
    circles = []
    for name, up in above.items():
        at, seen = up, set()
        while at and at != name and at in above and at not in seen:
            seen.add(at)
            at = above[at]
        if at == name:
            circles.append(name)
    return circles


def _broad(ground: shapely.Geometry, tolerance_m: float) -> tuple[shapely.Geometry | None, float]:
    """The parts of a ground that are broader than the tolerance, and their area; None if none.

    A strip's breadth is about twice its area over its perimeter.
    """
    parts = shapely.get_parts(ground)
    parts = parts[shapely.get_type_id(parts) == 3]
    area = earth.area_m2(parts)
    broad = 2 * area > tolerance_m * earth.length_m(shapely.boundary(parts))
    if not broad.any():
        return None, 0.0
    return parts[broad][np.argmax(area[broad])], float(area[broad].sum())


def _outside(frame: gpd.GeoDataFrame, tolerance_m: float) -> list[Fault]:
    faults = []
    shapes = frame.geometry
    for name, parent in frame["parent"].items():
        if parent in frame.index and not shapes[parent].covers(shapes[name]):
            ground, area_m2 = _broad(shapes[name].difference(shapes[parent]), tolerance_m)
            if ground is not None:
                faults.append(_fault("outside_parent", name, parent, ground, area_m2))
    return faults


def _overlaps(frame: gpd.GeoDataFrame, tolerance_m: float) -> list[Fault]:
    faults = []
    shapes, parent = frame.geometry.to_numpy(), frame["parent"].to_numpy()
    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    level = frame["level"].to_numpy()
    siblings = (one < two) & (parent[one] == parent[two]) & (level[one] == level[two])
    for a, b in zip(one[siblings], two[siblings], strict=True):
        if shapely.touches(shapes[a], shapes[b]):
            continue
        ground, area_m2 = _broad(shapely.intersection(shapes[a], shapes[b]), tolerance_m)
        if ground is not None:
            faults.append(_fault("overlap", frame.index[a], frame.index[b], ground, area_m2))
    return faults
