"""What is written: features as Arrow record batches, some thousand at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely
from sqlalchemy import ColumnElement, Connection, Text, cast, func, select

from layers.places import Layer, layer
from layers.places.columns import Kind
from layers.places.reading import conditions

if TYPE_CHECKING:
    import geopandas as gpd

GEOMETRY = "geometry"
_FETCHED_ROWS = 256
_BATCH_ROWS, _BATCH_BYTES = 4096, 4_000_000
#: Marks text that is JSON: GeoJSON has it as objects.
_JSON = {b"kind": b"json"}
_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "json": pa.string(),
}


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features on their way to a file; they can be gone through once."""

    name: str  #: of the layer in a file that names its layers
    schema: pa.Schema  #: ``id``, the columns, and ``geometry`` as WKB in degrees
    geometry_type: str  #: GeoJSON's, when all are of one; else Unknown
    batches: Iterable[pa.RecordBatch]
    #: the columns with a time finer than a millisecond, which GDAL's formats cannot hold
    fine_times: Callable[[], frozenset[str]]

    @property
    def columns(self) -> list[str]:
        """All but the geometry."""
        return [name for name in self.schema.names if name != GEOMETRY]


def read(
    connection: Connection,
    name: str,
    *,
    bbox: Sequence[float] | None = None,
    level: str | None = None,
) -> Features:
    """A layer's features by id, through a cursor of the database: never all in memory.

    The order is that of the ids' code points, in every database. ``bbox`` and ``level`` are those
    of ``places.features``. The batches must be taken within the connection's transaction.
    Raises NoSuchLayerError, BadQueryError.
    """
    of = layer(name)
    schema = _schema(of)
    where = conditions(of, bbox=bbox, level=level)
    table = of.table.c
    # JSON as the database's own text: no number in it passes through another type.
    fields: list[ColumnElement[Any]] = [
        cast(table[column.name], Text) if column.kind == "json" else table[column.name]
        for column in of.columns.values()
    ]
    query = select(table.id, *fields, func.ST_AsBinary(table.geom))
    query = query.where(*where).order_by(table.id.collate("C"))

    def fetched() -> Iterator[pa.RecordBatch]:
        options = {"yield_per": _FETCHED_ROWS}
        with connection.execute(query, execution_options=options) as result:
            yield from _batches(result.partitions(), schema)

    return Features(
        name=of.name,
        schema=schema,
        geometry_type=of.geometries[0] if len(of.geometries) == 1 else "Unknown",
        batches=fetched(),
        fine_times=lambda: _fine_columns(connection, of, where),
    )


def count(
    connection: Connection,
    name: str,
    *,
    bbox: Sequence[float] | None = None,
    level: str | None = None,
) -> int:
    """How many features ``read`` has. Raises NoSuchLayerError, BadQueryError."""
    of = layer(name)
    query = select(func.count()).select_from(of.table)
    found = connection.execute(query.where(*conditions(of, bbox=bbox, level=level)))
    return int(found.scalar_one())


def of_frame(frame: gpd.GeoDataFrame, name: str) -> Features:
    """The rows of a frame, its index as ``id``; dictionaries and lists become JSON text."""
    import pandas as pd  # noqa: PLC0415 - who has a frame has it imported

    flat = frame.copy() if frame.geometry.name == GEOMETRY else frame.rename_geometry(GEOMETRY)
    if "id" not in flat:
        flat.insert(0, "id", pd.Series(flat.index.astype(str), index=flat.index, dtype="str"))
    flat = flat.reset_index(drop=True)
    wkb = np.asarray(shapely.to_wkb(flat.geometry.to_numpy()), dtype=object)
    types = set(flat.geom_type.dropna())
    plain = pd.DataFrame(flat.drop(columns=GEOMETRY))
    for column in [name for name in plain if pd.api.types.is_object_dtype(plain[name])]:
        plain[column] = pd.Series([_text(value) for value in plain[column]], dtype="str")
    table = pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata()
    table = table.append_column(GEOMETRY, pa.array(wkb, type=pa.binary()))
    return Features(
        name=name,
        schema=table.schema,
        geometry_type=types.pop() if len(types) == 1 else "Unknown",
        batches=table.to_batches(_BATCH_ROWS),
        fine_times=lambda: frozenset(_fine_of(table)),
    )


def is_json(field: pa.Field) -> bool:
    """Whether a column's text is JSON."""
    return (field.metadata or {}) == _JSON


def shapes(batch: pa.RecordBatch) -> Any:
    """A batch's geometries; None where there is none."""
    return shapely.from_wkb(np.array(batch.column(GEOMETRY).to_pylist(), dtype=object))


def _schema(of: Layer) -> pa.Schema:
    own = [
        pa.field(column.name, _TYPES[column.kind], metadata=_JSON if column.kind == "json" else {})
        for column in of.columns.values()
    ]
    return pa.schema([pa.field("id", pa.string()), *own, pa.field(GEOMETRY, pa.binary())])


def _batches(parts: Iterable[Sequence[Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows gathered to batches that are worth their while, bounded in rows and in bytes."""
    rows: list[Any] = []
    held = 0
    for part in parts:
        rows += part
        held += sum(len(row[-1]) for row in part)
        if len(rows) >= _BATCH_ROWS or held >= _BATCH_BYTES:
            yield _batch(rows, schema)
            rows, held = [], 0
    if rows:
        yield _batch(rows, schema)


def _batch(rows: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch:
    cells = zip(*rows, strict=True)
    arrays = [
        pa.array(values, type=type_) for values, type_ in zip(cells, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _fine_columns(
    connection: Connection, of: Layer, where: Sequence[ColumnElement[bool]]
) -> frozenset[str]:
    times = [column.name for column in of.columns.values() if column.kind == "time"]
    if not times:
        return frozenset()
    finer = (
        func.bool_or(of.table.c[name] != func.date_trunc("milliseconds", of.table.c[name]))
        for name in times
    )
    row = connection.execute(select(*finer).where(*where)).one()
    return frozenset(name for name, is_fine in zip(times, row, strict=True) if is_fine)


def _fine_of(table: pa.Table) -> Iterator[str]:
    for field in table.schema:
        if pa.types.is_timestamp(field.type):
            found = table.column(field.name).drop_null().to_pandas()
            if (found != found.dt.floor("ms")).any():
                yield field.name


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
