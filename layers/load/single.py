"""Lines, or parts of lines, of a single position: no reader of geometry takes them.

Here the position is written twice, so that the line can be read and is what it was, of no length;
``places.mending`` leaves such parts out, and tells.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

_POINT, _LINE, _POLYGON, _COLLECTION = 1, 2, 3, 7
#: EWKB's marks of a type; ISO's are thousands.
_Z, _M, _SRID = 0x80000000, 0x40000000, 0x20000000
_LINES = re.compile(r"\s*(?:MULTI)?LINESTRING\b", re.IGNORECASE)
_ONE = re.compile(r"\(([^(),]*[^(),\s][^(),]*)\)")


def wkb(data: bytes) -> bytes | None:
    """WKB or EWKB whose lines have at least two positions; None for what is no whole WKB."""
    try:
        written, end = _written(data, 0)
    except (struct.error, IndexError, RecursionError, ValueError):
        return None
    return written if end == len(data) else None


def _written(data: bytes, at: int) -> tuple[bytes, int]:
    """The geometry that begins at a byte, and where it ends."""
    order = "<" if data[at] == 1 else ">"
    (said,) = struct.unpack_from(f"{order}I", data, at + 1)
    kind, thousands = (said & 0x0FFFFFFF) % 1000, (said & 0x0FFFFFFF) // 1000
    has_z, has_m = bool(said & _Z) or thousands in (1, 3), bool(said & _M) or thousands in (2, 3)
    size = 8 * (2 + has_z + has_m)
    begin = at + 5 + (4 if said & _SRID else 0)
    if kind == _POINT:
        return _cut(data, at, begin + size)
    (count,) = struct.unpack_from(f"{order}I", data, begin)
    end = begin + 4
    if kind == _LINE:
        whole, after = _cut(data, at, end + count * size)
        if count != 1:
            return whole, after
        return data[at:begin] + struct.pack(f"{order}I", 2) + 2 * data[end:after], after
    if kind == _POLYGON:
        for _ in range(count):
            (positions,) = struct.unpack_from(f"{order}I", data, end)
            end += 4 + positions * size
        return _cut(data, at, end)
    if not _POLYGON < kind <= _COLLECTION:
        raise ValueError(f"a geometry of type {kind}")
    parts = [data[at:end]]
    for _ in range(count):
        part, end = _written(data, end)
        parts.append(part)
    return b"".join(parts), end


def _cut(data: bytes, begin: int, end: int) -> tuple[bytes, int]:
    if end > len(data):
        raise ValueError("it ends too soon")
    return data[begin:end], end


def wkt(text: str) -> str:
    """WKT whose lines have at least two positions."""
    return _ONE.sub(r"(\1, \1)", text) if _LINES.match(text) else text


def positions(kind: str, coordinates: Sequence[object]) -> Sequence[object]:
    """GeoJSON coordinates of a geometry of that type, with at least two positions in its lines."""
    if kind == "LineString":
        return [*coordinates, *coordinates] if len(coordinates) == 1 else coordinates
    if kind == "MultiLineString":
        return [positions("LineString", part) if isinstance(part, list) else part
                for part in coordinates]  # fmt: skip
    return coordinates
