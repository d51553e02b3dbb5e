"""What every format's reader gives: rows as the file has them, nothing judged yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from layers.errors import BadFileError
from layers.load.plan import Choice
from layers.places.shapes import Geometries

LONLAT = CRS.from_epsg(4326)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The rows of a file."""

    geometries: Geometries  #: None where a row has none
    columns: dict[str, Sequence[Any]]  #: by our names
    crs: CRS | None  #: None: the file does not say
    dropped: list[str]  #: columns that were not read
    row_word: str = "feature"  #: how messages call a row
    feature_ids: Sequence[Any] | None = None  #: ids that stand outside the columns
    closed: Sequence[int] = ()  #: rows with rings that had to be closed
    notes: list[str] = field(default_factory=list)


def named(choice: Choice, columns: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Columns under the file's names, under ours."""
    return {ours: columns[theirs] for ours, theirs in choice.columns.items()}


def from_wkb(file: Path, wkb: Sequence[bytes | None]) -> tuple[Geometries, list[int]]:
    """Geometries and the rows whose rings were closed. Raises BadFileError for broken ones."""
    given = np.empty(len(wkb), dtype=object)
    given[:] = wkb
    found = read_shapes(file, given, shapely.from_wkb)
    bad = np.flatnonzero(shapely.is_missing(found) & ~_none(given))
    found[bad] = shapely.from_wkb(given[bad], on_invalid="fix")
    lost = bad[shapely.is_missing(found[bad])]
    if len(lost):
        raise BadFileError(f"{file.name}: feature {lost[0] + 1}: its geometry is broken: mend it")
    return found, bad.tolist()


def read_shapes(
    file: Path, given: Geometries, read: Callable[..., Any], *, row_word: str = "feature"
) -> Geometries:
    """What shapely's ``read`` makes of each text or WKB; None for none and for what is broken.

    Raises BadFileError for a curve, which shapely does not know.
    """
    try:
        return np.asarray(read(given, on_invalid="ignore"), dtype=object)
    except NotImplementedError:
        curve = next(row for row, one in enumerate(given) if _is_curve(one, read))
        raise BadFileError(
            f"{file.name}: {row_word} {curve + 1}: its geometry has curves, which are not read:"
            " write them as straight lines"
        ) from None


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
