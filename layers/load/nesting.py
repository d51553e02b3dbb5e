"""Geometries of geometries of geometries: GEOS goes down into each, and no stack holds 60,000."""

from __future__ import annotations

import re
import struct

import numpy as np
from numpy.typing import NDArray

#: Collections in collections that are read; files have two or three.
MOST_NESTED = 20
WHY = f"its geometry is nested more than {MOST_NESTED} deep: unwrap its collections"

_PARTED = frozenset((4, 5, 6, 7, 9, 10, 11, 12, 15, 16))  #: WKB's types of geometries in geometries
_LINES, _AREAS = frozenset((2, 8, 13)), frozenset((3, 14, 17))
_HEAD_BYTES = 5  #: of order and type
_FEWEST_BYTES = 9  #: of a geometry in WKB that holds another: order, type, count
#: What the types of such look like, in either order, with or without a height and a measure (ISO:
#: thousands on top of the type; EWKB: flags in the highest byte).
_TYPE = re.compile(
    rb"(?:[\x04-\x10]\x00|[\xec-\xf8]\x03|[\xd4-\xe0]\x07|[\xbc-\xc8]\x0b)\x00[\x00-\xe0]"
    rb"|[\x00-\xe0]\x00(?:\x00[\x04-\x10]|\x03[\xec-\xf8]|\x07[\xd4-\xe0]|\x0b[\xbc-\xc8])"
)
_HAS_SRID, _HAS_Z, _HAS_M = 0x20000000, 0x80000000, 0x40000000
#: A collection in a text has one bracket (in GeoJSON of this kind), the geometry in it up to four.
_MOST_BRACKETS = {b"(": MOST_NESTED + 3, b"[": MOST_NESTED + 4}


def wkb_too_deep(given: NDArray[np.object_]) -> list[int]:
    """The rows of WKB (None for none) that are nested more than ``MOST_NESTED`` deep.

    Only such are walked through as hold the types of as many collections; nearly none do.
    """
    heads = [b"" if one is None else one[:_HEAD_BYTES] for one in given]
    parted = {head for head in set(heads) if _may_hold_others(head)}
    if not parted:
        return []
    return [
        row
        for row, one in enumerate(given)
        if heads[row] in parted
        and len(one) > _FEWEST_BYTES * MOST_NESTED
        and len(_TYPE.findall(one)) > MOST_NESTED
        and _depth(one) > MOST_NESTED
    ]


def texts_too_deep(given: NDArray[np.object_]) -> list[int]:
    """The rows of WKT or GeoJSON (texts or bytes, None for none) that are nested deeper than any
    geometry in ``MOST_NESTED`` collections is."""
    return [row for row, one in enumerate(given) if one is not None and _brackets_too_deep(one)]


def _may_hold_others(head: bytes) -> bool:
    if not head:
        return False
    if head[0] > 1:  # of no order
        return True
    code = int.from_bytes(head[1:], "little" if head[0] else "big")
    return (code & 0xFFFF) % 1000 in _PARTED


def _depth(raw: bytes) -> int:
    """How deep the geometries of a WKB are in each other; one more than fits where it is broken.

    A walk without recursion, which ends at the first that is too deep.
    """
    at, left = 0, [1]  # of each level, how many geometries are still to come
    deepest = 0
    try:
        while left:
            if not left[-1]:
                left.pop()
                continue
            left[-1] -= 1
            order = "><"[raw[at]]
            (code,) = struct.unpack_from(f"{order}I", raw, at + 1)
            at += 9 if code & _HAS_SRID else 5
            thousands, kind = divmod(code & 0xFFFF, 1000)
            has_z = bool(code & _HAS_Z) or thousands in (1, 3)
            has_m = bool(code & _HAS_M) or thousands in (2, 3)
            at, parts = _skip(raw, at, order, kind, 8 * (2 + has_z + has_m))
            if parts is not None:
                left.append(parts)
                deepest = max(deepest, len(left) - 1)
                if deepest > MOST_NESTED:
                    break
    except (struct.error, IndexError):
        return MOST_NESTED + 1
    return deepest


def _skip(raw: bytes, at: int, order: str, kind: int, position: int) -> tuple[int, int | None]:
    """Where the next geometry begins, and how many this one holds; None for points to areas."""
    if kind == 1:
        return at + position, None
    (count,) = struct.unpack_from(f"{order}I", raw, at)
    at += 4
    if kind in _LINES:
        return at + position * count, None
    if kind in _AREAS:
        for _ in range(count):
            (points,) = struct.unpack_from(f"{order}I", raw, at)
            at += 4 + position * points
        return at, None
    return at, count


def _brackets_too_deep(given: str | bytes) -> bool:
    raw = given.encode("ascii", "replace") if isinstance(given, str) else given
    opened, closed = (b"[", b"]") if raw.lstrip()[:1] == b"{" else (b"(", b")")
    most = _MOST_BRACKETS[opened]
    if raw.count(opened) <= most:
        return False
    signs = np.frombuffer(raw, dtype=np.uint8)
    steps = (signs == ord(opened)).astype(np.int32) - (signs == ord(closed))
    return int(np.cumsum(steps).max(initial=0)) > most
