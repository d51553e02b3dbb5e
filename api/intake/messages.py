"""How large an Arrow IPC stream is once unpacked, before anything of it is.

A buffer of a few bytes may say that it unpacks to as many gigabytes; pyarrow would take its word.
Each says so in front (https://arrow.apache.org/docs/format/Columnar.html, under Serialization and
Interprocess Communication), so the flatbuffers of the messages are read here as far as that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pyarrow as pa

#: Fields of the tables in Message.fbs, by their numbers.
_HEADER_TYPE, _HEADER = 1, 2
_LENGTH, _BUFFERS, _COMPRESSION = 0, 2, 3
_DICTIONARY_DATA = 1
#: What a message's header is.
_DICTIONARY, _RECORDS = 2, 3
_NOT_PACKED = -1
_SIZE_BYTES = 8
_MOST_MESSAGES = 10_000


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a stream says of itself."""

    rows: int
    unpacked_bytes: int


def measure(body: bytes) -> Size:
    """The size of a stream. Raises ValueError and pyarrow's own errors for what is none."""
    rows = unpacked_bytes = 0
    try:
        messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
        for number, message in enumerate(messages):
            if number >= _MOST_MESSAGES:
                raise ValueError(f"it has more than {_MOST_MESSAGES:,} messages")
            of_rows, of_bytes = _measure(message)
            rows += of_rows
            unpacked_bytes += of_bytes
    except struct.error as error:
        raise ValueError(f"a message leads out of itself ({error})") from None
    return Size(rows=rows, unpacked_bytes=unpacked_bytes)


def _measure(message: pa.ipc.Message) -> tuple[int, int]:
    """Rows, and bytes once unpacked, of one message."""
    metadata = memoryview(message.metadata)
    root = _uint(metadata, 0)
    kind_at = _field(metadata, root, _HEADER_TYPE)
    kind = metadata[kind_at] if kind_at else 0
    if kind not in {_DICTIONARY, _RECORDS}:
        return 0, 0
    records = _table(metadata, root, _HEADER)
    if kind == _DICTIONARY:
        records = _table(metadata, records, _DICTIONARY_DATA)
    length_at = _field(metadata, records, _LENGTH)
    length = _int64(metadata, length_at) if length_at else 0
    if length < 0:
        raise ValueError("a batch has less than no rows")
    body = memoryview(message.body) if message.body is not None else memoryview(b"")
    rows = length if kind == _RECORDS else 0
    if not _field(metadata, records, _COMPRESSION):
        return rows, len(body)
    return rows, _unpacked(metadata, records, body)


def _unpacked(metadata: memoryview, records: int, body: memoryview) -> int:
    """Bytes of a batch's buffers, by what each says in front of itself."""
    at = _field(metadata, records, _BUFFERS)
    if not at:
        return 0
    vector = at + _uint(metadata, at)
    total = 0
    for number in range(_uint(metadata, vector)):
        place = vector + 4 + 16 * number
        offset, length = _int64(metadata, place), _int64(metadata, place + 8)
        if not length:
            continue
        if not 0 <= offset <= offset + length <= len(body) or length < _SIZE_BYTES:
            raise ValueError("a buffer leads out of its message")
        size = _int64(body, offset)
        if size < _NOT_PACKED:
            raise ValueError("a buffer has less than no bytes")
        total += length if size == _NOT_PACKED else size
    return total


def _field(metadata: memoryview, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table stands; 0 where it is left out."""
    vtable = table - struct.unpack_from("<i", metadata, _sound(table))[0]
    slot = 4 + 2 * number
    if slot >= struct.unpack_from("<H", metadata, _sound(vtable))[0]:
        return 0
    offset = struct.unpack_from("<H", metadata, vtable + slot)[0]
    return table + int(offset) if offset else 0


def _table(metadata: memoryview, table: int, number: int) -> int:
    """Where a table stands that a field of another is."""
    at = _field(metadata, table, number)
    if not at:
        raise ValueError("a message has no header")
    return at + _uint(metadata, at)


def _uint(buffer: memoryview, at: int) -> int:
    return int(struct.unpack_from("<I", buffer, _sound(at))[0])


def _int64(buffer: memoryview, at: int) -> int:
    return int(struct.unpack_from("<q", buffer, _sound(at))[0])


def _sound(at: int) -> int:
    """A place in a buffer; struct would count a negative one from the end."""
    if at < 0:
        raise ValueError("a message leads out of itself")
    return at
