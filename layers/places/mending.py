"""Geometry that is mended: invalid polygons, and parts of lines that span nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.enclosed import areas_of, enclosed, structure
from layers.places.judged import Geometries, Judged
from layers.places.registry import Layer

#: Geometries from which on machine code and a second thread are worth their start.
_MANY = 2_000
#: A polygon of less encloses nothing.
_LEAST_M2 = 0.1
_M_PER_DEG = 111_195.0


def leave_out_parts(judged: Judged) -> None:
    """Leave out the parts of lines that span nothing, such as a track's segment of one point.

    A line of which nothing would be left is refused with its place.
    """
    given = judged.geometries
    lines = np.flatnonzero(np.isin(shapely.get_type_id(given), (1, 5)))
    parts, owner = shapely.get_parts(given[lines], return_index=True)
    nothing = (shapely.length(parts) == 0) & ~shapely.is_empty(parts)
    for n in np.unique(owner[nothing]).tolist():
        row = int(lines[n])
        own = parts[owner == n]
        left = own[shapely.length(own) > 0]
        at = shapely.get_coordinates(parts[nothing & (owner == n)])[0]
        if not len(left):
            judged.faults.setdefault(
                row,
                f"has a line that spans nothing: all of it is at {at[0]:.6f}, {at[1]:.6f}: give it"
                " a second place, or take the row out",
            )
            given[row] = None
            continue
        count = int((shapely.length(own) == 0).sum())
        given[row] = left[0] if len(left) == 1 else shapely.multilinestrings(left)
        judged.note(
            row,
            f"{count} of its {len(own)} parts {'is' if count == 1 else 'are'} of a single place"
            f" (such as {at[0]:.6f}, {at[1]:.6f}): left out",
        )


def make_valid(layer: Layer, judged: Judged) -> None:
    """Make invalid polygons valid (``geo.enclosed``); refuse what then encloses nothing."""
    given = judged.geometries
    perhaps = np.arange(len(given))
    if layer.geometries == ("MultiPolygon",) and len(given) >= _MANY:
        # numba's second is for those who need it.
        from geo.rings import Rings  # noqa: PLC0415
        from geo.simple import surely_valid  # noqa: PLC0415

        rings = Rings.of(given)
        judged.rings = None if shapely.is_missing(given).any() else rings
        with ThreadPoolExecutor(1, thread_name_prefix="rings") as thread:
            if layer.name == "grids":
                thread.submit(lambda: rings.loose)  # neighbours are asked for it, in a moment
            perhaps = np.flatnonzero(~surely_valid(rings, len(given)))
    valid = _by_two(shapely.is_valid, given[perhaps]) | shapely.is_missing(given[perhaps])
    bad = perhaps[~valid]
    if not len(bad):
        return
    judged.rings = None
    reasons = shapely.is_valid_reason(given[bad])
    areas = np.isin(shapely.get_type_id(given[bad]), (3, 6))
    lost = np.zeros(len(given), dtype=bool)
    lost[bad[~areas]] = True
    parts, owner = shapely.get_parts(given[bad], return_index=True)
    holed = np.isin(np.arange(len(bad)), owner[shapely.get_num_interior_rings(parts) > 0])
    given[bad[~holed]] = structure(given[bad[~holed]])
    for row, has_hole, reason in zip(bad.tolist(), holed, reasons, strict=True):
        outside: list[shapely.Geometry] = []
        if has_hole:
            given[row], outside = enclosed(given[row])
        given[row] = areas_of(given[row])
        if shapely.is_empty(given[row]):
            lost[row] = True
        elif not lost[row]:
            judged.note(row, f"{reason}{_told(outside)}")
    judged.refuse(lost, "has a geometry that encloses or spans nothing: mend it")


def _told(outside: list[shapely.Geometry]) -> str:
    """What is said of holes that were left out, behind what was wrong."""
    if not outside:
        return ""
    at = shapely.get_coordinates(outside[0])[0]
    holes = "a hole lies" if len(outside) == 1 else f"{len(outside)} holes lie"
    return f"; {holes} outside (such as at {at[0]:.6f}, {at[1]:.6f}): left out"


def judge_areas(judged: Judged) -> None:
    """Refuse polygons whose corners lie on one line but for a float's last digits."""
    area = shapely.area(judged.geometries)
    thin = np.flatnonzero(np.isin(shapely.get_type_id(judged.geometries), (3, 6)) & (area < 1e-6))
    box = shapely.bounds(judged.geometries[thin])
    cos = np.cos(np.radians(np.abs(box[:, [1, 3]]).mean(axis=1)))
    lost = np.zeros(len(area), dtype=bool)
    lost[thin[area[thin] * cos * _M_PER_DEG**2 < _LEAST_M2]] = True
    judged.refuse(
        lost, "has a geometry that encloses nothing: its corners lie on one line: mend it"
    )


def _by_two(work: Callable[[Geometries], Any], geometries: Geometries) -> NDArray[Any]:
    """``work`` on many geometries by two threads: GEOS lets go of the interpreter."""
    if len(geometries) < _MANY:
        return np.asarray(work(geometries))
    with ThreadPoolExecutor(2, thread_name_prefix="geos") as threads:
        return np.concatenate(list(threads.map(work, np.array_split(geometries, 2))))
