"""Files of fixes: CSV, GPX, JSON, Arrow and Parquet, read whole and sent through the same door."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
from sqlalchemy import Engine

from api.intake import objects
from api.intake.values import typed
from api.progress import progress
from api.settings import Settings
from layers.db.engine import Principal
from layers.errors import BadFileError
from layers.fixes.intake import COLUMNS, Quarantined, Receipt, store_batch
from layers.load.source import check_file
from layers.load.table import read_rows
from layers.region import Region

#: Fixes that one transaction takes: large enough to be quick, small enough to show progress.
BATCH = 20_000


@dataclass(frozen=True, kw_only=True)
class Read:
    """A file of fixes."""

    fixes: pd.DataFrame
    dropped: list[str]  #: columns of the file that no fix has; they are not kept


def read(path: Path, *, unit: str | None = None, mapping: dict[str, str] | None = None) -> Read:
    """The fixes in a file, told by its suffix; ``unit`` names whose they are where it does not.

    ``mapping`` is from our column to the file's. Raises BadFileError.
    """
    check_file(path)
    if path.stat().st_size == 0:
        raise BadFileError(f"{path.name}: the file is empty: give one with fixes")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadFileError(
            f"{path.name}: fixes come as .csv, .gpx, .geojson, .json, .ndjson, .arrow or .parquet"
            " files"
        )
    table = reader(path)
    renamed = {theirs: ours for ours, theirs in (mapping or {}).items()}
    _check_mapping(path, table, mapping or {})
    # A column of ours that another takes the place of goes, unless it is mapped itself: a swap.
    replaced = [ours for ours in renamed.values() if ours in table and ours not in renamed]
    table = table.drop(columns=replaced).rename(columns=renamed)
    if unit is not None:
        table["unit"] = unit
    missing = [name for name in ("unit", "time", "lon", "lat") if name not in table]
    if missing:
        hint = "; --unit NAME says whose they are" if missing == ["unit"] else ""
        raise BadFileError(
            f"{path.name}: no column {', '.join(missing)}; --map OURS=THEIRS names yours{hint}"
        )
    if table.empty:
        raise BadFileError(f"{path.name}: there is no fix in it: give a file with some")
    dropped = [str(name) for name in table.columns if name not in COLUMNS]
    return Read(fixes=typed(table, len(table)).frame(), dropped=dropped)


def _check_mapping(path: Path, table: pd.DataFrame, mapping: dict[str, str]) -> None:
    for ours, theirs in mapping.items():
        if ours not in COLUMNS:
            raise BadFileError(f"--map {ours}={theirs}: a fix has {', '.join(COLUMNS)}")
        if theirs not in table:
            raise BadFileError(f"--map {ours}={theirs}: {path.name} has no column {theirs}")


def _csv(path: Path) -> pd.DataFrame:
    names, rows = read_rows(path)
    return pd.DataFrame(rows, columns=names, dtype=object)


def _gpx(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            points = pyogrio.read_dataframe(path, layer="track_points", use_arrow=True)
            tracks = pyogrio.read_dataframe(path, layer="tracks", read_geometry=False)
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        pa.ArrowException,
    ) as error:
        raise BadFileError(
            f"{path.name}: it is no whole GPX ({_first(error, path)}): fetch it again"
        ) from None
    if points.empty:
        raise BadFileError(
            f"{path.name}: it has no track with a point; only tracks are read, no waypoints and"
            " routes: give a recorded track"
        )
    table = pd.DataFrame(
        {
            "time": points["time"],
            "lon": points.geometry.x.to_numpy(),
            "lat": points.geometry.y.to_numpy(),
            "altitude_m": points.get("ele"),
        }
    )
    names = tracks["name"].dropna() if "name" in tracks else pd.Series(dtype="str")
    if len(names):
        table["unit"] = points["track_fid"].map(names.to_dict())
    return table


def _parquet(path: Path) -> pd.DataFrame:
    try:
        if b"geo" in (pq.read_schema(path).metadata or {}):
            frame = gpd.read_parquet(path)
            _check_points(path, frame)
            frame = frame.to_crs(4326)
            table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
            return table.assign(lon=frame.geometry.x.to_numpy(), lat=frame.geometry.y.to_numpy())
        return pd.read_parquet(path)
    # Of pyproj and, for curves, of shapely: RuntimeError.
    except (pa.ArrowException, ValueError, OSError, RuntimeError) as error:
        raise BadFileError(
            f"{path.name}: this is not Parquet with points: {_first(error, path)}"
        ) from None


def _arrow(path: Path) -> pd.DataFrame:
    try:
        with path.open("rb") as file:
            is_file = file.read(len(_ARROW_FILE)) == _ARROW_FILE
            file.seek(0)
            reader = pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)
            table = reader.read_all()
            table.validate(full=True)
            return table.to_pandas()
    except (pa.ArrowException, ValueError, OSError) as error:
        raise BadFileError(
            f"{path.name}: this is no whole Arrow file or stream: {_first(error, path)}"
        ) from None


#: How an Arrow file begins; a stream has no such mark.
_ARROW_FILE = b"ARROW1"
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _csv,
    ".gpx": _gpx,
    **dict.fromkeys((".parquet", ".geoparquet"), _parquet),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), _arrow),
    **dict.fromkeys((".json", ".geojson", *objects.LINES), objects.read),
}


def _check_points(path: Path, frame: gpd.GeoDataFrame) -> None:
    if frame.crs is None:
        raise BadFileError(f"{path.name}: the points declare no CRS: set it before exporting")
    kinds = frame.geometry.geom_type
    others = kinds[kinds.notna() & (kinds != "Point")]
    if not others.empty:
        raise BadFileError(
            f"{path.name}: it holds a {others.iloc[0]}: fixes are points, one a row: give those"
        )


def store_frame(
    engine: Engine,
    principal: Principal,
    fixes: pd.DataFrame,
    region: Region,
    settings: Settings,
    *,
    label: str,
) -> Receipt:
    """Send a frame of fixes through the door, in batches, with a progress bar."""
    fixes = fixes.reset_index(drop=True)
    # Whole units together: each batch decides the breaches of few units over many fixes.
    order = fixes.sort_values(["unit", "time"], kind="stable", na_position="last").index
    total = {"accepted": 0, "duplicate": 0, "refused": 0, "breaches": 0}
    quarantined: list[Quarantined] = []
    with progress() as bar:
        task = bar.add_task(label, total=len(fixes))
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            batch = fixes.loc[rows].reindex(columns=list(COLUMNS))
            receipt = store_batch(
                engine,
                principal,
                batch,
                region,
                clock_skew_s=settings.clock_skew_s,
                retention_days=settings.kept_days(region.retention_days),
            )
            for name in total:
                total[name] += getattr(receipt, name)
            quarantined += [
                Quarantined(index=int(rows[q.index]), reason=q.reason) for q in receipt.quarantined
            ]
            bar.advance(task, len(rows))
    return Receipt(quarantined=quarantined, **total)


def _first(error: BaseException, path: Path) -> str:
    said = (str(error).splitlines() or [type(error).__name__])[0].split("; It might")[0]
    return said.replace(f"'{path}' not", "not").replace(f"'{path}'", "it").rstrip(".")
