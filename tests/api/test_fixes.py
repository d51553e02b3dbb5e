"""Fixes through HTTP: what a careless client sends, and what becomes of it."""

from __future__ import annotations

import gzip
import io
import json
import random

import httpx
import pyarrow as pa
import pytest

from tests.api.api_words import NOON, at, box, breaches, code, enrol, feature, fix, put, send

JSON = {"Content-Type": "application/json"}


def _post(client: httpx.Client, body: str | bytes, media_type: str, **more: str) -> httpx.Response:
    return client.post("/api/fixes", content=body, headers={"Content-Type": media_type, **more})


def test_each_fix_is_judged_alone(admin: httpx.Client) -> None:
    enrol(admin, "v1")
    good = fix("v1", 0, 100.0)
    doubted = {
        "not_a_number": [{"lon": float("nan")}, {"lat": "x"}, {"lon": None}, {"lat": [1]},
                         {"lon": 10**400}, {"lat": True}, {"lon": "1_0"}],
        "no_time": [{"time": "2026-03-02T04:00:00"}, {"time": 1772424000}, {"time": {}},
                    {"time": "9999-12-31T23:59:59-08:00"}, {"time": "2026-03-02Z"}],
        "latitude_out_of_range": [{"lat": 91}],
        "longitude_out_of_range": [{"lon": -180.1}],
        "zero_zero": [{"lon": 0, "lat": 0}],
        "in_the_future": [{"time": "2199-01-01T00:00:00Z"}],
        "too_old": [{"time": "1850-01-01T00:00:00Z"}],
        "too_inaccurate": [{"accuracy_m": 1e6}],
        "negative_accuracy": [{"accuracy_m": -1}],
    }  # fmt: skip
    cases = [(reason, change) for reason, changes in doubted.items() for change in changes]
    body = [{**good, **change} for _, change in cases]
    body += [good, {**good, "unit": "stranger"}, {}, None, 7]  # type: ignore[list-item]
    answer = admin.post("/api/fixes", content=json.dumps(body), headers=JSON)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["accepted"], told["refused"], told["duplicate"]) == (1, 4, 0)
    assert [q["reason"] for q in told["quarantined"]] == [reason for reason, _ in cases]
    assert [q["index"] for q in told["quarantined"]] == list(range(len(cases)))


def test_the_same_fix_in_every_spelling_is_one_fix(admin: httpx.Client) -> None:
    enrol(admin, "7")
    one = {"unit": "7", "time": at(0), "lon": 100, "lat": 40.5}
    spellings = [
        one, {**one, "unit": 7}, {**one, "unit": 7.0}, {**one, "unit": " 7 "},
        {**one, "lon": "100.0", "lat": " 4.05e1"}, {**one, "time": "2026-03-02T12:00:00+08:00"},
        {**one, "time": "2026-03-02t04:00:00z"}, {**one, "driver": "Bob", "faces": [1]},
    ]  # fmt: skip
    assert send(admin, spellings)["accepted"] == 1
    assert send(admin, spellings)["duplicate"] == len(spellings)
    csv = "\ufeffunit, time, lon, lat, driver\r\n7, 2026-03-02T04:00:00Z, 100, 40.5, Bob\r\n\r\n"
    for answer in (
        _post(admin, json.dumps(one), "Application/JSON; charset=utf-8"),
        _post(admin, json.dumps(one) + "\n\n", "application/x-ndjson"),
        _post(admin, csv, "text/csv; charset=utf-8"),
        _post(admin, gzip.compress(json.dumps([one]).encode()), "application/json",
              **{"Content-Encoding": "gzip"}),
    ):  # fmt: skip
        assert answer.json() == {
            "accepted": 0, "duplicate": 1, "refused": 0, "quarantined": [], "breaches": 0,
        }  # fmt: skip


def test_an_empty_list_is_a_batch_of_nothing(admin: httpx.Client) -> None:
    for body, media_type in (
        ("[]", "application/json"),
        ("", "application/x-ndjson"),
        ("unit,time,lon,lat\n", "text/csv"),
    ):  # fmt: skip
        assert _post(admin, body, media_type).json() == {
            "accepted": 0, "duplicate": 0, "refused": 0, "quarantined": [], "breaches": 0,
        }  # fmt: skip


def test_what_is_no_batch_is_refused_and_says_why(admin: httpx.Client) -> None:
    for body, media_type in (
        ("", "application/json"), ("{", "application/json"), ("{}", "application/json"),
        ("1", "application/json"), ("[" * 200_000, "application/json"),
        (b"\xff", "application/json"),
        ("{\n", "application/x-ndjson"), ("", "text/csv"), (b"\xff\xfe", "text/csv"),
        ("v1,2026-03-02T04:00:00Z,100,40\n", "text/csv"), ("unit;time;lon;lat\n", "text/csv"),
        ("unit,time,lon,lat,lon\nv1,x,1,2,3\n", "text/csv"),
        ('unit,time,lon,lat\n"v1', "text/csv"),
    ):  # fmt: skip
        assert code(_post(admin, body, media_type)) == "422 bad_fixes", body[:40]
    assert code(_post(admin, "[]", "text/plain")) == "415 unknown_media_type"
    brotli = _post(admin, "[]", "application/json", **{"Content-Encoding": "br"})
    assert code(brotli) == "415 unknown_encoding"
    packed = {"Content-Encoding": "gzip"}
    assert code(_post(admin, b"no gzip", "application/json", **packed)) == "422 bad_fixes"
    bomb = gzip.compress(b"[" + b" " * 40_000_000 + b"]")
    assert code(_post(admin, bomb, "application/json", **packed)) == "422 bad_fixes"


