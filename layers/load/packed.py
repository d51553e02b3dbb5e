"""Files packed by gzip or zip that GDAL does not read from there: unpacked, then read as usual."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from layers.errors import BadFileError

#: No layer is larger; what is more unpacks to fill the disk.
MOST_BYTES = 4 * 1024**3
_CHUNK = 1024 * 1024


@contextmanager
def unpacked(path: Path, inside: str | None = None) -> Iterator[Path]:
    """The file in a .gz, or the member ``inside`` of a .zip, as a file of its own name for as long
    as it is read. Raises BadFileError.
    """
    name = Path(inside).name if inside else path.stem
    with tempfile.TemporaryDirectory(prefix="patrolgrid-") as folder:
        target = Path(folder) / name
        try:
            if inside is None:
                with gzip.open(path) as source:
                    _copy(path, source, target)
            else:
                with zipfile.ZipFile(path) as archive, archive.open(inside) as source:
                    _copy(path, source, target)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
            # RuntimeError: a password is asked for.
            raise BadFileError(
                f"{path.name}: it cannot be unpacked, or not as a whole: pack it again, without a"
                " password"
            ) from error
        yield target


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """The file under its name in a folder of its own: who reads it may write beside it."""
    with tempfile.TemporaryDirectory(prefix="patrolgrid-") as folder:
        target = Path(folder) / path.name
        target.symlink_to(path.absolute())
        yield target


def _copy(path: Path, source: IO[bytes] | gzip.GzipFile, target: Path) -> None:
    with target.open("wb") as out:
        left = MOST_BYTES
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BadFileError(f"{path.name}: it unpacks to more than 4 GiB: cut it in parts")
            out.write(chunk)
