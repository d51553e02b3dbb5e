"""What every format's reader gives: rows as the file has them, nothing judged yet."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from layers.errors import BadFileError
from layers.load import nesting, single
from layers.load.plan import Choice
from layers.places.judged import Geometries

LONLAT = CRS.from_epsg(4326)
OPEN = "a ring was not closed"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The rows of a file."""

    geometries: Geometries  #: None where a row has none
    columns: dict[str, Sequence[Any]]  #: by our names
    crs: CRS | None  #: None: the file does not say
    dropped: list[str]  #: columns that were not read
    row_word: str = "feature"  #: how messages call a row
    feature_ids: Sequence[Any] | None = None  #: ids that stand outside the columns
    mended: Mapping[int, str] = field(default_factory=dict)  #: rows whose shape was
    broken: Mapping[int, str] = field(default_factory=dict)  #: rows that cannot be read, and why
    guessed: Mapping[str, str] = field(default_factory=dict)  #: columns known by a word alone
    notes: list[str] = field(default_factory=list)
    lines: Sequence[int] = ()  #: the file's line of each row, where its number does not tell it

    def where(self, row: int) -> str:
        """How messages call a row, by its number in the file from 0."""
        return f"{self.row_word} {row + 1}{on_line(self.lines, row)}"


def on_line(lines: Sequence[int], row: int) -> str:
    """On which line of the file a row begins, for behind its number; nothing where none is said."""
    return f" on line {lines[row]}" if lines else ""


def named(choice: Choice, columns: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Columns under the file's names, under ours."""
    return {ours: columns[theirs] for ours, theirs in choice.columns.items()}


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """What could be read of some geometries."""

    found: Geometries  #: None for none and for what is broken
    mended: Mapping[int, str]  #: rows in which something was, and what it was
    broken: dict[int, str]  #: rows whose geometry cannot be read, and why

    @classmethod
    def joined(cls, parts: Sequence[Shapes]) -> Shapes:
        """Those of several parts of a file, one after the other."""
        found: list[Geometries] = [_objects([])]
        mended: dict[int, str] = {}
        broken: dict[int, str] = {}
        before = 0
        for part in parts:
            found.append(part.found)
            mended |= {before + row: what for row, what in part.mended.items()}
            broken |= {before + row: why for row, why in part.broken.items()}
            before += len(part.found)
        return cls(found=np.concatenate(found), mended=mended, broken=broken)


def from_wkb(wkb: Sequence[bytes | None] | Geometries) -> Shapes:
    """Geometries of WKB, with open rings closed, and single positions of lines twice."""
    given = wkb if isinstance(wkb, np.ndarray) else _objects(wkb)
    found, broken = read_shapes(given, shapely.from_wkb)
    bad = np.flatnonzero(shapely.is_missing(found) & ~_none(given))
    bad = bad[[int(row) not in broken for row in bad]] if broken else bad
    found[bad] = shapely.from_wkb(_objects(list(map(single.wkb, given[bad]))), on_invalid="ignore")
    bad = bad[shapely.is_missing(found[bad])]
    found[bad] = shapely.from_wkb(given[bad], on_invalid="fix")
    lost = shapely.is_missing(found[bad])
    broken |= dict.fromkeys(bad[lost].tolist(), "its geometry is broken: mend it")
    return Shapes(found=found, mended=dict.fromkeys(bad[~lost].tolist(), OPEN), broken=broken)


def read_shapes(given: Geometries, read: Callable[..., Any]) -> tuple[Geometries, dict[int, str]]:
    """What shapely's ``read`` makes of each text or WKB (None for none and for what is broken),
    and the rows that have curves, which shapely does not know, or are nested too deep for it."""
    is_binary = read is shapely.from_wkb
    deep = nesting.wkb_too_deep(given) if is_binary else nesting.texts_too_deep(given)
    if deep:
        flat = given.copy()
        flat[deep] = None
        found, broken = read_shapes(flat, read)
        return found, broken | dict.fromkeys(deep, nesting.WHY)
    try:
        return np.asarray(read(given, on_invalid="ignore"), dtype=object), {}
    except NotImplementedError:
        curves = [row for row, one in enumerate(given) if _is_curve(one, read)]
    straight = given.copy()
    straight[curves] = None
    why = "its geometry has curves, which are not read: write them as straight lines"
    found = np.asarray(read(straight, on_invalid="ignore"), dtype=object)
    return found, dict.fromkeys(curves, why)


def _objects(values: Sequence[Any]) -> Geometries:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _is_curve(given: object, read: Callable[..., Any]) -> bool:
    try:
        read(given, on_invalid="ignore")
    except NotImplementedError:
        return True
    return False


def _none(values: Geometries) -> NDArray[np.bool_]:
    return np.array([one is None for one in values], dtype=bool)


def check_file(path: Path) -> None:
    """Raise BadFileError unless there is a regular file at ``path``."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadFileError(f"{path.name[:40]}…: no file's name is as long") from error
    if path.is_dir():
        raise BadFileError(f"{path.name or path}: it is a folder: name a file")
    if not path.exists():
        raise BadFileError(f"{path}: there is no such file")
    if not path.is_file():
        raise BadFileError(f"{path.name}: it is no regular file: name a file")


def declared_crs(file: Path, said: object) -> CRS | None:
    """The CRS that a file declares; None for none. Raises BadFileError for one nobody knows."""
    if said is None or said == "":
        return None
    try:
        crs = CRS.from_user_input(said)
    except CRSError as error:
        raise BadFileError(
            f"{file.name}: it declares the CRS {str(said)[:80]!r}, which is not known: write"
            " it again with an EPSG code"
        ) from error
    # GeoPackage's srs_id 0 and -1 are called so; an engineering CRS says nothing of the earth.
    undeclared = crs.is_engineering or crs.name.lower().startswith("undefined")
    return None if undeclared else crs
