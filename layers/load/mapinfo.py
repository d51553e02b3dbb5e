"""MapInfo's files beside each other: whether all are there and as long as each says.

GDAL reads what is left of a cut one, and says nothing. A .dat is a dBASE table: number of records
at byte 4, length of header and record at 8 and 10; a record that begins with ``*`` is deleted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from layers.errors import BadFileError


def check(path: Path, rows: int) -> None:
    """Raise BadFileError where fewer ``rows`` could be read of a table than it has."""
    suffix = path.suffix.lower()
    expected = {".tab": _of_table, ".mif": _of_exchange}.get(suffix, lambda _: 0)(path)
    if rows < expected:
        raise BadFileError(
            f"{path.name}: it has {expected} rows but {rows} features can be read: one of its"
            " files is cut; fetch them again"
        )


def _beside(path: Path, suffix: str) -> Path | None:
    """The file of the same name with another ending, in whatever case."""
    return next(
        (o for o in path.parent.iterdir() if o.stem == path.stem and o.suffix.lower() == suffix),
        None,
    )


def _of_table(path: Path) -> int:
    """How many rows the .dat says it has that are not deleted."""
    table = _beside(path, ".dat")
    if table is None:
        return 0  # of another kind: GDAL knows which
    data = np.fromfile(table, dtype=np.uint8)
    head = data[:12].tobytes()
    count, start, width = (
        int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12))
    )
    flags = data[start :: width or 1][:count]
    return count - int((flags == ord("*")).sum())


def _of_exchange(path: Path) -> int:
    """How many lines the .mid has. Raises BadFileError where it is missing and should not be."""
    middle = _beside(path, ".mid")
    if middle is None:
        head = path.read_bytes()[:10_000].lower()
        if b"columns 0" in head or b"columns" not in head:
            return 0
        raise BadFileError(f"{path.name}: its .mid is missing: give the whole file")
    data = middle.read_bytes()
    # Within quotes a line end is part of a text.
    outside = b"".join(data.split(b'"')[::2]) if data.count(b'"') % 2 == 0 else data
    return sum(bool(line.strip()) for line in outside.splitlines())
