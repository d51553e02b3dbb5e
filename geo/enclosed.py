"""The ground that invalid rings enclose."""

from __future__ import annotations

import numpy as np
import shapely

from geo.earth import Geometries


def enclosed(shape: shapely.Geometry) -> tuple[shapely.Geometry, list[shapely.Geometry]]:
    """The ground that the rings of a polygon (or several) enclose, and the holes that were left
    out, as they lie outside their shell.

    GEOS MakeValid, method *structure*; it takes a hole outside for ground, which it never is.
    """
    outside: list[shapely.Geometry] = []
    parts = []
    for part in shapely.get_parts(shape):
        holes = shapely.polygons(shapely.get_rings(part)[1:])
        if len(holes):
            shell = _valid(shapely.polygons(shapely.get_exterior_ring(part)))
            mended = np.array([*map(_valid, holes)])
            within = shapely.relate_pattern(shell, mended, "T********")
            outside += holes[~within & ~shapely.is_empty(mended)].tolist()
            part = shapely.Polygon(  # noqa: PLW2901
                shapely.get_exterior_ring(part), [hole.exterior for hole in holes[within]]
            )
        parts.append(part)
    whole = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return _valid(whole), outside


def structure(shapes: Geometries) -> Geometries:
    """Valid shapes by GEOS MakeValid, method *structure*: for those that have no holes."""
    return np.asarray(shapely.make_valid(shapes, method="structure", keep_collapsed=False))


def _valid(shape: shapely.Geometry) -> shapely.Geometry:
    return areas_of(structure(np.array([shape]))[0])


def areas_of(shape: shapely.Geometry) -> shapely.Geometry:
    """The areas of a repaired shape; lines and points that fell out of it are left."""
    if shapely.get_type_id(shape) in (3, 6):
        return shape
    areas = [part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2]
    return shapely.union_all(areas) if areas else shapely.Polygon()
