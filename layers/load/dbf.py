"""The code page of a Shapefile's table, from its bytes: what declares it is missing or wrong too
often to be believed alone.

The table (dBASE III): number of records at byte 4, length of header and record at 8 and 10, then
32 bytes a field (name, type at 11, width at 16), ended by 0x0D; records of fixed width.
"""

from __future__ import annotations

import codecs
import re

import numpy as np
from numpy.typing import NDArray

from layers.errors import BadFileError
from layers.load import encoding

#: Language drivers that name one of these code pages, at byte 29.
_DRIVERS = {0x4D: "gb18030", 0xC9: "cp1251", 0x65: "cp866", 0x26: "cp866"}


def codec_of(
    name: str, table: bytes, cpg: str | None, asked: str | None
) -> tuple[str | None, list[str]]:
    """The code page to read ``table`` in (None: as GDAL does), and what to tell of it.

    ``cpg`` is what the .cpg beside it says. Raises BadFileError where nothing tells.
    """
    data = sample(table)
    if asked is not None:
        codec = encoding.codec_of(asked)
        if data:
            encoding.check_asked(name, data, asked, codec)
        return codec, []
    if not data:
        return None, []
    declared = _declared(cpg) or _DRIVERS.get(table[29])
    if _is_utf8(data):
        found: str | None = "utf-8"
    else:
        found = encoding.guess(data)
    if found is None and (declared in (None, "utf-8")):
        raise BadFileError(
            f"{name}: which code page its table is in is not certain: say which with --encoding"
            " (gbk, cp1251, …)"
        )
    if found is None or found == declared:
        return declared, []
    said = "no .cpg says" if cpg is None else f"its .cpg says {cpg.strip()[:20]}"
    notes = (
        [f"table read as {encoding.named(found)} ({said})"] if declared or found != "utf-8" else []
    )
    return found, notes + (
        encoding.note_of_stand_ins([data.decode(found, "replace")]) if found == "cp1251" else []
    )


def sample(table: bytes) -> bytes:
    """The texts of a table that are not ASCII, a line each; else its field names that are not."""
    if len(table) < 33:
        return b""
    head, records = _records(table)
    fields = [table[at : at + 32] for at in range(32, max(head - 1, 32), 32) if table[at] != 0x0D]
    at = 1
    whole: set[bytes] = set()
    cut: set[bytes] = set()
    for field in fields:
        if field[11:12] == b"C" and len(field) == 32:
            cells = records[:, at : at + field[16]]
            for cell in cells[(cells > 127).any(axis=1)]:
                text = cell.tobytes().rstrip(b" \0")
                # One that fills its field may end within a character.
                (whole if len(text) < field[16] else cut).add(text)
        at += field[16] if len(field) == 32 else 0
    names = {field[:11].split(b"\0")[0] for field in fields}
    found = whole or cut or {one for one in names if not one.isascii()}
    return b"\n".join(sorted(found))


def deleted(table: bytes) -> int:
    """How many records are marked as deleted: their first byte is ``*``. Nobody reads them."""
    if len(table) < 33:
        return 0
    _, records = _records(table)
    return int((records[:, 0] == ord("*")).sum()) if records.size else 0


def _records(table: bytes) -> tuple[int, NDArray[np.uint8]]:
    """Where the records of a table begin, and those that are whole, a row each."""
    array = np.frombuffer(table, dtype=np.uint8)
    count, head, width = (
        int.from_bytes(table[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12))
    )
    count = min(count, max(len(array) - head, 0) // max(width, 1))
    return head, array[head : head + count * width].reshape(count, width)


def _is_utf8(data: bytes) -> bool:
    """Whether each line is UTF-8, but for a last character that may be cut."""
    for line in data.split(b"\n"):
        try:
            codecs.getincrementaldecoder("utf-8")().decode(line)
        except UnicodeDecodeError:
            return False
    return True


def _declared(cpg: str | None) -> str | None:
    """Python's name of what a .cpg says; None for none and for what nobody knows."""
    said = re.sub(r"^(ansi|oem|ldid/)\s*", "", (cpg or "").strip().lower())
    if not said:
        return None
    try:
        found = codecs.lookup(f"cp{said}" if said.isdigit() else said).name
    except LookupError:
        return None
    return "gb18030" if found in {"gbk", "gb2312", "cp936"} else found
