"""Arrays reach PostgreSQL as they are."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sqlalchemy import Engine

from layers.db import arrays
from layers.db.engine import raw


@pytest.mark.parametrize(
    ("made", "given", "kind", "expected"),
    [
        (arrays.int4, [1, -2, 2**31 - 1], "int[]", [1, -2, 2**31 - 1]),
        (arrays.int8, [-(2**62), 5], "bigint[]", [-(2**62), 5]),
        (arrays.float8, [0.1, -180.0], "float8[]", [0.1, -180.0]),
        (arrays.float4, [np.nan, 1.5, np.nan], "real[]", [None, 1.5, None]),
        (arrays.booleans, [True, False], "boolean[]", [True, False]),
        (arrays.int4, [], "int[]", []),
        (arrays.float4, [], "real[]", []),
    ],
)
def test_an_array_comes_back_as_it_went(engine: Engine, made, given, kind, expected) -> None:
    dtype = bool if made is arrays.booleans else float if "float" in made.__name__ else np.int64
    with engine.connect() as connection:
        query = f"SELECT %s::{kind}, pg_typeof(%s)::text"
        packed = made(np.array(given, dtype=dtype))
        found, told = raw(connection).execute(query, [packed, packed]).fetchone()
    assert found == expected
    assert told == {"int[]": "integer[]", "float8[]": "double precision[]"}.get(kind, kind)


def test_texts_come_back_as_they_went(engine: Engine) -> None:
    for given in ([], ["a", "", '沙漠 й\n,{}"\\']):
        with engine.connect() as connection:
            asked = raw(connection).execute("SELECT %s::text[]", [arrays.texts(given)])
            assert asked.fetchone() == (given,)


def test_times_are_microseconds_since_1970(engine: Engine) -> None:
    with engine.connect() as connection:
        moments = np.array([0, 1_772_424_000_000_001])
        query = "SELECT (extract(epoch FROM t) * 1000000)::bigint FROM unnest(%s::timestamptz[]) t"
        rows = raw(connection).execute(query, [arrays.times(moments)]).fetchall()
    assert [int(row[0]) for row in rows] == moments.tolist()


def test_the_ends_of_time_and_numbers_that_are_none_come_as_they_are(engine: Engine) -> None:
    ends = np.iinfo(np.int64)
    moments = np.array([ends.min, 1_772_424_000_000_001, ends.max])
    numbers = np.array([np.nan, 1.5, -np.inf])
    with engine.connect() as connection:
        times = raw(connection).execute(
            "SELECT %s::timestamptz[]::text[]", [arrays.times_or_never(moments)]
        )
        assert times.fetchone() == (["-infinity", "2026-03-02 04:00:00.000001+00", "infinity"],)
        reals = raw(connection).execute("SELECT %s::real[]::text[]", [arrays.reals(numbers)])
        assert reals.fetchone() == (["NaN", "1.5", "-Infinity"],)


def test_what_the_server_packs_is_read_back(engine: Engine) -> None:
    query = (
        "SELECT array_send(ARRAY[1, -2, 3]), array_send(ARRAY[4]),"
        " array_send(ARRAY[0.5, 'NaN']::real[]), array_send(ARRAY[-180.25]::float8[])"
    )
    with engine.connect() as connection:
        first, second, reals, floats = raw(connection).execute(query, binary=True).fetchone()
    assert arrays.items([first, second], "i4").tolist() == [1, -2, 3, 4]
    assert [arrays.count(sent, "i4") for sent in (first, second)] == [3, 1]
    np.testing.assert_array_equal(arrays.items([reals], "f4"), [0.5, np.nan])
    assert arrays.items([floats], "f8").tolist() == [-180.25]
    assert arrays.items([], "i8").tolist() == []


def test_a_connection_that_is_older_than_the_first_array_takes_it(engine: Engine) -> None:
    program = (
        "import sys\n"
        "from layers.db.engine import make_engine, raw\n"
        "with make_engine(sys.argv[1]).connect() as connection:\n"
        "    session = raw(connection)\n"
        "    import numpy\n"
        "    from layers.db import arrays\n"
        "    print(session.execute('SELECT %s', [arrays.int4(numpy.arange(3))]).fetchone()[0])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, engine.url.render_as_string(hide_password=False)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == "[0, 1, 2]", found.stderr
