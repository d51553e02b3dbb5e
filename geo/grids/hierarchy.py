"""The hierarchy of grids: whether it holds together, what is left over, and the way down it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo import earth
from geo.errors import MissingColumnError, NoCrsError
from geo.grids import ground
from geo.grids.descent import Held, descend

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


def check_hierarchy(
    grids: gpd.GeoDataFrame, *, tolerance_m: float = ground.TOLERANCE_M
) -> pd.DataFrame:
    """What is wrong with a hierarchy of grids; an empty frame when nothing is.

    ``grids``: index = id, column ``parent`` (missing at the top), polygons. One row a fault:
    fault, id, other (the parent or the sibling), area_m2 (of the ground in question), lon, lat (a
    place in it), message. ``unknown_parent``: no such grid; ``circle``: a grid is its own
    ancestor; ``outside_parent``: ground that is not the parent's; ``overlap``: ground of two
    grids of one level (column ``level``), or of one parent, whatever their levels: cells whose
    parent nobody told may lie on a banner, but on no other cells. Ground narrower than
    ``tolerance_m`` is none: edges drawn twice differ a little.

    Raises NoCrsError, MissingColumnError.
    """
    import pandas as pd  # noqa: PLC0415 - not for those who only load grids

    frame = _checked(grids)
    parent = frame["parent"]
    faults = [
        *(
            _unplaced("unknown_parent", i, p)
            for i, p in parent.items()
            if p and p not in frame.index
        ),
        *(_unplaced("circle", i, parent[i]) for i in _in_circles(parent)),
        *_outside(frame, tolerance_m),
        *_overlaps(frame, tolerance_m),
    ]
    columns = ["fault", "id", "other", "area_m2", "lon", "lat", "message"]
    return pd.DataFrame(faults, columns=columns)


def rest(
    parent: shapely.Geometry, children: gpd.GeoDataFrame | gpd.GeoSeries | ground.Geometries
) -> shapely.Geometry:
    """The ground of a parent outside all of its children (a (multi)polygon, perhaps empty).

    With its children it makes up the parent, so that figures of children and rest sum to its own.
    """
    shapes = children if isinstance(children, np.ndarray) else children.geometry.to_numpy()
    left = shapely.difference(parent, shapely.union_all(shapes))
    parts = shapely.get_parts(left)
    return shapely.union_all(parts[shapely.get_type_id(parts) == 3])


def chain(
    grids: gpd.GeoDataFrame, lon: float, lat: float, *, levels: Sequence[str] = ()
) -> list[str]:
    """Ids of the grids that hold a point, from the top level down to the lowest.

    ``grids``: index = id, column ``parent`` (missing at the top), ``level`` if there are several
    tops. Below a grid its own children are looked at; a grid without a parent that lies on others
    of higher ``levels`` (highest first) is in the chain, too, with what is below it. On a shared
    edge the lower id (as text) has it. Empty outside all.
    """
    frame = _checked(grids)
    held = frame[shapely.intersects(frame.geometry.to_numpy(), shapely.Point(lon, lat))]
    columns = zip(held.index, held["parent"], held["level"], strict=True)
    return descend(
        [Held(id=name, parent=parent, level=level) for name, parent, level in columns],
        levels=levels,
    )


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
    return type(grids)(columns, geometry=geometry, crs=earth.LONLAT, index=index)


Fault = tuple[str, str, str, float, float, float, str]


def _unplaced(fault: str, name: str, other: str) -> Fault:
    say = f"{name}: parent {other} is not among the grids"
    if fault == "circle":
        say = f"{name}: is its own ancestor through {other}"
    return fault, name, other, 0.0, np.nan, np.nan, say


def _placed(fault: str, name: str, other: str, found: ground.Ground) -> Fault:
    what = "lies outside its parent" if fault == "outside_parent" else "overlaps"
    say = f"{name}: {found.area_m2:,.0f} m² {what} {other} near {found.lon:.5f}, {found.lat:.5f}"
    return fault, name, other, found.area_m2, found.lon, found.lat, say


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


def _outside(frame: gpd.GeoDataFrame, tolerance_m: float) -> list[Fault]:
    shapes, names = frame.geometry.to_numpy(), frame.index
    parent = names.get_indexer(frame["parent"])
    return [
        _placed("outside_parent", names[one.one], names[one.other], one)
        for one in ground.outside(shapes, shapes, parent, tolerance_m=tolerance_m)
    ]


def _overlaps(frame: gpd.GeoDataFrame, tolerance_m: float) -> list[Fault]:
    shapes = frame.geometry.to_numpy()
    both = {
        (one.one, one.other): one
        for group in ground.apart(frame["parent"].tolist(), frame["level"].tolist())
        for one in ground.overlaps(shapes, group, tolerance_m=tolerance_m)
    }
    return [
        _placed("overlap", frame.index[a], frame.index[b], one)
        for (a, b), one in sorted(both.items())
    ]
