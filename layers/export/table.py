"""CSV with geometry as WKT."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import shapely

from layers.export.features import Features, shapes
from layers.export.geojson import rfc3339

_POSITION = re.compile(r"\[([^][,]+),([^][,]+)(?:,([^][,]+))?\]")


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


def _wkt(geometries: Any) -> Iterator[str | None]:
    """WKT that reads back to the last bit.

    GEOS's WKT cuts small numbers and loses the sign of -0; its GeoJSON does neither.
    """
    texts = shapely.to_geojson(geometries)
    names = [None if one is None else str(one.geom_type).upper() for one in geometries]
    for name, text in zip(names, texts, strict=True):
        if name is None or name == "GEOMETRYCOLLECTION":
            yield None if name is None else shapely.to_wkt(shapely.from_geojson(text), 25)
            continue
        coordinates = text[text.index('"coordinates":') + 14 : -1]
        listed = _POSITION.sub(lambda found: " ".join(filter(None, found.groups())), coordinates)
        inner = listed.replace("[", "(").replace("]", ")")
        yield f"{name} ({inner})" if name == "POINT" else f"{name} {inner}"
