"""The formats that are written: their names, suffixes, media types and writers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from layers.errors import BadFileError
from layers.export import geojson, parquet, table, vector
from layers.export.features import Features

Pieces = Callable[[Features], Iterator[bytes]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file that is written; it has ``pieces`` or ``file``."""

    name: str  #: short, in options and URLs
    suffixes: tuple[str, ...]
    media_types: tuple[str, ...]  #: the one that an answer declares, and others that ask for it
    pieces: Pieces | None = None  #: its bytes, as they are made
    file: Callable[[Features, Path], None] | None = None  #: for one that is written to and fro
    is_binary: bool = False  #: sent as it is, never compressed on the way

    def write(self, features: Features, path: Path) -> None:
        """Write to a file that is not there yet. Raises BadFileError, OSError."""
        if self.file is not None:
            self.file(features, path)
        elif self.pieces is not None:
            with path.open("xb") as file:
                file.writelines(self.pieces(features))


_ALL = (
    Format(
        name="geojson",
        suffixes=(".geojson", ".json"),
        media_types=("application/geo+json", "application/json", "application/vnd.geo+json"),
        pieces=geojson.document,
    ),
    Format(
        name="ndjson",
        suffixes=(".geojsonl", ".ndjson"),
        media_types=("application/x-ndjson", "application/ndjson", "application/jsonl"),
        pieces=geojson.lines,
    ),
    Format(
        name="geojsonseq",
        suffixes=(".geojsons",),
        media_types=("application/geo+json-seq",),
        pieces=geojson.sequence,
    ),
    Format(
        name="fgb",
        suffixes=(".fgb",),
        media_types=(
            "application/flatgeobuf", "application/vnd.flatgeobuf", "application/x-flatgeobuf",
        ),
        file=vector.flatgeobuf,
        is_binary=True,
    ),
    Format(
        name="parquet",
        suffixes=(".parquet", ".geoparquet"),
        media_types=("application/vnd.apache.parquet", "application/x-parquet"),
        pieces=parquet.pieces,
        is_binary=True,
    ),
    Format(
        name="gpkg",
        suffixes=(".gpkg",),
        media_types=("application/geopackage+sqlite3",),
        file=vector.geopackage,
        is_binary=True,
    ),
    Format(name="csv", suffixes=(".csv",), media_types=("text/csv",), pieces=table.rows),
)  # fmt: skip
#: Every format by its short name.
FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for one in _ALL})


def named(target: Path, name: str | None = None) -> Format:
    """The format of that short name; without one, that of the file's suffix.

    Raises BadFileError.
    """
    if name is not None:
        if name not in FORMATS:
            raise BadFileError(f"--format {name}: choose one of {', '.join(FORMATS)}")
        return FORMATS[name]
    suffix = target.suffix.lower()
    for one in FORMATS.values():
        if suffix in one.suffixes:
            return one
    known = sorted(suffix for one in FORMATS.values() for suffix in one.suffixes)
    raise BadFileError(
        f"{target.name}: files that end in {suffix or 'nothing'!r} are not written:"
        f" choose one of {', '.join(known)}, or say --format"
    )
