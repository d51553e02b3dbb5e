"""Files packed by gzip or zip that GDAL does not read from there: unpacked, then read as usual."""

from __future__ import annotations

import gzip
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from layers.errors import BadFileError
from layers.load import encoding

#: No layer is larger; what is more unpacks to fill the disk.
MOST_BYTES = 4 * 1024**3
#: Up to the code page that an XML file says it is in.
_DECLARED = re.compile(rb"(<\?xml[^>]*encoding\s*=\s*[\"'])([A-Za-z0-9._-]+)")
_ENCODING = re.compile(r"\A(<\?xml[^>]*?)\s+encoding\s*=\s*[\"'][A-Za-z0-9._-]+[\"']")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_KNOWN = {b"utf-8", b"utf-16", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1"}
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
    """An XML file under its name in a folder of its own: who reads it may write beside it. One in
    UTF-16, or in a code page that no XML parser has to know, is there in UTF-8. Raises
    BadFileError.
    """
    with tempfile.TemporaryDirectory(prefix="patrolgrid-") as folder:
        target = Path(folder) / path.name
        with path.open("rb") as file:
            head = file.read(1024)
        said = _DECLARED.match(head)
        if head.startswith(_UTF16) or encoding.unmarked(head) is not None:
            text = encoding.decode(path.name, path.read_bytes(), None).text
            target.write_bytes(_ENCODING.sub(r"\1", text.removeprefix("\ufeff")).encode())
        elif said is None or said[2].lower() in _KNOWN:
            target.symlink_to(path.absolute())
        else:
            codec = encoding.codec_of(said[2].decode("ascii"))
            data = path.read_bytes()
            try:
                text = data[said.end(2) :].decode(codec)
            except UnicodeDecodeError as error:
                raise BadFileError(
                    f"{path.name}: it says that it is in {said[2].decode()}, and is not: mend it"
                ) from error
            target.write_bytes(said[1] + b"UTF-8" + text.encode())
        yield target


def _copy(path: Path, source: IO[bytes] | gzip.GzipFile, target: Path) -> None:
    with target.open("wb") as out:
        left = MOST_BYTES
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BadFileError(f"{path.name}: it unpacks to more than 4 GiB: cut it in parts")
            out.write(chunk)
