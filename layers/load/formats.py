"""Which reader a file's name asks for, and whether the file is what its name says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from layers.errors import BadFileError
from layers.load import archive, encoding, geojson, osm, packed, parquet, sheet, table, vector
from layers.load.plan import Plan
from layers.load.source import Source, check_file

_SQLITE, _PARQUET, _ZIP = b"SQLite format 3\0", b"PAR1", b"PK\x03\x04"
_EMPTY_ZIP, _UTF16 = b"PK\x05\x06", (b"\xff\xfe", b"\xfe\xff")
_GZIP, _OLE, _RAR = b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"Rar!"
_PDF, _PICTURES = b"%PDF", (b"\x89PNG", b"\xff\xd8\xff", b"GIF8")
_SHAPEFILE, _FLATGEOBUF, _OSM = b"\x00\x00\x27\x0a", b"fgb", b"OSMHeader"

#: As much of a text may be NUL; no text has these.
_FEW = 0.05
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file that can be loaded."""

    name: str
    read: Callable[[Path, Plan], Source]
    starts: Callable[[bytes], bool]  #: whether a file's first bytes are of this kind


def _is_wide(head: bytes) -> bool:
    return head.startswith(_UTF16) or encoding.unmarked(head) is not None


def _plain(head: bytes) -> bytes:
    """A head without the mark of its code page, and in UTF-16 without the noughts."""
    narrow = head.removeprefix(b"\xef\xbb\xbf")
    if _is_wide(head):
        narrow = narrow.removeprefix(_UTF16[0]).removeprefix(_UTF16[1]).replace(b"\0", b"")
    return narrow.lstrip(b" \t\r\n\x1e")


def _json(head: bytes) -> bool:
    return _plain(head)[:1] in (b"{", b"[")


def _text(head: bytes) -> bool:
    known = (_SQLITE, _PARQUET, _ZIP, _EMPTY_ZIP, _SHAPEFILE, _FLATGEOBUF, _GZIP, _OLE, _RAR, _PDF)
    readable = b"\0" not in head or _is_wide(head) or _is_damaged(head)
    return readable and not head.startswith(known + _PICTURES) and not _markup(head)


def _is_damaged(head: bytes) -> bool:
    """Whether a head is a text but for a few NULs, which a program's fault or a disk's put in."""
    few = head.count(0) <= _FEW * len(head)
    return few and not _CONTROLS.search(head) and b"\n" in head


def _any(_: bytes) -> bool:
    return True


def _markup(head: bytes) -> bool:
    return _plain(head)[:1] == b"<"


