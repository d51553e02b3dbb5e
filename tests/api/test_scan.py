"""What the compiled reader takes it reads as all others do; what is not plain it leaves to them."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.intake import decimals, instants, records, scan, values
from layers.errors import BadFixesError
from layers.fixes.batch import NO_TIME, Batch
from tests.api.body_words import ILL, TIMES, WELL, fixes_of, same

ROW = {"unit": "v1", "time": "2026-03-02T04:00:00Z", "lon": 100.5, "lat": -40.25}


@pytest.fixture(autouse=True, scope="module")
def _compiled() -> None:
    scan.warm()


def otherwise(body: bytes, *, lines: bool) -> Batch | None:
    """The batch as it is read where nothing is compiled; None where it is refused."""
    scan._READY.clear()
    try:
        return records.lines(body) if lines else records.array(body)
    except BadFixesError:
        return None
    finally:
        scan._READY.set()


def check(body: bytes, *, lines: bool) -> bool:
    """Whether the body is taken; where it is, it is read as otherwise."""
    found = scan.fixes(body, lines=lines)
    if found is None:
        return False
    slow = otherwise(body, lines=lines)
    assert slow is not None, body
    same(found, slow)
    return True


@given(st.one_of(WELL, ILL), st.sampled_from([None, 1]), st.booleans())
def test_what_is_taken_is_read_as_otherwise(
    fixes: list[Any], indent: int | None, escaped: bool
) -> None:
    text = json.dumps(fixes, indent=indent, ensure_ascii=escaped).encode("utf-8", "replace")
    check(text, lines=False)
    for end in ("\n", "\r\n", "\n\n"):
        lines = end.join(json.dumps(one, ensure_ascii=escaped) for one in fixes)
        check(lines.encode("utf-8", "replace"), lines=True)


_NAME = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc"]))
_NUMBER = st.one_of(st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9),
                    st.integers(-(10**15), 10**15), st.none())  # fmt: skip
#: Written without a zone, which follows.
_TIME = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)).map(  # noqa: DTZ001
    lambda t: t.isoformat(timespec="microseconds" if t.microsecond else "seconds")
)


@given(st.data())
def test_plain_fixes_are_taken_whatever_their_numbers_and_names(data: st.DataObject) -> None:
    zone = st.sampled_from(["Z", "+08:00", "-03:30", "+14:00"])
    time = st.one_of(st.builds("{}{}".format, _TIME, zone), st.none())
    many = st.lists(fixes_of(st.one_of(_NAME, st.none()), time, _NUMBER), min_size=1, max_size=8)
    fixes = [{k: v for k, v in fix.items() if k != "driver"} for fix in data.draw(many)]
    tight = {"separators": (",", ":")} if data.draw(st.booleans()) else {}
    assert check(json.dumps(fixes, ensure_ascii=False, **tight).encode(), lines=False)
    lines = "\n".join(json.dumps(one, ensure_ascii=False, **tight) for one in fixes)
    assert check(lines.encode(), lines=True)


_PIECES = [
    '"', "\\", ",", ":", "{", "}", "[", "]", " ", "\n", "\r", "\0", "-", "+", ".", "e", "0", "1",
    "Z", "null", "true", "\x0b", "\u1820", '"lon":null,', '"lon":-1.5,', '"unit":7,', "{}", "{},",
    '"time":"2026-03-02 04:00:00.123456+08:00",', '"x":{},',
]  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A plain body in which a few places are others."""
    lines = draw(st.booleans())
    rows = [json.dumps(ROW), json.dumps({**ROW, "unit": "v2", "x": True})]
    text = "\n".join(rows) if lines else f"[{','.join(rows)}]"
    for _ in range(draw(st.integers(0, 3))):
        at, gone = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
        text = text[:at] + draw(st.sampled_from(["", *_PIECES])) + text[at + gone :]
    return text.encode(), lines


@given(spoiled())
@example((b"\xff" + json.dumps([ROW]).encode(), False))
@example((json.dumps([ROW]).encode()[:-1], False))
@example((json.dumps([ROW]).encode() + b"\0", False))
def test_nothing_is_taken_that_others_refuse(given: tuple[bytes, bool]) -> None:
    body, lines = given
    check(body, lines=lines)


@pytest.mark.parametrize("body", [b"", b"[]", b"[", b"{", b"[{}]", b"{}" * 40, b"[" + b"{" * 4000])
def test_what_holds_no_fix_takes_no_memory_for_any(body: bytes) -> None:
    assert scan.fixes(body, lines=False) is None
    assert scan.fixes(body, lines=True) is None


def test_a_thousand_names_are_told_apart_and_a_name_in_blanks_is_the_same() -> None:
    names = [f"{' ' * (n % 3)}unit-{n // 3}" for n in range(3_000)]
    found = scan.fixes(json.dumps([{**ROW, "unit": name} for name in names]).encode(), lines=False)
    assert found is not None
    assert len(found.unit.names) == 1_000
    assert [found.unit.names[code] for code in found.unit.codes] == [n.strip() for n in names]


def _number(text: str) -> float | None:
    found, end = decimals.number(np.frombuffer(text.encode() + bytes(64), dtype=np.uint8), 0)
    return found if end == len(text.encode()) else None


@given(st.integers(1, 2**64 - 1), st.integers(-27, 27))
@example(9007199254740993, 0)
@example(9007199254740993, 23)
@example(9007199254740991, -4)
@example(18014398509481985, 1)
@example(2**64 - 1, -27)
def test_digits_times_a_power_of_ten_are_the_nearest_double(digits: int, power: int) -> None:
    assert decimals.nearest(np.uint64(digits), power) == float(f"{digits}e{power}")


@given(st.integers(0, 2**52 - 1), st.integers(0, 60))
def test_halfway_between_two_doubles_the_even_one_is_taken(mantissa: int, shift: int) -> None:
    halfway = ((1 << 53) | (mantissa << 1) | 1) << max(0, shift - 54)
    if halfway < 2**64:
        assert decimals.nearest(np.uint64(halfway), 0) == float(halfway)


_WRITTEN = st.from_regex(r"-?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,5})?", fullmatch=True)


@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False).map(repr), _WRITTEN))
def test_a_number_is_read_as_json_has_it_or_not_at_all(text: str) -> None:
    found = _number(text)
    if found is not None:
        wanted = float(json.loads(text))
        assert found == wanted
        assert math.copysign(1, found) == math.copysign(1, wanted) or "." not in text


@given(TIMES)
@example("2024-02-29T23:59:59.999999-14:59")
def test_a_time_is_read_as_values_has_it_or_not_at_all(text: str) -> None:
    found, end = instants.moment(np.frombuffer(text.encode() + bytes(64), dtype=np.uint8), 0)
    if end == len(text.encode()):
        (wanted,) = values.micros([text])
        assert wanted != NO_TIME
        assert found == wanted
