"""Invented grids: on a lattice, where edges in common are the rule, and tessellations."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import strategies as st

#: Corners on a lattice of 0.1°: edges and corners in common are the rule.
CORNER = st.tuples(st.integers(0, 5), st.integers(0, 5))


def on_lattice(corners: list[tuple[int, int]]) -> shapely.Geometry:
    polygon = shapely.Polygon([(100 + x / 10, 40 + y / 10) for x, y in corners])
    return polygon if polygon.is_valid and polygon.area else shapely.box(100, 40, 100.1, 40.1)


POLYGON = st.lists(CORNER, min_size=3, max_size=7, unique=True).map(on_lattice)


def cut(made: tuple[shapely.Geometry, shapely.Geometry, str]) -> shapely.Geometry:
    """The first polygon, the two together, or the first without the second."""
    one, two, how = made
    shape = one if how == "one" else getattr(shapely, how)(one, two)
    return shape if shape.geom_type in {"Polygon", "MultiPolygon"} and shape.area else one


#: With holes and several parts.
SHAPE = st.tuples(POLYGON, POLYGON, st.sampled_from(["one", "difference", "union"])).map(cut)


def tessellation(n: int, seed: int, *, extra: int = 0) -> np.ndarray:
    """n x n quadrangles whose neighbours share crooked edges of ``extra`` more vertices."""
    rng = np.random.default_rng(seed)
    corner = np.stack(np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), indexing="ij"), -1)
    corner += rng.uniform(-0.3, 0.3, corner.shape)

    def chain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        along = np.linspace(0, 1, extra + 2)[:-1]
        points = a[..., None, :] + (b - a)[..., None, :] * along[:, None]
        points[..., 1:, :] += rng.uniform(-0.03, 0.03, points[..., 1:, :].shape)
        return points

    def back(points: np.ndarray, end: np.ndarray) -> np.ndarray:
        return np.concatenate([points, end[..., None, :]], -2)[..., ::-1, :][..., :-1, :]

    east, north = chain(corner[:-1], corner[1:]), chain(corner[:, :-1], corner[:, 1:])
    rings = [east[:, :-1], north[1:], back(east[:, 1:], corner[1:, 1:])]
    rings.append(back(north[:-1], corner[:-1, 1:]))
    xy = np.concatenate(rings, -2).reshape(n * n, -1, 2)
    return np.asarray(shapely.polygons(xy * 0.01 + (100, 40)))