def _starts(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


def _dxf(head: bytes) -> bool:
    return (head.lstrip()[:1] in (b"0", b"9") and _text(head)) or head.startswith(b"AutoCAD Binary")


def _read_xml(path: Path, plan: Plan) -> Source:
    """KML, GPX or GML; GDAL keeps what it found out about a GML file in one beside it."""
    with packed.aside(path) as linked:
        return vector.read(linked, plan)


def _read_gzip(path: Path, plan: Plan) -> Source:
    with packed.unpacked(path) as inside:
        return of(inside).read(inside, plan)


def _read_zip(path: Path, plan: Plan) -> Source:
    """The one file of an archive that loads, or the one that was asked for."""
    chosen = archive.choose(path, plan.source_layer)
    asked = replace(plan, source_layer=chosen.layer)
    if chosen.in_place:
        return vector.read(path, asked, chosen.name)
    with packed.unpacked(path, chosen.name) as inside:
        return of(inside).read(inside, asked)


_GEOJSON = Format(name="GeoJSON", read=geojson.read, starts=_json)
#: TopoJSON, and what ArcGIS's services write.
_OTHER_JSON = Format(name="TopoJSON or Esri JSON", read=vector.read, starts=_json)
_OTHERS = re.compile(
    rb'"type"\s*:\s*"Topology"|"geometryType"\s*:\s*"esri|"rings"\s*:|"spatialReference"'
)
_FEATURES = re.compile(rb'"type"\s*:\s*"Feature(?:Collection)?"')
_CSV = Format(name="CSV", read=table.read, starts=_text)
_FORMATS = {
    ".geojson": _GEOJSON,
    ".json": _GEOJSON,
    ".geojsonl": _GEOJSON,
    ".geojsons": _GEOJSON,
    ".geojsonseq": _GEOJSON,
    ".ndjson": _GEOJSON,
    ".gpkg": Format(name="GeoPackage", read=vector.read, starts=_starts(_SQLITE)),
    ".shp": Format(name="Shapefile", read=vector.read, starts=_starts(_SHAPEFILE)),
    ".zip": Format(name="zip archive", read=_read_zip, starts=_starts(_ZIP, _EMPTY_ZIP)),
    ".fgb": Format(name="FlatGeobuf", read=vector.read, starts=_starts(_FLATGEOBUF)),
    ".parquet": Format(name="GeoParquet", read=parquet.read, starts=_starts(_PARQUET)),
    ".geoparquet": Format(name="GeoParquet", read=parquet.read, starts=_starts(_PARQUET)),
    ".csv": _CSV,
    ".tsv": _CSV,
    ".txt": _CSV,
    ".xlsx": Format(name="Excel workbook", read=sheet.read, starts=_starts(_ZIP)),
    ".xlsm": Format(name="Excel workbook", read=sheet.read, starts=_starts(_ZIP)),
    ".xls": Format(name="old Excel workbook", read=sheet.read, starts=_starts(_OLE)),
    ".ods": Format(name="OpenDocument spreadsheet", read=sheet.read, starts=_starts(_ZIP)),
    ".gz": Format(name="gzip file", read=_read_gzip, starts=_starts(_GZIP)),
    ".gml": Format(name="GML", read=_read_xml, starts=_markup),
    ".gpx": Format(name="GPX", read=_read_xml, starts=_markup),
    ".topojson": _OTHER_JSON,
    ".dxf": Format(name="DXF drawing", read=vector.read, starts=_dxf),
    ".kml": Format(name="KML", read=_read_xml, starts=_markup),
    ".kmz": Format(name="KMZ", read=vector.read, starts=_starts(_ZIP)),
    ".tab": Format(name="MapInfo table", read=vector.read, starts=_starts(b"!table", b"!Table")),
    ".mif": Format(name="MapInfo exchange file", read=vector.read, starts=_text),
    ".gdb": Format(name="file geodatabase", read=vector.read, starts=_any),
    ".osm.pbf": Format(name="OpenStreetMap extract", read=osm.read, starts=lambda h: _OSM in h),
}
#: What to do with others that offices send.
_INSTEAD = {
    ".xlsb": "save it as .xlsx or CSV",
    ".rar": "unpack it, or pack it as .zip",
    ".7z": "unpack it, or pack it as .zip",
    ".dwg": "save it as .dxf",
    ".dbf": "give the .shp that it belongs to",
    ".shx": "give the .shp that it belongs to",
    ".prj": "give the .shp that it belongs to",
    ".mdb": "export it as .gpkg or .shp",
    ".qgz": "that is a project of QGIS: export its layer as .gpkg",
    ".mxd": "that is a map of ArcGIS: export its layer as .shp",
}


def of(path: Path) -> Format:
    """The format of a file that is there, is not empty, and is what its name says.

    Raises BadFileError.
    """
    suffix = _suffix(path.name)
    folder = suffix == ".gdb" and path.is_dir()
    if not folder:
        check_file(path)
    found = _FORMATS.get(suffix)
    if suffix in _INSTEAD:
        raise BadFileError(f"{path.name}: {suffix} is not read: {_INSTEAD[suffix]}")
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
    if found.read is sheet.read and head.startswith(_OLE) and sheet.is_locked(path):
        raise sheet.locked(path)
    if not found.starts(head):
        raise BadFileError(
            f"{path.name}: it is no {found.name} but looks like {_looks_like(head)}: name it by"
            " what it is, or fetch it again"
        )
    if found.read is sheet.read and (other_kind := sheet.kind_of(path)) not in (None, found.name):
        raise BadFileError(
            f"{path.name}: it is no {found.name} but an {other_kind}: name it by what it is"
        )
    other = found is _GEOJSON and _OTHERS.search(head) and not _FEATURES.search(head)
    return _OTHER_JSON if other else found


def _suffix(name: str) -> str:
    return ".osm.pbf" if name.lower().endswith(".osm.pbf") else Path(name).suffix.lower()


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
        "text in UTF-16": _is_wide(head),
        "a gzip file": head.startswith(_GZIP),
        "a RAR archive": head.startswith(_RAR),
        "a picture": head.startswith(_PICTURES),
        "PDF": head.startswith(_PDF),
        "an old Excel or Word file": head.startswith(_OLE),
        "text": b"\0" not in head,
    }
    return next((name for name, is_it in kinds.items() if is_it), "something else")
