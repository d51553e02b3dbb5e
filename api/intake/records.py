"""Fixes as JSON objects: an array of them, or one a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter

import msgspec
import numpy as np
import pyarrow as pa

from api.intake import quick, scan, values
from layers.errors import BadFixesError
from layers.fixes.batch import Batch, Names
from layers.fixes.intake import COLUMNS, NUMBERS

_DECODE = msgspec.json.Decoder()
_NAN = float("nan")


class _Fix(msgspec.Struct, gc=False):
    """A fix as nearly everybody writes it. What does not fit is read value by value."""

    unit: str | int | float | None = None
    time: str | None = None
    lon: float | None = _NAN
    lat: float | None = _NAN
    accuracy_m: float | None = _NAN
    speed_ms: float | None = _NAN
    heading_deg: float | None = _NAN
    altitude_m: float | None = _NAN
    battery: float | None = _NAN
    patrol_id: str | int | float | None = None


_DECODE_ARRAY = msgspec.json.Decoder(list[_Fix])
_DECODE_LINES = msgspec.json.Decoder(_Fix)
_VALUE = {name: attrgetter(name) for name in COLUMNS}


def plain(body: bytes, *, lines: bool) -> Batch | None:
    """The fixes of an array, or of an object a line, as nearly every program writes them.

    None for what ``array`` and ``lines`` must look at more closely.
    """
    return scan.fixes(body, lines=lines) if _is_text(body) else None


def array(body: bytes) -> Batch:
    """The fixes of a JSON array, or of one object with its unit. Raises BadFixesError."""
    found = plain(body, lines=False)
    if found is not None:
        return found
    if _is_text(body):
        try:
            return _columns(_DECODE_ARRAY.decode(body))
        except (ValueError, RecursionError):
            pass  # msgspec's own refusals are ValueErrors
    return _one_by_one(_array(body))


def lines(body: bytes) -> Batch:
    """The fixes of a body with a JSON object a line. Raises BadFixesError."""
    plainly = plain(body, lines=True)
    if plainly is not None:
        return plainly
    text = body.strip(b" \t\r\n")
    breaks = text.count(b"\n")
    # The quick reader takes values that go over lines, and several on one: such are no lines.
    if _is_text(text) and breaks in {text.count(b"}\n{"), text.count(b"}\r\n{")}:
        try:
            found = _DECODE_LINES.decode_lines(text)
            if len(found) == breaks + 1:
                return _columns(found)
        except (ValueError, RecursionError):
            pass
    return _one_by_one(_lines(body))


def _is_text(body: bytes) -> bool:
    """Whether a body is UTF-8: in what it passes over, the quick reader does not look."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _columns(fixes: Sequence[_Fix]) -> Batch:
    """The batch of fixes that were read quickly."""
    column = {name: list(map(read, fixes)) for name, read in _VALUE.items()}
    numbers = {name: np.array(column[name], dtype=np.float64) for name in NUMBERS}
    return Batch(
        unit=quick.named(column["unit"], values.identifier),
        time_us=quick.times_of(pa.array(column["time"], type=pa.string())),
        patrol_id=quick.named(column["patrol_id"], values.patrol),
        fault=Names.none(len(fixes)),
        **numbers,
    )


def _one_by_one(items: Sequence[object]) -> Batch:
    """The batch of anything. An item that is no object names no unit, so it is a stranger's."""
    fixes = [item if isinstance(item, dict) else {} for item in items]
    return values.typed({name: [fix.get(name) for fix in fixes] for name in COLUMNS}, len(fixes))


def _array(body: bytes) -> list[object]:
    found = value(body, "the body")
    if isinstance(found, dict) and "unit" in found:
        found = [found]
    if not isinstance(found, list):
        raise BadFixesError("the body is no JSON array of fixes, nor one fix with its unit")
    return found


def _lines(body: bytes) -> list[object]:
    found = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            found.append(value(line, f"line {number}"))
    return found


def value(given: bytes, where: str) -> object:
    """A JSON value; raises BadFixesError.

    What the quick reader refuses the slow one may take: NaN and Infinity, which many programs
    write, and numbers that no double holds. One such number must not cost a batch.
    """
    try:
        return _DECODE.decode(given)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(given)
    except RecursionError:
        raise BadFixesError(
            f"{where} is nested too deep: a fix is an object of texts and numbers"
        ) from None
    except ValueError as error:
        raise BadFixesError(f"{where} is not JSON: {error}") from None