def test_a_ragged_row_of_csv_is_one_bad_fix_and_the_rest_goes_in(admin: httpx.Client) -> None:
    enrol(admin, "v1")
    rows = ["unit,time,lon,lat", f"v1,{at(0)},100,40", f"v1,{at(1)},100,5,40", f"x,{at(2)}",
            f"v1,{at(3)},100", f"v1,{at(4)},100,40,"]  # fmt: skip
    told = _post(admin, "\n".join(rows), "text/csv").json()
    assert (told["accepted"], told["refused"]) == (2, 1)
    assert told["quarantined"] == [{"index": n, "reason": "ragged_row"} for n in (1, 3)]
    aside = admin.get("/api/quarantine").json()["fixes"]
    assert {(one["unit"], one["reason"], one["lon"]) for one in aside} == {
        ("v1", "ragged_row", None)
    }
    again = _post(admin, "\n".join(rows), "text/csv").json()
    assert (again["accepted"], again["duplicate"]) == (0, 2)


def test_an_arrow_stream_is_taken_as_the_other_forms_are(admin: httpx.Client) -> None:
    enrol(admin, "v1")
    table = pa.table({
        "unit": ["v1", "v1", "stranger"], "lon": [100.0, 0.0, 1.0], "lat": [40.0, 0.0, 1.0],
        "time": pa.array([NOON] * 3, type=pa.timestamp("ms", "UTC")),
    })  # fmt: skip
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    sent = out.getvalue()
    arrow = "application/vnd.apache.arrow.stream"
    told = _post(admin, sent, arrow).json()
    assert (told["accepted"], told["refused"]) == (1, 1)
    assert told["quarantined"] == [{"index": 1, "reason": "zero_zero"}]
    packed = _post(admin, gzip.compress(sent), arrow, **{"Content-Encoding": "gzip"})
    assert packed.json()["duplicate"] == 1
    for cut in (b"", sent[:200], b"\0" * 64, b"[]"):
        assert code(_post(admin, cut, arrow)) == "422 bad_fixes"


def test_a_body_over_the_limit_is_too_large_only_for_who_may_send(
    admin: httpx.Client, anybody: httpx.Client
) -> None:
    large = b"[" + b" " * 33_000_000 + b"]"
    assert code(_post(admin, large, "application/json")) == "413 too_large"
    chunks = admin.post("/api/fixes", content=(large[:1_000_000] for _ in range(40)), headers=JSON)
    assert code(chunks) == "413 too_large"
    many = json.dumps([fix("v1", 0, 100.0)] * 100_001)
    assert code(_post(admin, many, "application/json")) == "422 bad_fixes"
    del anybody.headers["Authorization"]
    assert code(_post(anybody, large, "application/json")) == "401 no_identity"


def test_values_beyond_their_columns_do_not_cost_a_fix(admin: httpx.Client) -> None:
    enrol(admin, "v1")
    odd: list[dict[str, object]] = [
        {"speed_ms": 1e300}, {"battery": "1e999"}, {"heading_deg": 1e-300}, {"altitude_m": -1e99},
        {"patrol_id": "x" * 500}, {"patrol_id": "n\0"}, {"patrol_id": 7}, {"patrol_id": [1]},
        {"accuracy_m": 1e-320}, {"lon": 1e-320},
    ]  # fmt: skip
    receipt = send(admin, [fix("v1", n, 100.0) | more for n, more in enumerate(odd)])
    assert receipt["accepted"] == len(odd), receipt
    assert receipt["quarantined"] == []
    assert send(admin, [fix("n\0", 0, 1.0), fix("\n", 0, 1.0)])["refused"] == 2


def test_the_order_and_the_batches_of_fixes_do_not_matter(admin: httpx.Client) -> None:
    put(admin, "fences", feature("box", box(100, 40, 0.01), rule="keep_out", margin_m=50))
    walk = [(0, 99.995), (2, 100.005), (4, 100.0101), (6, 100.004), (8, 100.02), (9, 99.99)]
    dice = random.Random(7)
    units = ["whole", "single", "shuffled", "late"]
    enrol(admin, *units)
    rows = {unit: [fix(unit, *step) for step in walk] for unit in units}
    for row in rows["shuffled"] + rows["late"]:
        row["accuracy_m"] = 4.0
    send(admin, rows["whole"])
    for row in rows["single"]:
        send(admin, [row, row])
    # A conflicting fix loses wherever it comes.
    worse = [{**row, "lon": row["lon"] + 0.1, "accuracy_m": 9.0} for row in rows["shuffled"]]
    mixed = rows["shuffled"] + worse
    dice.shuffle(mixed)
    for row in mixed:
        send(admin, [row])
    for row in reversed(rows["late"]):
        send(admin, [row])
    apart = ("id", "unit", "call_sign", "visit", "revision", "opened_at", "changed_at")
    told = [
        sorted(
            json.dumps({k: v for k, v in one.items() if k not in apart})
            for one in breaches(admin, unit=unit)
        )
        for unit in units
    ]
    assert len(told[0]) == 2
    assert told[0] == told[1] == told[2] == told[3]
    aside = admin.get("/api/quarantine", params={"unit": "shuffled"}).json()["fixes"]
    assert {one["reason"] for one in aside} == {"conflicting_fix"}
    assert len(aside) == len(worse)


@pytest.mark.parametrize("bad", ["%00", "x" * 501, "4oKs", "AA"])
def test_a_cursor_that_is_not_ours_is_refused(admin: httpx.Client, bad: str) -> None:
    for path in ("/api/quarantine",):
        assert admin.get(f"{path}?cursor={bad}").status_code == 422
