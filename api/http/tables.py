"""Computed answers as tables: CSV and GeoParquet with the very figures of the JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Query, Request
from starlette.responses import Response

from api.http.answers import GEOJSON, VARY, rfc3339, tagged
from api.http.errors import RESPONSES
from api.http.negotiation import wanted
from layers.export import FORMATS, Format
from layers.export.features import of_frame
from layers.versions import DataVersion

#: JSON, which is made elsewhere, and what is made here.
OFFERED = {name: FORMATS[name] for name in ("geojson", "parquet", "csv")}
#: The tables as OpenAPI has them.
CONTENT: dict[str, Any] = {
    OFFERED[name].media_types[0]: {"schema": {"type": "string", "format": "binary"}}
    for name in ("parquet", "csv")
}
NOT_ACCEPTABLE: dict[int | str, dict[str, Any]] = {
    406: {
        "description": "none of the formats that the client takes",
        "content": RESPONSES["default"]["content"],
    }
}
VARY_HERE = f"{VARY}, Accept"
F = Annotated[str | None, Query(description=f"instead of Accept: {', '.join(OFFERED)}")]
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def responses(schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Of a route that answers with tables, and with GeoJSON of that schema."""
    return {200: {"content": {GEOJSON: {"schema": schema}, **CONTENT}}, **NOT_ACCEPTABLE}


def asked(request: Request, f: str | None) -> Format | None:
    """The table that a request asks for; None where it asks for JSON. Raises ApiError."""
    of = wanted(f, request.headers.getlist("accept"), OFFERED)
    return None if of.name == "geojson" else of


def of_json(told: Response) -> Response:
    """An answer in JSON of which there are tables, too: caches keep them apart."""
    told.headers["Vary"] = VARY_HERE
    return told


def answered(
    request: Request, of: Format, frame: gpd.GeoDataFrame, name: str, version: DataVersion
) -> Response:
    """A frame as the file ``name`` of that format, with its ETag, or 304."""
    media_type = of.media_types[0]
    headers = {
        "Vary": VARY_HERE,
        "Content-Disposition": f'attachment; filename="{name}{of.suffixes[0]}"',
        "Data-Version": version.data_version,
        **({"As-Of": str(rfc3339(version.as_of))} if version.as_of else {}),
    }
    body = sheet(frame) if of.name == "csv" else parquet(frame, of, name)
    return tagged(request, body, media_type, **headers)


def parquet(frame: gpd.GeoDataFrame, of: Format, name: str) -> bytes:
    """GeoParquet; where no row has a geometry, a table of the figures alone."""
    features = of_frame(frame, name)
    if of.pieces is not None and not (len(frame) and frame.geometry.isna().all()):
        return b"".join(of.pieces(features))
    bare = pa.Table.from_batches(features.batches, features.schema)
    held = io.BytesIO()
    pq.write_table(
        bare.drop_columns([frame.geometry.name]), held, compression="zstd", store_schema=False
    )
    return held.getvalue()


def sheet(frame: gpd.GeoDataFrame) -> bytes:
    """CSV without geometry: comma, UTF-8, ``\\n``; what is missing is empty, times are RFC 3339.

    A text that a spreadsheet would take for a formula has a ' in front.
    """
    plain = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    columns: list[Iterable[Any]] = [[_cell(str(i)) for i in plain.index]]
    columns += [[_cell(value) for value in plain[column].tolist()] for column in plain]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *plain.columns])
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if pd.isna(value):
        return None
    return rfc3339(value) if isinstance(value, pd.Timestamp) else value
