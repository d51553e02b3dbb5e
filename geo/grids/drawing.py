"""Square and hexagonal cells over an area."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from geo import earth
from geo.errors import NoCrsError, OutOfRangeError, WrongGeometryError

if TYPE_CHECKING:
    import geopandas as gpd

Ints = NDArray[np.int64]
Bounds = tuple[float, float, float, float]
Shape = Literal["square", "hexagon"]

#: More cells than this are refused: it is a slip of the size.
MOST_CELLS = 200_000
#: A cell larger than this bends too much to be drawn on a plane.
MOST_SIZE_M = 1_000_000
#: Nor does a plane show more of the earth than this without tearing it.
MOST_AREA_M2 = earth.EARTH_M2 / 10
#: By how much of a cell the drawing overlaps the area's bounds: what is straight in lon/lat bends
#: away from the plane's straight line by 0.2 % of 100 km.
_PAD = 0.01

#: By how much a cell's area may differ from what was asked before its shape is not that either.
_MOST_OFF = 0.1
_TORN = "area: it is too wide, or too near a pole, for cells on a plane: draw over its parts"


def draw(
    area: shapely.Geometry | gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    shape: Shape = "square",
    size_m: float,
    clip: bool = True,
    prefix: str = "cell",
) -> gpd.GeoDataFrame:
    """Cells of one size that tile an area: index ``id``, geometry in EPSG:4326.

    Parameters
    ----------
    area : polygons; a frame in any declared CRS, or a bare geometry in degrees.
    size_m : side of a square, or of a hexagon the distance between opposite sides, on an
        equal-area plane about the middle of the area (a square has ``size_m``² to 0.1 %).
    clip : cut the cells at the area's edge; else every cell that meets the area stays whole.

    Ids are ``<prefix>-r<row>-c<column>``, rows counted from the south-west corner, and depend on
    nothing but area, shape and size. Neighbours share their vertices to the last bit, clipped or
    not; clipped cells sum to the area, and one that the area's edge cuts up is a MultiPolygon.

    Raises NoCrsError, WrongGeometryError (no area), OutOfRangeError (size, more than 200,000
    cells, unknown shape, an area too large or wide for a plane or round a pole).
    """
    if shape not in ("square", "hexagon"):
        raise OutOfRangeError(f"shape={shape!r}: square or hexagon")
    if not 0 < size_m <= MOST_SIZE_M:
        raise OutOfRangeError(
            f"size_m={size_m:g}: give metres, above 0 and at most {MOST_SIZE_M:,}"
        )
    ground = _area_in_degrees(area)
    area_m2 = float(earth.area_m2(ground)[0])
    if area_m2 > MOST_AREA_M2:
        share = area_m2 / earth.EARTH_M2
        raise OutOfRangeError(
            f"area: it covers {share:.0%} of the earth, a tenth at most can be: draw over its parts"
        )
    _check_count(area_m2 / size_m / size_m, size_m)
    plane = earth.Plane.equal_area(ground.bounds)
    bounds = tuple(shapely.total_bounds(plane.project(ground)))
    if not np.isfinite(bounds).all():
        raise OutOfRangeError(_TORN)
    row, column, rings = (_squares if shape == "square" else _hexagons)(bounds, size_m)
    cells = _in_degrees(plane, rings, (ground.bounds[0] + ground.bounds[2]) / 2)
    shapely.prepare(ground)
    meets = shapely.intersects(ground, cells) & ~shapely.touches(ground, cells)
    row, column, cells = row[meets], column[meets], cells[meets]
    _check_count(len(cells), size_m)
    _check_untorn(cells, float(shapely.area(shapely.polygons(rings[0]))))
    if clip:
        cells = _clipped(cells, ground)
    return _named(row, column, cells, prefix)


def _named(row: Ints, column: Ints, cells: NDArray[np.object_], prefix: str) -> gpd.GeoDataFrame:
    """The cells as a frame, by id."""
    import geopandas as gpd  # noqa: PLC0415 - half a second, for those who draw

    row, column = row - row.min() + 1, column - column.min() + 1
    digits = max(3, len(str(max(row.max(), column.max()))))
    ids = [f"{prefix}-r{r:0{digits}d}-c{c:0{digits}d}" for r, c in zip(row, column, strict=True)]
    frame = gpd.GeoDataFrame({"id": ids}, geometry=cells, crs=earth.LONLAT)
    return frame.astype({"id": "str"}).set_index("id").sort_index()


def _area_in_degrees(area: shapely.Geometry | gpd.GeoDataFrame | gpd.GeoSeries) -> shapely.Geometry:
    """All of the area as one (multi)polygon in degrees."""
    if not isinstance(area, shapely.Geometry):
        if area.crs is None:
            raise NoCrsError("area: no coordinate reference system; set it (EPSG:4326 for lon/lat)")
        shapes = area.geometry.to_crs(earth.LONLAT).to_numpy()
    else:
        shapes = np.asarray([area], dtype=object)
    parts = shapely.get_parts(shapes)
    parts = parts[~shapely.is_empty(parts)]
    if not len(parts) or not (shapely.get_type_id(parts) == 3).all():
        raise WrongGeometryError("area: is no polygon; give the polygons to draw cells over")
    if not shapely.is_valid(parts).all():
        why = shapely.is_valid_reason(parts[~shapely.is_valid(parts)][0])
        raise WrongGeometryError(f"area: invalid polygon ({why}); repair it first")
    ground = shapely.union_all(parts)
    west, south, east, north = ground.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise OutOfRangeError(f"area: {ground.bounds} is no place in degrees; declare its CRS")
    return ground


def _check_count(count: float, size_m: float) -> None:
    if count > MOST_CELLS:
        raise OutOfRangeError(
            f"size_m={size_m:g} makes about {count:,.0f} cells; {MOST_CELLS:,} is the most:"
            " draw larger cells or over a smaller area"
        )


def _squares(bounds: Bounds, size_m: float) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Row, column and ring (5, 2) of each square over the bounds, as many left as right."""
    west, south, east, north = bounds
    columns, rows = (math.ceil(d / size_m + 2 * _PAD) for d in (east - west, north - south))
    _check_count(columns * rows / 50, size_m)
    row, column = (v.ravel() for v in np.mgrid[0:rows, 0:columns])
    x = column[:, None] - columns / 2 + np.array([0, 1, 1, 0, 0])
    y = row[:, None] - rows / 2 + np.array([0, 0, 1, 1, 0])
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    return row, column, np.stack((middle_x + x * size_m, middle_y + y * size_m), axis=-1)


