"""Bodies of fixes as tests make them: plain ones, and such as nobody should write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from api.intake import bodies
from layers.fixes.batch import Batch

MOST = 1_000_000


def parse(body: bytes, media_type: str) -> Batch:
    """A body as the door reads it."""
    return bodies.parse(body, media_type, max_batch=1_000, most_bytes=MOST)


def same(a: Batch, b: Batch) -> None:
    """Assert that two batches are one."""
    assert_frame_equal(a.frame(), b.frame(), check_exact=True)


TIMES = st.one_of(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda t: t.isoformat()
    ),
    st.builds(
        "{}-{}-{}{}{}:{}{}{}{}".format,
        st.sampled_from(["2026", "1899", "1900", "2199", "2200", "0000", "9999"]),
        st.sampled_from(["01", "02", "12", "00", "13", "1"]),
        st.sampled_from(["01", "28", "29", "30", "31", "32", "00", "x1"]),
        st.sampled_from("Tt _"), st.sampled_from(["00", "23", "24", "7"]),
        st.sampled_from(["00", "59", "60"]), st.sampled_from(["", ":00", ":59", ":60", ":0"]),
        st.sampled_from(["", ".", ".5", ".123456", ".1234567", ".999999999", ",5"]),
        st.sampled_from(["", "Z", "z", " Z", "+08:00", "-14:00", "+14:59", "+15:00", "+0800", "+08",
                         "+08:60", "-00:00", " +08:00", "+23:59", "Zx"]),
    ),
    st.text(max_size=30),
)  # fmt: skip
NAMES = st.one_of(st.sampled_from(["v1", " v1 ", "7", "", "a\nb", "\u1820", "x" * 201]),
                  st.text(max_size=5), st.integers(), st.floats(allow_nan=False))  # fmt: skip
PLAIN = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-400, 400))
ODD = st.one_of(st.none(), st.booleans(), st.text(max_size=8), st.lists(st.integers(), max_size=2),
                st.floats(), st.integers(), st.sampled_from(["1.5", " 4e1 ", "1_0", "inf", "nan"]),
                st.dictionaries(st.text(max_size=3), st.integers(), max_size=2))  # fmt: skip


def fixes_of(name: st.SearchStrategy[Any], time: st.SearchStrategy[Any],
           number: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:  # fmt: skip
    return st.fixed_dictionaries(
        {"unit": name, "time": time, "lon": number, "lat": number},
        optional={"accuracy_m": number, "battery": number, "patrol_id": name, "driver": ODD},
    )


WELL = st.lists(fixes_of(NAMES, TIMES, PLAIN), max_size=8)
ILL = st.lists(
    st.one_of(fixes_of(st.one_of(NAMES, ODD), st.one_of(TIMES, ODD), ODD), ODD), max_size=6
)
