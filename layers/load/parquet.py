"""GeoParquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from layers.errors import BadFileError
from layers.load.plan import Plan
from layers.load.source import LONLAT, Source, declared_crs, from_wkb, named


def read(path: Path, plan: Plan) -> Source:
    """The rows of a GeoParquet file. Raises BadFileError."""
    try:
        schema = pq.read_schema(path)
        geo = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
        geometry = geo.get("primary_column")
        if geometry not in schema.names:
            raise BadFileError(
                f"{path.name}: it is Parquet without geometry: write it as GeoParquet"
            )
        others = [name for name in schema.names if name not in geo["columns"]]
        choice = plan.choose(path, others)
        table = pq.read_table(path, columns=[*choice.theirs, geometry])
    except (pa.ArrowException, OSError, ValueError) as error:
        said = str(error).splitlines()[0][:120]
        raise BadFileError(
            f"{path.name}: it is no GeoParquet that can be read ({said}): write it again"
        ) from error
    about = geo["columns"][geometry]
    if about.get("encoding", "WKB") != "WKB":
        raise BadFileError(f"{path.name}: its geometry is no WKB: write it with encoding WKB")
    shapes = from_wkb(table.column(geometry).to_numpy(zero_copy_only=False))
    columns: dict[str, Any] = {name: table.column(name).to_pylist() for name in choice.theirs}
    return Source(
        geometries=shapes.found,
        columns=named(choice, columns),
        crs=_crs(path, about),
        dropped=choice.dropped,
        row_word="row",
        mended=shapes.mended,
        broken=shapes.broken,
        guessed=choice.guessed,
        notes=choice.notes,
    )


def _crs(path: Path, about: dict[str, Any]) -> CRS | None:
    """GeoParquet 1.1: no ``crs`` means OGC:CRS84, a null one that it is not known."""
    if "crs" not in about:
        return LONLAT
    return declared_crs(path, json.dumps(about["crs"]) if about["crs"] else None)