def _hexagons(bounds: Bounds, size_m: float) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Row, column and ring (7, 2) of each hexagon over the bounds; a corner points north.

    Corners lie on a lattice of ``size_m / 2`` by half a side, so that neighbours compute them
    from the same whole numbers.
    """
    west, south, east, north = bounds
    half_side_m = size_m / math.sqrt(3) / 2
    columns = math.ceil((east - west) / size_m + 2 * _PAD + 0.5)
    rows = math.ceil(((north - south) + 2 * _PAD * size_m) / (3 * half_side_m)) + 1
    _check_count(columns * rows / 50, size_m)
    row, column = (v.ravel() for v in np.mgrid[0:rows, 0:columns])
    x = 2 * column[:, None] + (row % 2)[:, None] + np.array([0, 1, 1, 0, -1, -1, 0])
    y = 3 * row[:, None] + 1 + np.array([-2, -1, 1, 2, 1, -1, -2])
    x_m = west - _PAD * size_m + x * (size_m / 2)
    y_m = south - _PAD * size_m + y * half_side_m
    return row, column, np.stack((x_m, y_m), axis=-1)


def _in_degrees(
    plane: earth.Plane, rings: NDArray[np.float64], middle_lon: float
) -> NDArray[np.object_]:
    """The rings as polygons in degrees. Raises OutOfRangeError for one that leaves the plane."""
    lon, lat = plane.inverse(rings[..., 0], rings[..., 1])
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise OutOfRangeError(_TORN)
    # A cell at the area's edge may reach over the date line: its degrees run on.
    lon = lon + 360 * np.round((middle_lon - lon) / 360)
    return np.asarray(shapely.polygons(np.stack((lon, lat), axis=-1)), dtype=object)


def _check_untorn(cells: NDArray[np.object_], cell_m2: float) -> None:
    """Raise OutOfRangeError unless every whole cell is sound and about as large as drawn."""
    off = np.abs(earth.area_m2(cells) / cell_m2 - 1)
    if not shapely.is_valid(cells).all() or (off > _MOST_OFF).any():
        raise OutOfRangeError(_TORN)


def _clipped(cells: NDArray[np.object_], ground: shapely.Geometry) -> NDArray[np.object_]:
    """Each cell's part of the ground.

    The lines of the cells that the ground's edge touches are noded with it once, all together,
    and every face goes to its cell: so a new vertex on a shared edge is one vertex to both.
    """
    edge = ground.boundary
    shapely.prepare(edge)
    whole = shapely.contains_properly(ground, cells)
    cut = np.flatnonzero(~whole)
    if not len(cut):
        return cells
    lines = shapely.union_all(np.append(_edges_once(cells[cut]), edge))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    inner = shapely.point_on_surface(faces)
    inside = shapely.intersects(ground, inner)
    faces, inner = faces[inside], inner[inside]
    face, cell = shapely.STRtree(cells[cut]).query(inner, predicate="intersects")
    return _gathered(cells, cut, faces[face], cell)


def _gathered(
    cells: NDArray[np.object_], cut: Ints, faces: NDArray[np.object_], owner: Ints
) -> NDArray[np.object_]:
    """The cells with those of ``cut`` replaced by their faces."""
    out = cells.copy()
    out[cut] = shapely.Polygon()
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(len(cut) + 1))
    for n, at in enumerate(cut):
        own = faces[order[first[n] : first[n + 1]]]
        out[at] = own[0] if len(own) == 1 else shapely.MultiPolygon(list(own))
    return out


def _edges_once(cells: NDArray[np.object_]) -> NDArray[np.object_]:
    """The cells' edges as lines, a shared one only once."""
    xy = shapely.get_coordinates(cells).reshape(len(cells), -1, 2)
    ends = np.stack((xy[:, :-1], xy[:, 1:]), axis=2).reshape(-1, 2, 2)
    swap = (ends[:, 0, 0] > ends[:, 1, 0]) | (
        (ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1])
    )
    ends[swap] = ends[swap][:, ::-1]
    return np.asarray(shapely.linestrings(np.unique(ends.reshape(-1, 4), axis=0).reshape(-1, 2, 2)))
