"""Fixes in a request's body: JSON, NDJSON, CSV or Arrow, told apart by the content type.

A body that cannot be read at all is refused. Within a readable body each fix is judged alone: a
value that is no number or no time becomes missing here, and the door says why it is doubted. An
item that is no object names no unit, so it is a stranger's.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from api.intake import arrow, records, tables
from layers.errors import BadFixesError
from layers.fixes.batch import Batch

JSON_TYPES = frozenset({"application/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
CSV_TYPES = frozenset({"text/csv", "application/csv"})
ARROW_TYPES = frozenset({"application/vnd.apache.arrow.stream"})
#: What a body may be packed with.
AS_IT_IS = frozenset({"", "identity"})
ENCODINGS = AS_IT_IS | {"gzip", "x-gzip", "deflate"}
#: Takes room for so many bytes more, or raises.
Hold = Callable[[int], None]

MEDIA_TYPES = JSON_TYPES | NDJSON_TYPES | CSV_TYPES | ARROW_TYPES


#: Bodies are unpacked in steps of so many bytes.
_STEP = 1_000_000


def _no_hold(_: int) -> None:
    """There is room for everything."""


def unpacked(body: bytes, encoding: str, *, limit: int, hold: Hold = _no_hold) -> bytes:
    """``body`` without its Content-Encoding (gzip, deflate or none) and at most ``limit`` bytes.

    Raises BadFixesError for what is not so packed and for more than ``limit``: a small body can
    hold very much.
    """
    if encoding in AS_IT_IS:
        return body
    packed = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: told from the header, gzip or zlib
    parts, left, size = [], body, 0
    try:
        while left and not packed.eof:
            hold(min(_STEP, limit))
            parts.append(packed.decompress(left, _STEP))
            left, size = packed.unconsumed_tail, size + len(parts[-1])
            if size > limit:
                raise BadFixesError(
                    f"the body unpacks to more than {limit:,} bytes: send it in parts"
                )
    except zlib.error as error:
        raise BadFixesError(f"the body is not {encoding}, its Content-Encoding: {error}") from None
    if not packed.eof or packed.unused_data:
        raise BadFixesError(f"the {encoding} body is cut short or has something after its end")
    return b"".join(parts)


def at_once(body: bytes, media_type: str, *, max_batch: int) -> Batch | None:
    """The batch in a plain body of JSON or lines of it: some 0.3 µs a fix, without Python's lock.

    None where the body is not plain (``parse`` reads it); raises BadFixesError as that does.
    """
    if media_type in JSON_TYPES:
        batch = records.plain(body, lines=False)
    elif media_type in NDJSON_TYPES:
        batch = records.plain(body, lines=True)
    else:
        return None
    return None if batch is None else _no_longer(batch, max_batch)


def parse(
    body: bytes, media_type: str, *, max_batch: int, most_bytes: int, hold: Hold = _no_hold
) -> Batch:
    """The batch in ``body``; raises BadFixesError when it is no list of fixes or too long.

    ``most_bytes``: what its parts may unpack to, where they are packed by themselves.
    """
    if media_type in ARROW_TYPES:
        return arrow.stream(body, most_rows=max_batch, most_bytes=most_bytes, hold=hold)
    if media_type in CSV_TYPES:
        batch = tables.table(body)
    elif media_type in NDJSON_TYPES:
        batch = records.lines(body)
    else:
        batch = records.array(body)
    return _no_longer(batch, max_batch)


def _no_longer(batch: Batch, max_batch: int) -> Batch:
    if len(batch) > max_batch:
        raise BadFixesError(f"{len(batch)} fixes in one body: send at most {max_batch} at once")
    return batch
