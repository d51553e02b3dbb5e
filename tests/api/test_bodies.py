"""Bodies of fixes become columns: quickly, and with the very meaning of the slow way."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake import bodies, quick, records, values
from layers.errors import BadFixesError
from layers.fixes.batch import Names
from layers.fixes.intake import COLUMNS, NUMBERS
from tests.api.body_words import ILL, MOST, NAMES, PLAIN, TIMES, WELL, parse, same

ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"
TIME = "2026-03-02T04:00:00Z"
GOOD = {"unit": "v1", "time": TIME, "lon": 100.5, "lat": 40.005}


# The quick way and the slow one ---------------------------------------------------------------


@given(st.one_of(WELL, ILL))
def test_the_quick_way_reads_what_the_slow_way_reads(fixes: list[Any]) -> None:
    slow = records._one_by_one(json.loads(json.dumps(fixes)))
    same(parse(json.dumps(fixes).encode(), "application/json"), slow)
    same(parse(json.dumps(fixes, ensure_ascii=False).encode("utf-8", "replace"),
               "application/json"), slow)  # fmt: skip
    lines = "\r\n".join(json.dumps(one) for one in fixes).encode()
    same(parse(lines, "application/x-ndjson"), slow)


@given(st.lists(TIMES, max_size=12))
def test_times_are_read_alike_in_columns_and_one_by_one(texts: list[str]) -> None:
    column = pa.array(texts, type=pa.string())
    np.testing.assert_array_equal(quick.times_of(column), values.micros(texts))
    np.testing.assert_array_equal(quick.times_of(column[1:]), values.micros(texts[1:]))


_NEARLY = st.from_regex(r"\s?[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})?\s?", fullmatch=True)


@given(st.lists(st.one_of(st.floats().map(str), st.text(max_size=8), _NEARLY), max_size=12))
def test_numbers_in_texts_are_read_alike_in_columns_and_one_by_one(texts: list[str]) -> None:
    found = quick.numbers_of(pa.array(texts, type=pa.string()))
    np.testing.assert_array_equal(found, [values.number(text) for text in texts])


_CELL = st.text(st.characters(codec="utf-8", exclude_characters='\r\n",\0\ufeff'), max_size=6)


@given(st.lists(st.tuples(NAMES.filter(lambda n: not isinstance(n, str) or n in {"v1", "7"}),
                          TIMES, PLAIN, PLAIN, _CELL), max_size=8))  # fmt: skip
def test_csv_with_and_without_quotes_is_read_alike(rows: list[Any]) -> None:
    plain = [[str(cell).replace("\n", "").replace("\r", "").replace('"', "").replace(",", ".")
              .replace("\0", "") for cell in row] for row in rows]  # fmt: skip
    header = ["unit", "time", "lon", "lat", "accuracy_m"]
    text = "\n".join(",".join(row) for row in [header, *plain])
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row) for row in [header, *plain])
    fixes = [dict(zip(header, row, strict=True)) for row in plain]
    same(parse(text.encode(), CSV), records._one_by_one(fixes))
    same(parse(quoted.encode(), CSV), records._one_by_one(fixes))


@pytest.mark.parametrize(
    "body",
    [b'[{"x":"\xff"}]', b'[{"unit":"v1"},', b'[{"unit":"v1"}]]', b'{"lon":1}', b"[1,]", b'["\\x"]'],
)
def test_what_is_no_json_is_refused_whatever_the_quick_way_passes_over(body: bytes) -> None:
    with pytest.raises(BadFixesError):
        parse(body, "application/json")


@pytest.mark.parametrize(
    "body", [b'{"lon":1} {"lon":2}', b'{"lon":\n1}', b'{"a":1}{"a":2}\n{"a":\n3}', b'{"x":"\xff"}']
)
def test_a_line_is_one_object(body: bytes) -> None:
    with pytest.raises(BadFixesError, match="line 1"):
        parse(body, "application/x-ndjson")


# CSV: rows of another length --------------------------------------------------------------------


def test_a_ragged_row_costs_that_row_alone_and_keeps_its_units_name() -> None:
    body = (
        "time,unit,lon,lat\n"
        f"{TIME},v1,100,40\n"
        f"{TIME},v2,100,5,40\n"  # a decimal comma
        f"{TIME},v3,10\n"  # cut
        f"{TIME}\n"
        f"{TIME},v4,100,40,,\n"  # cells that are empty, as some programs write
        "\n  \n"
        f"{TIME},v5,100,40"
    ).encode()
    batch = parse(body, CSV)
    found = batch.frame()
    assert found["unit"].fillna("").tolist() == ["v1", "v2", "v3", "", "v4", "v5"]
    good = found["fault"].isna()
    assert good.tolist() == [True, False, False, False, True, True]
    assert set(found["fault"].dropna()) == {"ragged_row"}
    assert found.loc[~good, ["time", "lon", "lat"]].isna().all().all()
    assert found.loc[good, ["time", "lon", "lat"]].notna().all().all()


# Arrow ------------------------------------------------------------------------------------------

STAMPS = pa.timestamp("us", "UTC")


def stream(table: pa.Table, *, compression: str | None = None, rows: int | None = None) -> bytes:
    """A table as an IPC stream."""
    out = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(out, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return out.getvalue()


def table(**more: pa.Array) -> pa.Table:
    """Three fixes."""
    moment = pd.Timestamp(TIME)
    return pa.table(
        {
            "unit": pa.array(["v1", None, " v2 "]),
            "time": pa.array([moment, None, moment], type=STAMPS),
            "lon": pa.array([100.5, None, 101]),
            "lat": pa.array([40.005, 41, 42]),
            **more,
        }
    )


EXPECTED = [
    {**GOOD}, {"unit": None, "time": None, "lon": None, "lat": 41},
    {"unit": "v2", "time": TIME, "lon": 101, "lat": 42},
]  # fmt: skip


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("rows", [None, 1])
def test_an_arrow_stream_is_read_as_json_is(compression: str | None, rows: int | None) -> None:
    body = stream(table(), compression=compression, rows=rows)
    same(parse(body, ARROW), records._one_by_one(EXPECTED))


@pytest.mark.parametrize(
    "change",
    [
        {"unit": pa.array(["v1", None, " v2 "]).dictionary_encode()},
        {"unit": pa.array(["v1", None, " v2 "], type=pa.large_string())},
        *({"time": table()["time"].cast(pa.timestamp(unit, "Asia/Shanghai"))}
          for unit in ("s", "ms", "us", "ns")),
        {"lat": pa.array([40.005, 41, 42], type=pa.float64()), "driver": pa.array([[1], None, []])},
        {"lon": pa.array([100.5, np.nan, 101])},
        {"accuracy_m": pa.nulls(3), "patrol_id": pa.nulls(3)},
    ],
)  # fmt: skip
def test_columns_of_every_type_that_can_be_meant_are_taken(change: dict[str, Any]) -> None:
    for rows in (None, 1):
        same(parse(stream(table(**change), rows=rows), ARROW), records._one_by_one(EXPECTED))


def test_whole_numbers_are_names_and_numbers_too() -> None:
    body = stream(table(unit=pa.array([7, 7, 8]), battery=pa.array([1, None, 3], type=pa.int8()),
                        accuracy_m=pa.array([1.5, None, 3], type=pa.float16())))  # fmt: skip
    found = parse(body, ARROW).frame()
    assert found["unit"].tolist() == ["7", "7", "8"]
    assert found["battery"].fillna(-1).tolist() == [1, -1, 3]
    assert found["accuracy_m"].fillna(-1).tolist() == [1.5, -1, 3]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_timestamp_beyond_the_calendar_is_no_time(unit: str) -> None:
    edges = pa.array([2**63 - 1, -(2**63) + 1, 0]).cast(pa.timestamp(unit, "UTC"))
    found = parse(stream(table(time=edges)), ARROW).frame()["time"]
    within = unit == "ns"
    assert found.notna().tolist() == [within, within, True]
    assert found[2] == pd.Timestamp(0, tz="UTC")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"time": table()["time"].cast(pa.timestamp("us"))}, "theirs have none"),
        ({"time": pa.array([TIME] * 3)}, "column time has the type string"),
        ({"lon": pa.array(["1"] * 3)}, "column lon has the type string"),
        ({"lat": pa.array([True] * 3)}, "column lat has the type bool"),
        ({"unit": pa.array([1.5] * 3)}, "column unit has the type double"),
        ({"unit": pa.array([[1]] * 3)}, "column unit has the type list"),
        ({"unit": pa.nulls(3).dictionary_encode()}, "column unit has the type dictionary"),
    ],
)
def test_a_column_of_another_type_is_refused_by_its_name(change: Any, said: str) -> None:
    with pytest.raises(BadFixesError, match=said):
        parse(stream(table(**change)), ARROW)


def test_a_stream_without_a_column_that_a_fix_needs_or_with_two_is_refused() -> None:
    with pytest.raises(BadFixesError, match="no column lat"):
        parse(stream(table().drop_columns(["lat"])), ARROW)
    with pytest.raises(BadFixesError, match="lon more than once"):
        parse(stream(table().append_column("lon", pa.array([1.0, 2, 3]))), ARROW)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    rows = 200_000
    bomb = pa.table({
        "unit": pa.array(["v" * 20_000] * 900), "time": pa.array([0] * 900).cast(STAMPS),
        "lon": pa.array([0.0] * 900), "lat": pa.array([0.0] * 900),
    })  # fmt: skip
    body = stream(bomb, compression="zstd")
    assert len(body) < 100_000
    with pytest.raises(BadFixesError, match="unpacks to more than 1,000,000 bytes"):
        parse(body, ARROW)
    many = pa.table({
        "unit": pa.nulls(rows), "time": pa.nulls(rows, type=STAMPS),
        "lon": pa.nulls(rows), "lat": pa.nulls(rows),
    })  # fmt: skip
    with pytest.raises(BadFixesError, match="200000 fixes in one body: send at most 1000 at once"):
        bodies.parse(stream(many), ARROW, max_batch=1_000, most_bytes=10**9)


@given(st.data())
def test_a_damaged_stream_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    packing = data.draw(st.sampled_from([None, "lz4", "zstd"]))
    coded = table(unit=table()["unit"].dictionary_encode(), patrol_id=pa.array(["a", "b", None]))
    body = bytearray(stream(coded, compression=packing, rows=data.draw(st.sampled_from([1, 3]))))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(body)))
    for damaged in (bytes(body), bytes(body[:end])):
        # Anything but a refusal fails the test, or ends it.
        with contextlib.suppress(BadFixesError):
            parse(damaged, ARROW).frame()


# Batches ----------------------------------------------------------------------------------------


def test_who_may_write_one_unit_sends_the_others_as_nobodys() -> None:
    batch = records._one_by_one([{**GOOD, "unit": name} for name in ("v1", "v2", None, "v1")])
    assert batch.only("v1").frame()["unit"].fillna("").tolist() == ["v1", "", "", "v1"]
    assert batch.only("v3").frame()["unit"].isna().all()
    assert batch.only("v1").frame().drop(columns="unit").equals(batch.frame().drop(columns="unit"))


def test_a_batch_of_nothing_has_all_columns() -> None:
    batch = parse(b"[]", "application/json")
    assert len(batch) == 0
    assert list(batch.frame().columns) == list(COLUMNS)
    assert batch.frame().dtypes[list(NUMBERS)].eq(np.float64).all()
    assert str(batch.frame()["time"].dtype) == "datetime64[us, UTC]"
    assert Names.none(2).series().isna().tolist() == [True, True]


def test_what_is_unpacked_is_held_as_it_grows() -> None:
    held: list[int] = []
    body = gzip.compress(b" " * 5_000_000)
    with pytest.raises(BadFixesError, match="unpacks to more than 3,000,000 bytes"):
        bodies.unpacked(body, "gzip", limit=3_000_000, hold=held.append)
    assert 3_000_000 <= sum(held) <= 5_000_000
    held.clear()
    bodies.parse(stream(table(), compression="zstd"), ARROW, max_batch=9, most_bytes=MOST,
                 hold=held.append)  # fmt: skip
    assert len(held) == 1
