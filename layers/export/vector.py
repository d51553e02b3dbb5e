"""FlatGeobuf and GeoPackage, through GDAL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from layers.errors import BadFileError
from layers.export.features import GEOMETRY, Features
from layers.export.geojson import rfc3339


def flatgeobuf(features: Features, path: Path) -> None:
    """Write FlatGeobuf. Raises BadFileError.

    Without its spatial index: that would be built of all features at once, puts them into another
    order, and takes none at all.
    """
    _write(features, path, "FlatGeobuf", {"SPATIAL_INDEX": "NO"})


def geopackage(features: Features, path: Path) -> None:
    """Write a GeoPackage with its spatial index. Raises BadFileError."""
    _write(features, path, "GPKG", {})


class _Watched:
    """Batches for GDAL, which would hide what went wrong on the way to them."""

    def __init__(self, features: Features, schema: pa.Schema) -> None:
        self._features, self._schema = features, schema
        self.wrong: Exception | None = None
        self.stop = threading.Event()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._features.batches:
                if self.stop.is_set():
                    raise InterruptedError
                yield _fitted(batch, self._schema)
        except Exception as error:
            self.wrong = error
            raise


def _write(features: Features, path: Path, driver: str, options: dict[str, str]) -> None:
    schema = _gdal_schema(features)
    watched = _Watched(features, schema)

    def work() -> None:
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(schema, watched),
            path,
            layer=features.name,
            driver=driver,
            geometry_name=GEOMETRY,
            geometry_type=features.geometry_type,
            crs="EPSG:4326",
            layer_options=options,
        )

    try:
        _aside(work, watched.stop)
    except (DataSourceError, DataLayerError, pa.ArrowException, OSError, RuntimeError) as error:
        if watched.wrong is not None:
            raise watched.wrong from None
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadFileError(f"{path.parent}: no file can be written there ({said})") from error


def _aside(work: Callable[[], None], stop: threading.Event) -> None:
    """Do ``work`` in a thread: a signal's exception within GDAL's call of ours would be lost."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        try:
            done.result()
        except BaseException:
            stop.set()
            raise


def _gdal_schema(features: Features) -> pa.Schema:
    """Times to the millisecond, where GDAL's end; columns with finer ones become text."""
    fine = features.fine_times()
    fields = []
    for field in features.schema:
        type_ = field.type
        if pa.types.is_timestamp(type_):
            type_ = pa.string() if field.name in fine else pa.timestamp("ms", tz="UTC")
        fields.append(pa.field(field.name, type_))
    return pa.schema(fields)


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array([rfc3339(moment) for moment in column.to_pylist()], type=field.type)
        if pa.types.is_timestamp(column.type) and not pa.types.is_timestamp(field.type)
        else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
