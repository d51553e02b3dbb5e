"""What a zip archive holds that can be loaded, and which of it is."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyogrio

from layers.errors import BadFileError

#: What macOS packs beside each file.
_MACOS = re.compile(r"(?:^|/)(?:__MACOSX/|\._)")
#: What GDAL reads from where it is packed: a file, or a geodatabase, which is a folder.
_IN_PLACE = re.compile(r".*?\.(?:shp|gpkg|fgb|kml|tab|mif)$|.*?\.gdb(?=/)", re.IGNORECASE)
#: What is unpacked first.
_UNPACKED = {".csv", ".tsv", ".txt", ".geojson", ".json", ".geojsonl", ".parquet", ".xlsx", ".xlsm",
             ".xls", ".ods", ".gml", ".gpx", ".topojson", ".dxf"}  # fmt: skip
#: Of these each is of one layer.
_SINGLE = (".csv", ".tsv", ".txt", ".geojson", ".geojsonl", ".parquet")
_MOST_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Member:
    """The one file of an archive that is loaded."""

    name: str  #: its path in the archive
    in_place: bool  #: GDAL reads it there
    layer: str | None  #: which layer of it is asked for


def choose(path: Path, asked: str | None) -> Member:
    """The one file in a zip archive that can be loaded, or the one that ``--layer-name`` names:
    by its name with or without its ending, or by a layer in it. Raises BadFileError."""
    there = names(path)
    found = _loadable(there)
    named = [one for one in found if asked in (one, _base(one), PurePosixPath(one).stem)]
    if len(named) == 1:
        return _member(named[0], asked if asked in _layers(path, named[0]) else None)
    if not named:
        main = _main(found)
        if len(main) == 1 and (asked is None or not main[0].lower().endswith(_SINGLE)):
            return _member(main[0], asked)
        named = [one for one in main if asked is not None and asked in _layers(path, one)]
        if len(named) == 1:
            return _member(named[0], asked)
        if not named:
            raise BadFileError(f"{path.name}: {_none_or_many(main, asked)}")
    raise BadFileError(
        f"{path.name}: several of its files are called {asked!r} ({_listed(named)}): give --layer-"
        "name with the folder and the ending"
    )


def names(path: Path) -> list[str]:
    """The members of a zip archive but for what macOS packs beside each. Raises BadFileError."""
    try:
        with zipfile.ZipFile(path) as archive:
            there = [name for name in archive.namelist() if not _MACOS.search(name)]
    except (zipfile.BadZipFile, OSError) as error:
        raise BadFileError(f"{path.name}: it is no whole zip archive: pack it again") from error
    if not there:
        raise BadFileError(f"{path.name}: it is an empty zip archive: pack it again")
    return there


def _loadable(there: Sequence[str]) -> list[str]:
    """What can be loaded of an archive's members, each once, in their order."""
    found: dict[str, None] = {}
    for name in there:
        if (inside := _IN_PLACE.match(name)) is not None:
            found[inside[0]] = None
        elif PurePosixPath(name).suffix.lower() in _UNPACKED:
            found[name] = None
    return list(found)


def _main(found: Sequence[str]) -> list[str]:
    """Those that are data for certain: what GDAL reads where it is packed, else all but the .txt
    that one should read first."""
    in_place = [one for one in found if _is_in_place(one)]
    tables = [one for one in found if not one.lower().endswith(".txt")]
    return in_place or tables or list(found)


def _is_in_place(name: str) -> bool:
    return bool(_IN_PLACE.match(name)) or name.lower().endswith(".gdb")


def _member(name: str, layer: str | None) -> Member:
    return Member(name=name, in_place=_is_in_place(name), layer=layer)


def _layers(path: Path, name: str) -> list[str]:
    """The layers of a member that GDAL reads where it is packed; none of others."""
    if not _is_in_place(name):
        return []
    try:
        return [str(one) for one, _ in pyogrio.list_layers(address(path, name))]
    except (OSError, RuntimeError, ValueError):
        return []


def address(path: Path, name: str) -> str:
    """What GDAL calls a member of an archive."""
    return f"/vsizip/{{{path}}}/{name}"


def _none_or_many(main: Sequence[str], asked: str | None) -> str:
    if not main:
        return "it has no file that can be loaded: give an archive with one"
    if asked is not None:
        return f"it has no file or layer {asked!r}: there are {_listed(main)}"
    return f"it has several files ({_listed(main)}): say which with --layer-name"


def _listed(found: Sequence[str]) -> str:
    named = ", ".join(found[:_MOST_NAMED])
    more = len(found) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _base(name: str) -> str:
    return PurePosixPath(name).name
