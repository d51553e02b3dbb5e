"""CSV with geometry as WKT."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from layers.export.features import Features, shapes
from layers.export.geojson import rfc3339

_POSITION = re.compile(r"\[[^][]+\]")


def rows(features: Features) -> Iterator[bytes]:
    """Header and rows: comma, UTF-8, ``\\n``; what is missing is empty."""
    yield _csv([[*features.columns, "wkt"]])
    for batch in features.batches:
        cells = [_cells(batch, name) for name in features.columns]
        yield _csv(zip(*cells, _wkt(shapes(batch)), strict=True))


def _csv(table: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue().encode()


def _cells(batch: pa.RecordBatch, name: str) -> list[Any]:
    values: list[Any] = batch.column(name).to_pylist()
    type_ = batch.schema.field(name).type
    if pa.types.is_boolean(type_):
        return [None if value is None else str(value).lower() for value in values]
    if pa.types.is_timestamp(type_):
        return [rfc3339(moment) for moment in values]
    return values


def _wkt(geometries: Any) -> Any:
    """WKT that reads back to the last bit (GEOS writes the shortest number of that many places)."""
    texts = shapely.to_wkt(geometries, rounding_precision=25)
    xy, owner = shapely.get_coordinates(geometries, return_index=True)
    signed = ((xy == 0) & np.signbit(xy)).any(axis=1)
    for row in set(owner[signed].tolist()) - set(np.flatnonzero(_collections(geometries))):
        texts[row] = _with_signs(geometries[row])
    return texts


def _collections(geometries: Any) -> Any:
    """Which are collections: no layer has one."""
    return shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION


def _with_signs(geometry: shapely.Geometry) -> str:
    """WKT of a geometry with a coordinate of -0, whose sign GEOS drops there and not in GeoJSON."""
    name = str(geometry.geom_type).upper()
    coordinates = json.dumps(json.loads(shapely.to_geojson(geometry))["coordinates"])
    listed = _POSITION.sub(lambda found: found[0][1:-1].replace(",", ""), coordinates)
    inner = listed.replace("[", "(").replace("]", ")")
    return f"{name} ({inner})" if name == "POINT" else f"{name} {inner}"
