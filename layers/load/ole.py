"""Streams of an OLE file (compound file binary, [MS-CFB]), in which old Office files are kept."""

from __future__ import annotations

from collections.abc import Iterator

_LAST = 0xFFFFFFFA  #: from here on numbers of sectors are none


def stream(data: bytes, *names: str) -> bytes:
    """The first stream that is called as one of ``names``. Raises ValueError where there is none,
    and for what is damaged."""
    sector = 1 << _number(data, 30, 2)
    fat = [n for at in _fat(data, sector) for n in _numbers(data[at : at + sector])]
    entries = _chain(data, fat, _number(data, 48), sector, 512)
    if len(entries) % 128:
        raise ValueError("its directory is cut")
    kept = {}
    for at in range(0, len(entries) - 127, 128):
        length = max(_number(entries, at + 64, 2) - 2, 0)
        name = entries[at : at + length].decode("utf-16-le", "replace")
        kept[name if at else ""] = _number(entries, at + 116), _number(entries, at + 120)
    wanted = next((name for name in names if name in kept), None)
    if wanted is None:
        raise ValueError(f"no stream {names[0]}")
    first, size = kept[wanted]
    if size >= _number(data, 56):
        return _chain(data, fat, first, sector, 512)[:size]
    # What is small is kept in sectors of 64 bytes within the root's stream.
    small = _chain(data, fat, kept[""][0], sector, 512)
    small_fat = list(_numbers(_chain(data, fat, _number(data, 60), sector, 512)))
    return _chain(small, small_fat, first, 1 << _number(data, 32, 2), 0)[:size]


def _fat(data: bytes, sector: int) -> Iterator[int]:
    """Where the sectors of the table of sectors are: 109 in the header, the rest in a chain."""
    for n in _numbers(data[76:512]):
        if n < _LAST:
            yield 512 + n * sector
    more, left = _number(data, 68), _number(data, 72)
    while more < _LAST and left > 0:
        at = 512 + more * sector
        *numbers, more = _numbers(data[at : at + sector])
        left -= 1
        yield from (512 + n * sector for n in numbers if n < _LAST)


def _chain(data: bytes, fat: list[int], first: int, sector: int, before: int) -> bytes:
    """The content of sectors that follow each other. Raises ValueError where they do not end."""
    parts: list[bytes] = []
    while first < _LAST:
        if first >= len(fat) or len(parts) > len(fat):
            raise ValueError("a chain of sectors is broken")
        at = before + first * sector
        parts.append(data[at : at + sector])
        first = fat[first]
    return b"".join(parts)


def _number(data: bytes, at: int, width: int = 4) -> int:
    return int.from_bytes(data[at : at + width], "little")


def _numbers(data: bytes) -> Iterator[int]:
    return (_number(data, at) for at in range(0, len(data) - 3, 4))
