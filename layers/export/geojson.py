"""GeoJSON (RFC 7946): one document, or a feature a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import shapely

from layers.export.features import Features, is_json, shapes

_NULL = msgspec.Raw(b"null")


def document(features: Features) -> Iterator[bytes]:
    """A FeatureCollection, a feature a line."""
    name = json.dumps(features.name)
    yield f'{{"type": "FeatureCollection", "name": {name}, "features": ['.encode()
    between = b"\n"
    for batch in features.batches:
        yield between + b",\n".join(_features(batch))
        between = b",\n"
    yield b"\n]}\n"


def lines(features: Features) -> Iterator[bytes]:
    """A feature a line (newline-delimited GeoJSON)."""
    for batch in features.batches:
        yield b"\n".join(_features(batch)) + b"\n"


def sequence(features: Features) -> Iterator[bytes]:
    """A GeoJSON text sequence (RFC 8142): each feature after a record separator."""
    for batch in features.batches:
        yield b"".join(b"\x1e" + feature + b"\n" for feature in _features(batch))


def rfc3339(moment: datetime | None) -> str | None:
    """A time in UTC with Z, to the microsecond."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _features(batch: pa.RecordBatch) -> Iterator[bytes]:
    """Each feature as JSON. GEOS writes every coordinate so that it reads back to the last bit."""
    texts = shapely.to_geojson(shapes(batch))
    columns = {field.name: _values(batch, field) for field in batch.schema.remove(
        batch.schema.get_field_index("geometry"))}  # fmt: skip
    ids = columns.pop("id")
    for row, text in enumerate(texts):
        yield msgspec.json.encode(
            {
                "type": "Feature",
                "id": str(ids[row]),
                "geometry": _NULL if text is None else msgspec.Raw(text.encode()),
                "properties": {name: values[row] for name, values in columns.items()},
            }
        )


def _values(batch: pa.RecordBatch, field: pa.Field) -> list[Any]:
    values: list[Any] = batch.column(field.name).to_pylist()
    if is_json(field):
        return [None if text is None else msgspec.Raw(text.encode()) for text in values]
    if pa.types.is_timestamp(field.type):
        return [rfc3339(moment) for moment in values]
    return values
