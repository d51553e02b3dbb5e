"""Layers to files that ``layers.load`` reads back: the suffix says which format."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from pyogrio.errors import DataSourceError
from sqlalchemy import Connection

from layers import frames, places
from layers.errors import BadFileError

_DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf"}


def export(connection: Connection, name: str, path: Path | str) -> int:
    """Write a layer to a file (.geojson, .gpkg, .fgb, .parquet or .csv); how many features.

    A file that is there is replaced, when the new one is whole. Raises NoSuchLayerError, and
    BadFileError for a suffix or folder that cannot be.
    """
    of = places.layer(name)
    target = Path(path)
    if target.suffix.lower() in {".geojson", ".json"}:
        _check_target(target)
        with _beside(target) as draft:
            return _write_features(connection, of.name, draft)
    frame = frames.places(connection, of.name)
    write(frame, target, layer_name=of.name)
    return len(frame)


def write(frame: gpd.GeoDataFrame, path: Path | str, *, layer_name: str = "features") -> None:
    """Write a frame, its index as ``id``, to a file of the format that the suffix says.

    Dictionaries become JSON text. Raises BadFileError as ``export`` does.
    """
    target = Path(path)
    _check_target(target)
    flat = _flat(frame)
    with _beside(target) as draft:
        suffix = target.suffix.lower()
        if suffix in _DRIVERS:
            _write_gdal(flat, draft, _DRIVERS[suffix], layer_name)
        else:
            _WRITERS[suffix](flat, draft)


def _write_features(connection: Connection, name: str, path: Path) -> int:
    """GeoJSON, a feature a line, page by page: it never stands in memory."""
    count, after = 0, None
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"type": "FeatureCollection", "name": "{name}", "features": [')
        while True:
            page = places.features(connection, name, limit=10_000, after=after)
            for feature in page.features:
                file.write(",\n" if count else "\n")
                file.write(json.dumps(feature, ensure_ascii=False))
                count += 1
            after = page.next
            if after is None:
                file.write("\n]}\n")
                return count


def _flat(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """``id`` as the first column, objects as JSON text, times in UTC."""
    out = frame.copy()
    if "id" not in out:
        out.insert(0, "id", pd.Series(out.index.astype(str), index=out.index, dtype="str"))
    out = out.reset_index(drop=True)
    for column in out.columns:
        if column != out.geometry.name and out[column].dtype == object:
            out[column] = pd.Series([_as_text(v) for v in out[column]], dtype="str")
    return out


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _write_gdal(flat: gpd.GeoDataFrame, path: Path, driver: str, layer_name: str) -> None:
    # Without a spatial index FlatGeobuf keeps the order of the rows, and takes none at all.
    options = {"SPATIAL_INDEX": "NO"} if driver == "FlatGeobuf" else {}
    types = set(flat.geom_type)
    # GDAL's times end at the millisecond: what is finer would come back as another time.
    fine = [c for c in _zoned(flat) if (flat[c].dropna().dt.floor("ms") != flat[c].dropna()).any()]
    try:
        _timed(flat, fine).to_file(
            path,
            driver=driver,
            engine="pyogrio",
            layer=layer_name,
            geometry_type=types.pop() if len(types) == 1 else "Unknown",
            **options,
        )
    except DataSourceError as error:
        raise BadFileError(f"{path.parent}: no file can be written there ({error})") from error


def _write_geojson(flat: gpd.GeoDataFrame, path: Path) -> None:
    path.write_text(
        _timed(flat, _zoned(flat)).set_index("id").to_json(drop_id=False), encoding="utf-8"
    )


def _zoned(flat: gpd.GeoDataFrame) -> list[str]:
    """The columns of times."""
    return [c for c in flat.columns if isinstance(flat[c].dtype, pd.DatetimeTZDtype)]


def _timed(flat: gpd.GeoDataFrame, columns: Sequence[str]) -> gpd.GeoDataFrame:
    """Times of these columns as RFC 3339 text, for formats that have none or none so fine."""
    text = {
        c: [None if pd.isna(t) else t.tz_convert("UTC").isoformat()[:-6] + "Z" for t in flat[c]]
        for c in columns
    }
    return flat.assign(**text)


def _write_parquet(flat: gpd.GeoDataFrame, path: Path) -> None:
    flat.to_parquet(path, index=False, compression="zstd", schema_version="1.1.0")


def _write_csv(flat: gpd.GeoDataFrame, path: Path) -> None:
    table = pd.DataFrame(_timed(flat, _zoned(flat)).drop(columns=flat.geometry.name))
    # 17 significant digits: every coordinate reads back as the same double.
    table["wkt"] = shapely.to_wkt(flat.geometry.to_numpy(), rounding_precision=-1)
    table.to_csv(path, index=False, lineterminator="\n")


_WRITERS: dict[str, Callable[[gpd.GeoDataFrame, Path], None]] = {
    ".geojson": _write_geojson,
    ".json": _write_geojson,
    ".parquet": _write_parquet,
    ".geoparquet": _write_parquet,
    ".csv": _write_csv,
}


def _check_target(target: Path) -> None:
    known = {*_WRITERS, *_DRIVERS}
    if target.is_dir():
        raise BadFileError(f"{target.name or target}: it is a folder: name a file")
    if target.suffix.lower() not in known:
        raise BadFileError(
            f"{target.name}: files that end in {target.suffix or 'nothing'!r} are not written:"
            f" choose one of {', '.join(sorted(known))}"
        )
    if not target.absolute().parent.is_dir():
        raise BadFileError(f"{target}: its folder does not exist: make it first")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A draft beside ``target`` that takes its place when all went well."""
    draft = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    draft.unlink(missing_ok=True)
    try:
        yield draft
        draft.replace(target)
    except OSError as error:
        raise BadFileError(f"{target}: it cannot be written ({error.strerror})") from error
    finally:
        # SQLite, which GeoPackage is, may leave these beside.
        for ending in ("", "-wal", "-shm", "-journal"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)
