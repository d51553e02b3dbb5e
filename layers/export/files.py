"""Writing a file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlalchemy import Connection

from layers.errors import BadFileError
from layers.export import formats
from layers.export.features import Features, of_frame, read

if TYPE_CHECKING:
    import geopandas as gpd


def export(
    connection: Connection,
    name: str,
    path: Path | str,
    *,
    bbox: Sequence[float] | None = None,
    level: str | None = None,
    format_name: str | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> int:
    """Write a layer to a file of the format that its suffix says; how many features.

    Features are read and written some thousand at a time; ``told`` hears of each batch's size.
    ``format_name`` is for a suffix that says nothing; ``bbox`` and ``level`` choose features as in
    ``places.features``. A file that is there is replaced, when the new one is whole. Raises
    NoSuchLayerError, BadQueryError, and BadFileError for a suffix or folder that cannot be.
    """
    target = Path(path)
    check_place(target)
    of = formats.named(target, format_name)
    features = read(connection, name, bbox=bbox, level=level)
    written = 0

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal written
        for batch in features.batches:
            yield batch
            written += len(batch)
            told(len(batch))

    _write(of, replace(features, batches=counted()), target)
    return written


def write(frame: gpd.GeoDataFrame, path: Path | str, *, layer_name: str = "features") -> None:
    """Write a frame, its index as ``id``, to a file of the format that the suffix says.

    Dictionaries become JSON text. Raises BadFileError as ``export`` does.
    """
    target = Path(path)
    check_place(target)
    _write(formats.named(target), of_frame(frame, layer_name), target)


def _write(of: formats.Format, features: Features, target: Path) -> None:
    # GDAL looks at a file's suffix, whatever it was asked for.
    suffix = target.suffix if target.suffix.lower() in of.suffixes else of.suffixes[0]
    with beside(target, suffix) as draft:
        of.write(features, draft)


def check_place(target: Path) -> None:
    """Raise BadFileError where no file can be at ``target``."""
    if target.is_dir():
        raise BadFileError(f"{target.name or target}: it is a folder: name a file")
    if not target.absolute().parent.is_dir():
        raise BadFileError(f"{target}: its folder does not exist: make it first")


@contextmanager
def beside(target: Path, suffix: str) -> Iterator[Path]:
    """A draft beside ``target`` that takes its place when all went well."""
    draft = target.with_name(f".{target.stem}.{os.getpid()}{suffix}")
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
