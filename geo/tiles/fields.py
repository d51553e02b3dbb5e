"""Values of features, each distinct one encoded once as the tile format has it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: Feature ids are numbers in the format; beyond this JavaScript would round them.
_MOST_NUMBER = 2**53


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Columns of n features: for each value the number of its encoded message."""

    names: tuple[str, ...]  #: (columns)
    codes: NDArray[np.int32]  #: (n, columns) number of the value; -1: there is none
    first_byte: NDArray[np.int64]  #: (values + 1) where each value's message begins
    messages: NDArray[np.uint8]  #: ``values`` fields of a layer message, one after another
    numbers: NDArray[np.uint64]  #: (n) the features' ids in the format
    _free: list[NDArray[np.int32]] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, ids: Sequence[str], columns: Mapping[str, Sequence[object]]) -> Fields:
        """Fields of columns of text, numbers, booleans and None; ``id`` stands first of them."""
        given: dict[str, Sequence[object]] = {"id": ids, **columns}
        codes = np.full((len(ids), len(given)), -1, dtype=np.int32)
        messages: list[bytes] = []
        lengths = [np.zeros(1, dtype=np.int64)]
        count = 0
        for n, values in enumerate(given.values()):
            known, distinct = _distinct(values)
            codes[:, n] = np.where(known >= 0, known + count, -1)
            encoded, each = _messages(distinct)
            messages.append(encoded)
            lengths.append(each)
            count += len(distinct)
        return cls(
            names=tuple(given),
            codes=codes,
            first_byte=np.cumsum(np.concatenate(lengths)),
            messages=np.frombuffer(b"".join(messages), dtype=np.uint8),
            numbers=np.fromiter(map(number, ids), dtype=np.uint64, count=len(ids)),
        )

    @contextmanager
    def places(self) -> Iterator[NDArray[np.int32]]:
        """Room for where each value stands in one tile, -1 throughout; leave it so."""
        try:
            # As many as there are threads; to fill one anew costs more than a small tile.
            room = self._free.pop()
        except IndexError:
            room = np.full(len(self.first_byte), -1, dtype=np.int32)
        yield room
        self._free.append(room)


def number(feature_id: str) -> int:
    """A feature's id as the format has it: the number that it is, else a hash of 53 bits."""
    if feature_id.isascii() and feature_id.isdigit() and len(feature_id) < 16:
        as_number = int(feature_id)
        if str(as_number) == feature_id:  # 07 is not 7
            return as_number
    digest = hashlib.blake2b(feature_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _MOST_NUMBER


def _distinct(values: Sequence[object]) -> tuple[NDArray[np.int64], list[object]]:
    """For each value its number among the distinct ones, -1 for None and NaN; and these."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    codes, distinct = pd.factorize(column)
    return np.asarray(codes, dtype=np.int64), list(distinct)


def _messages(values: Sequence[object]) -> tuple[bytes, NDArray[np.int64]]:
    """The messages of distinct values, one after another, and the length of each."""
    kinds = set(map(type, values))
    if kinds == {float}:
        packed = np.empty(len(values), dtype=[("head", "S3"), ("value", "<f8")])
        packed["head"], packed["value"] = b"\x22\x09\x19", values
        return packed.tobytes(), np.full(len(values), packed.itemsize, dtype=np.int64)
    if kinds != {str}:
        each = [message(value) for value in values]
        return b"".join(each), np.fromiter(map(len, each), dtype=np.int64, count=len(each))
    # Texts may be as many as there are features.
    texts = pa.array(values, pa.large_string()).cast(pa.large_binary())
    sizes, of = np.unique(pc.binary_length(texts).to_numpy(), return_inverse=True)
    heads = pa.array([_text_head(int(size)) for size in sizes], pa.large_binary())
    joined = pc.binary_join_element_wise(
        heads.take(pa.array(of)), texts, pa.scalar(b"", heads.type)
    )
    lengths = (sizes + pc.binary_length(heads).to_numpy())[of]
    return joined.buffers()[2].to_pybytes()[: lengths.sum()], lengths


def _text_head(size: int) -> bytes:
    """What stands before a text of so many bytes."""
    own = b"\x0a" + varint(size)
    return b"\x22" + varint(len(own) + size) + own


def message(value: object) -> bytes:
    """A ``Value`` as the layer's field 4. Raises TypeError for what the format does not hold."""
    if isinstance(value, str):
        text = value.encode()
        return _text_head(len(text)) + text
    if isinstance(value, bool | np.bool_):
        body = b"\x38\x01" if value else b"\x38\x00"
    elif isinstance(value, int | np.integer):
        body = b"\x20" + varint(int(value) & (2**64 - 1))
    elif isinstance(value, float | np.floating):
        body = b"\x19" + struct.pack("<d", value)
    else:
        raise TypeError(f"a tile holds text, numbers and booleans, not {type(value).__name__}")
    return b"\x22" + varint(len(body)) + body


def varint(value: int) -> bytes:
    """Protocol Buffers' base 128, least significant digits first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
