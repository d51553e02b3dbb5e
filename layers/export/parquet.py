"""GeoParquet 1.1."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from layers.export.features import GEOMETRY, Features, shapes

_TYPES = ("Point", "LineString", "LineString", "Polygon", "MultiPoint", "MultiLineString",
          "MultiPolygon", "GeometryCollection")  # fmt: skip


class _Sink(io.RawIOBase):
    """Takes what the writer writes, until it is sent on."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        held = bytes(data)
        self._held.append(held)
        self._written += len(held)
        return len(held)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        """What was written since the last time."""
        held, self._held = b"".join(self._held), []
        return held


def pieces(features: Features) -> Iterator[bytes]:
    """The file, a row group at a time; what is known only at the end stands in its footer."""
    sink = _Sink()
    found: set[str] = set()
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    schema = pa.schema([field.remove_metadata() for field in features.schema])
    # Without Arrow's own schema, which readers would believe before the footer's "geo".
    with pq.ParquetWriter(sink, schema, compression="zstd", store_schema=False) as writer:
        for batch in features.batches:
            geometries = shapes(batch)
            found |= _types(geometries)
            bounds = _widened(bounds, shapely.total_bounds(geometries))
            writer.write_batch(batch.cast(schema), row_group_size=len(batch))
            yield sink.take()
        writer.add_key_value_metadata({"geo": json.dumps(_geo(found, bounds))})
    yield sink.take()


def _types(geometries: Any) -> set[str]:
    there = geometries[~shapely.is_missing(geometries)]
    kinds = zip(shapely.get_type_id(there).tolist(), shapely.has_z(there).tolist(), strict=True)
    return {_TYPES[kind] + (" Z" if high else "") for kind, high in set(kinds)}


def _widened(bounds: Any, more: Any) -> Any:
    """``bounds`` that hold ``more`` too, which is NaN where a batch has no points."""
    least, most = np.fmin(bounds[:2], more[:2]), np.fmax(bounds[2:], more[2:])
    return np.concatenate([least, most])


def _geo(types: set[str], bounds: Any) -> dict[str, Any]:
    """The file's metadata, https://geoparquet.org/releases/v1.1.0/."""
    about: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(types),
        "crs": CRS.from_epsg(4326).to_json_dict(),
    }
    if np.isfinite(bounds).all():
        about["bbox"] = bounds.tolist()
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: about}}
