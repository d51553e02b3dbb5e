"""Fence versions, read once and made ready for many judgements."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo import antimeridian
from geo.breaches.edges import Edges
from geo.breaches.hours import Hours, plain
from geo.breaches.tree import Tree, grow
from geo.earth import Geometries, Plane
from geo.errors import NoCrsError, OutOfRangeError, WrongGeometryError
from geo.tracks.columns import Bools, Floats, Ints, micros, need, numbers

RULES = ("keep_out", "keep_in", "line", "presence")
DIRECTIONS = ("any", "left_to_right", "right_to_left")
LONG_AGO_US, FAR_AHEAD_US = -(1 << 62), 1 << 62
Words = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """An area fence on the plane in metres about its own middle.

    Distances there are off by less than 0.03 % up to 250 km from the middle, and the plane knows
    no antimeridian.
    """

    plane: Plane
    area: shapely.Geometry


@dataclass(frozen=True, kw_only=True, eq=False)
class Fences:
    """Fence versions by position; build one with ``of`` and keep it while the set is unchanged."""

    ids: list[str]
    versions: list[int]
    rules: list[str]
    directions: list[str]
    severities: list[str]
    margin_m: Floats
    dwell_us: Ints
    hours: list[Hours | None]
    applies_to: list[dict[str, Any]]
    from_us: Ints  #: in force from this moment …
    to_us: Ints  #: … until before this one
    is_line: Bools
    geometry: Geometries  #: within ±180°, prepared
    heir_of: Ints  #: the version of the same fence that ends when this one begins; -1 without
    edges: Edges = field(repr=False)
    tree: Tree = field(repr=False)  #: over the edges
    _metric: dict[int, Metric] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame) -> Fences:
        """Read a frame of fence versions, geometry in EPSG:4326, one row a version.

        Columns: fence, rule [, version 1, direction 'any', margin_m 0, dwell_s 0, active always,
        applies_to every unit, severity 'medium', valid_from, valid_to (missing: without end)].
        Areas may reach beyond ±180°. Raises MissingColumnError, NoCrsError, NaiveTimeError,
        OutOfRangeError, WrongGeometryError.
        """
        need(frame, ("fence", "rule"), "fences")
        if frame.crs is None:
            raise NoCrsError("fences: no coordinate reference system; set EPSG:4326")
        if frame.crs.to_epsg() != 4326:
            raise NoCrsError(f"fences: in {frame.crs.to_string()}; convert to EPSG:4326")
        ids = [str(name) for name in frame["fence"]]
        rules = _words(frame, "rule", RULES, "keep_out", ids)
        given = np.empty(len(frame), dtype=object)
        given[:] = [_without_jumps(shape) for shape in frame.geometry.array]
        is_line = np.asarray([rule == "line" for rule in rules], dtype=bool)
        _check(given, is_line, ids)
        geometry = np.asarray([_within_world(shape) for shape in given], dtype=object)
        shapely.prepare(geometry)
        edges = Edges.of(geometry, is_line)
        from_us = _validity(frame, "valid_from", LONG_AGO_US)
        to_us = _validity(frame, "valid_to", FAR_AHEAD_US)
        margin_m, dwell_s = _positive(frame, "margin_m", ids), _positive(frame, "dwell_s", ids)
        return cls(
            ids=ids,
            versions=[int(v) for v in frame["version"]] if "version" in frame else [1] * len(ids),
            rules=rules,
            directions=_words(frame, "direction", DIRECTIONS, "any", ids),
            severities=_words(frame, "severity", (), "medium", ids),
            margin_m=margin_m,
            dwell_us=np.rint(dwell_s * 1e6).astype(np.int64),
            hours=[
                Hours.of(active, f"fence {name}")
                for active, name in zip(_json(frame, "active"), ids, strict=True)
            ],
            applies_to=[plain(value) for value in _json(frame, "applies_to")],
            from_us=from_us,
            to_us=to_us,
            is_line=is_line,
            geometry=geometry,
            heir_of=_heirs(ids, from_us, to_us),
            edges=edges,
            tree=grow(edges.packed, len(ids)),
        )

    def metric(self, fence: int) -> Metric:
        """The area of a fence in metres, made on first use."""
        if fence not in self._metric:
            self._metric[fence] = _metric(self.geometry[fence])
        return self._metric[fence]

    def applies(self, names: list[str], units: pd.DataFrame) -> Bools:
        """Which fence speaks of which unit: (units, fences).

        The names in one list are OR-ed, the lists are AND-ed. A list of kinds or teams that
        ``units`` does not tell speaks of nobody.
        """
        own = units.loc[names]
        told = [
            [word if isinstance(word, str) else "" for word in own[column]]
            if column in own.columns
            else [""] * len(names)
            for column in ("kind", "team")
        ]
        return self.speak_of(names, *told)

    def speak_of(self, names: list[str], kinds: list[str], teams: list[str]) -> Bools:
        """``applies`` of units by their name, kind and team; "" is none."""
        out = np.ones((len(names), len(self)), dtype=bool)
        alike: dict[str, list[int]] = {}
        for fence, rule in enumerate(self.applies_to):
            if rule:
                alike.setdefault(json.dumps(rule, sort_keys=True, default=str), []).append(fence)
        said = {"units": names, "kinds": kinds, "teams": teams}
        at = {key: _places(words) for key, words in said.items()}
        for fences in alike.values():
            rule = self.applies_to[fences[0]]
            meant = np.ones(len(names), dtype=bool)
            for key in said:
                if rule.get(key):
                    named = [at[key].get(str(name), ()) for name in rule[key]]
                    own_rows = np.zeros(len(names), dtype=bool)
                    own_rows[[row for rows in named for row in rows]] = True
                    meant &= own_rows
            if not meant.all():
                out[np.ix_(~meant, np.asarray(fences))] = False
        return out

    def without_end(self) -> Fences:
        """The same versions as if each were always in force."""
        return replace(
            self,
            from_us=np.full(len(self), LONG_AGO_US),
            to_us=np.full(len(self), FAR_AHEAD_US),
            heir_of=np.full(len(self), -1),
        )

    def in_use(self, start_us: int, end_us: int) -> Bools:
        """Versions that are in force at some moment of a span of time."""
        return (self.from_us <= end_us) & (self.to_us > start_us)


def _places(words: list[str]) -> dict[str, list[int]]:
    """Where each word stands; "" is none."""
    out: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        if word:
            out.setdefault(word, []).append(place)
    return out


def _metric(shape: shapely.Geometry) -> Metric:
    west, south, east, north = shape.bounds
    parts = shapely.get_parts(shape)
    # touching the antimeridian from both sides, with nothing on the prime meridian: it spans it
    greenwich = shapely.LineString([(0, -90), (0, 90)])
    around = bool(west <= -180 and east >= 180 and not shape.intersects(greenwich))
    if around:
        parts = shapely.transform(parts, lambda xy: np.column_stack((xy[:, 0] % 360, xy[:, 1])))
        west, south, east, north = shapely.total_bounds(parts)
    plane = Plane.equidistant((west + east) / 2, (south + north) / 2)
    flat = plane.project(parts)  # part by part: together they may share the seam, and be invalid
    # the seam at the antimeridian is no boundary
    area = shapely.union_all(flat, grid_size=1e-3) if around else shapely.multipolygons(flat)
    shapely.prepare(area)
    return Metric(plane=plane, area=area)


def _heirs(ids: list[str], from_us: Ints, to_us: Ints) -> Ints:
    """For each version the one of the same fence that ends when it begins, -1 without."""
    ends = {(name, int(end)): f for f, (name, end) in enumerate(zip(ids, to_us, strict=True))}
    return np.asarray(
        [ends.get((name, int(begun)), -1) for name, begun in zip(ids, from_us, strict=True)],
        dtype=np.int64,
    )


def _without_jumps(shape: shapely.Geometry | None) -> shapely.Geometry | None:
    """The geometry cut where it jumps by more than 180° from a vertex to the next.

    That is how many write a fence across the antimeridian; nothing that is watched is so wide.
    """
    if shape is None or shape.is_empty or not np.isfinite(shape.bounds).all():
        return shape
    west, _, east, _ = shape.bounds
    if east - west <= 180:
        return shape
    home = shapely.transform(shape, lambda xy: np.c_[(xy[:, :1] + 540) % 360 - 180, xy[:, 1:]])
    crossing = antimeridian.cut(np.asarray([home], dtype=object))
    return crossing.geometries[0] if crossing.cut else shape


def _within_world(shape: shapely.Geometry) -> shapely.Geometry:
    """The geometry with what lies beyond ±180° brought back to the other side."""
    west, _, east, _ = shape.bounds
    if west >= -180 and east <= 180:
        return shape
    parts: list[shapely.Geometry] = []
    for turn in (-360, 0, 360):
        piece = shapely.intersection(shape, shapely.box(-180 + turn, -90, 180 + turn, 90))
        moved = shapely.transform(piece, lambda xy, by=turn: xy - [by, 0])
        parts += [p for p in shapely.get_parts(moved) if p.geom_type in ("Polygon", "LineString")]
    together = shapely.multipolygons if "Polygon" in shape.geom_type else shapely.multilinestrings
    return together(parts)


def _check(shapes: Geometries, is_line: Bools, ids: list[str]) -> None:
    for shape, line, name in zip(shapes, is_line, ids, strict=True):
        wanted = ("LineString", "MultiLineString") if line else ("Polygon", "MultiPolygon")
        if shape is None or shape.is_empty or shape.geom_type not in wanted:
            found = "nothing" if shape is None or shape.is_empty else shape.geom_type
            raise WrongGeometryError(f"fence {name}: needs a {wanted[0]}, has {found}")
        if not line and not shape.is_valid:
            why = shapely.is_valid_reason(shape)
            raise WrongGeometryError(f"fence {name}: {why}; mend it first")
        if not np.isfinite(shapely.get_coordinates(shape)).all():
            raise WrongGeometryError(f"fence {name}: a coordinate is not a number")


def _words(
    frame: pd.DataFrame, column: str, allowed: tuple[str, ...], default: str, ids: list[str]
) -> list[str]:
    if column not in frame.columns:
        return [default] * len(frame)
    words = [default if pd.isna(word) else str(word) for word in frame[column]]
    for word, name in zip(words, ids, strict=True):
        if allowed and word not in allowed:
            known = ", ".join(allowed)
            raise OutOfRangeError(f"fence {name}: {column} is {word!r}, not one of {known}")
    return words


def _positive(frame: pd.DataFrame, column: str, ids: list[str]) -> Floats:
    values = numbers(frame, column)
    values = np.where(np.isnan(values), 0.0, values)
    for value, name in zip(values, ids, strict=True):
        if not 0 <= value < np.inf:
            raise OutOfRangeError(f"fence {name}: {column} is {value}, not 0 or more")
    return values


def _json(frame: pd.DataFrame, column: str) -> list[object]:
    return list(frame[column]) if column in frame.columns else [None] * len(frame)


def _validity(frame: pd.DataFrame, column: str, missing_us: int) -> Ints:
    if column not in frame.columns or frame[column].isna().all():
        return np.full(len(frame), missing_us, dtype=np.int64)
    given = micros(frame[column], "fences")
    return np.where(frame[column].isna(), missing_us, given)
