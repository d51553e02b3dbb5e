"""Which reader a file's name asks for, and whether the file is what its name says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layers.errors import BadFileError
from layers.load import geojson, osm, parquet, table, vector
from layers.load.plan import Plan
from layers.load.source import Source, check_file

_SQLITE, _PARQUET, _ZIP = b"SQLite format 3\0", b"PAR1", b"PK\x03\x04"
_EMPTY_ZIP, _UTF16 = b"PK\x05\x06", (b"\xff\xfe", b"\xfe\xff")
_SHAPEFILE, _FLATGEOBUF, _OSM = b"\x00\x00\x27\x0a", b"fgb", b"OSMHeader"


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file that can be loaded."""

    name: str
    read: Callable[[Path, Plan], Source]
    starts: Callable[[bytes], bool]  #: whether a file's first bytes are of this kind


def _json(head: bytes) -> bool:
    plain = head[2:].replace(b"\0", b"") if head.startswith(_UTF16) else head
    return plain.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x1e")[:1] == b"{"


def _text(head: bytes) -> bool:
    known = (_SQLITE, _PARQUET, _ZIP, _EMPTY_ZIP, _SHAPEFILE, _FLATGEOBUF)
    narrow = b"\0" not in head or head.startswith(_UTF16)
    return narrow and not head.startswith(known) and not _markup(head)


def _any(_: bytes) -> bool:
    return True


def _markup(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _starts(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


_GEOJSON = Format(name="GeoJSON", read=geojson.read, starts=_json)
_FORMATS = {
    ".geojson": _GEOJSON,
    ".json": _GEOJSON,
    ".geojsonl": _GEOJSON,
    ".geojsons": _GEOJSON,
    ".geojsonseq": _GEOJSON,
    ".ndjson": _GEOJSON,
    ".gpkg": Format(name="GeoPackage", read=vector.read, starts=_starts(_SQLITE)),
    ".shp": Format(name="Shapefile", read=vector.read, starts=_starts(_SHAPEFILE)),
    ".zip": Format(name="zip archive", read=vector.read, starts=_starts(_ZIP, _EMPTY_ZIP)),
    ".fgb": Format(name="FlatGeobuf", read=vector.read, starts=_starts(_FLATGEOBUF)),
    ".parquet": Format(name="GeoParquet", read=parquet.read, starts=_starts(_PARQUET)),
    ".geoparquet": Format(name="GeoParquet", read=parquet.read, starts=_starts(_PARQUET)),
    ".csv": Format(name="CSV", read=table.read, starts=_text),
    ".kml": Format(name="KML", read=vector.read, starts=_markup),
    ".kmz": Format(name="KMZ", read=vector.read, starts=_starts(_ZIP)),
    ".tab": Format(name="MapInfo table", read=vector.read, starts=_starts(b"!table", b"!Table")),
    ".mif": Format(name="MapInfo exchange file", read=vector.read, starts=_text),
    ".gdb": Format(name="file geodatabase", read=vector.read, starts=_any),
    ".osm.pbf": Format(name="OpenStreetMap extract", read=osm.read, starts=lambda h: _OSM in h),
}


def of(path: Path) -> Format:
    """The format of a file that is there, is not empty, and is what its name says.

    Raises BadFileError.
    """
    name = path.name.lower()
    suffix = ".osm.pbf" if name.endswith(".osm.pbf") else path.suffix.lower()
    folder = suffix == ".gdb" and path.is_dir()
    if not folder:
        check_file(path)
    found = _FORMATS.get(suffix)
    if found is None:
        raise BadFileError(
            f"{path.name}: files that end in {suffix or 'nothing'!r} are not read: give one of"
            f" {', '.join(_FORMATS)}"
        )
    if folder:
        return found
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise BadFileError(f"{path.name}: it cannot be read ({error.strerror})") from error
    if not head.strip():
        raise BadFileError(f"{path.name}: the file is empty: give one with features")
    if not found.starts(head):
        raise BadFileError(
            f"{path.name}: it is no {found.name} but looks like {_looks_like(head)}: name it by"
            " what it is, or fetch it again"
        )
    return found


def _looks_like(head: bytes) -> str:
    if _markup(head):
        return "HTML" if b"<html" in head.lower() or b"<!doctype html" in head.lower() else "XML"
    kinds = {
        "a GeoPackage or another SQLite database": head.startswith(_SQLITE),
        "Parquet": head.startswith(_PARQUET),
        "a zip archive": head.startswith(_ZIP),
        "an empty zip archive": head.startswith(_EMPTY_ZIP),
        "a Shapefile": head.startswith(_SHAPEFILE),
        "FlatGeobuf": head.startswith(_FLATGEOBUF),
        "an OpenStreetMap extract": _OSM in head,
        "JSON": _json(head),
        "text in UTF-16": head.startswith(_UTF16),
        "text": b"\0" not in head,
    }
    return next((name for name, is_it in kinds.items() if is_it), "something else")
