"""Traccar Client, OsmAnd and OwnTracks, as they send: what is kept, and what they are answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from rows import everything
from tests.api.api_words import NOON, code, enrol

SECONDS = int(NOON.timestamp())
ISO = "2026-03-02T04:00:00.000Z"
Device = Callable[[str], str]


@pytest.fixture
def device(engine: Engine) -> Device:
    """Make a credential for a unit."""

    def make(unit: str) -> str:
        with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
            return tokens.create(connection, ["ingest"], kind="device", unit=unit).secret

    return make


@pytest.fixture
def phone(admin: httpx.Client, device: Device) -> Iterator[httpx.Client]:
    """A client that shows nothing but the credential of v1 in its address; v2 is enrolled, too."""
    enrol(admin, "v1", "v2")
    shown = {"token": device("v1")}
    with httpx.Client(base_url=admin.base_url, params=shown, trust_env=False) as phone:
        yield phone


def kept(engine: Engine) -> list[dict[str, Any]]:
    """The fixes that are stored, oldest first."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT u.id AS unit, f.* FROM fixes f JOIN units u USING (unit_no) ORDER BY time")
        )
        return [dict(row) for row in rows.mappings()]


def doubted(engine: Engine) -> list[str]:
    """Reasons of quarantine, by the order of coming."""
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT reason FROM quarantine ORDER BY id")).scalars())


COUNTS = {"accepted": 1, "duplicate": 0, "refused": 0, "quarantined": [], "breaches": 0}
QUERY = {
    "id": "123456", "lat": "40.005", "lon": "100.5", "timestamp": str(SECONDS), "speed": "10",
    "bearing": "90", "altitude": "1200", "accuracy": "4.5", "batt": "88", "hdop": "2",
    "charge": "true", "driverUniqueId": "Bob",
}  # fmt: skip


def test_the_form_of_the_address_is_kept_with_its_speed_from_knots(
    phone: httpx.Client, engine: Engine
) -> None:
    assert phone.get("/ingest/osmand", params=QUERY).json() == COUNTS
    (fix,) = kept(engine)
    assert (fix["unit"], fix["time"], fix["lon"], fix["lat"]) == ("v1", NOON, 100.5, 40.005)
    assert fix["speed_ms"] == pytest.approx(5.1444, abs=1e-3)
    assert (fix["heading_deg"], fix["altitude_m"], fix["battery"]) == (90, 1200, 88)
    assert fix["accuracy_m"] == 4.5
    assert "Bob" not in str(everything(engine))


@pytest.mark.parametrize(
    "timestamp", [str(SECONDS), f"{SECONDS}000", f"{SECONDS}.0", ISO, "2026-03-02T12:00:00+08:00"]
)
def test_a_time_in_seconds_milliseconds_or_iso_is_the_same(
    phone: httpx.Client, engine: Engine, timestamp: str
) -> None:
    assert phone.get("/ingest/osmand", params={**QUERY, "timestamp": timestamp}).json() == COUNTS
    assert [fix["time"] for fix in kept(engine)] == [NOON]


def test_every_way_to_send_the_first_form_is_one_fix(phone: httpx.Client, engine: Engine) -> None:
    assert phone.post("/ingest/osmand", params=QUERY).json()["accepted"] == 1
    place = {k: v for k, v in QUERY.items() if k not in {"lat", "lon"}}
    for again in (
        phone.post("/ingest/osmand", data=QUERY),
        phone.post("/ingest/osmand", params={"id": "7"}, data=QUERY),
        phone.get("/ingest/osmand", params={**place, "location": "40.005,100.5"}),
        phone.get("/ingest/osmand", params={**QUERY, "deviceid": "9", "valid": "true"}),
    ):
        assert again.json() == {**COUNTS, "accepted": 0, "duplicate": 1}
    assert len(kept(engine)) == 1


LOCATION = {
    "timestamp": ISO,
    "coords": {"latitude": 40.005, "longitude": 100.5, "accuracy": 4.5, "speed": 5.0,
               "heading": 90, "altitude": 1200, "altitude_accuracy": 3},
    "battery": {"level": 0.88, "is_charging": False},
    "activity": {"type": "in_vehicle"}, "odometer": 1.0, "is_moving": True, "event": "motionchange",
}  # fmt: skip


def test_the_json_form_has_its_speed_in_metres_a_second(
    phone: httpx.Client, engine: Engine
) -> None:
    sent = {"device_id": "123456", "location": LOCATION}
    assert phone.post("/ingest/osmand", json=sent).json() == COUNTS
    (fix,) = kept(engine)
    assert (fix["unit"], fix["time"], fix["lon"], fix["lat"]) == ("v1", NOON, 100.5, 40.005)
    assert (fix["speed_ms"], fix["heading_deg"], fix["altitude_m"]) == (5, 90, 1200)
    assert fix["battery"] == pytest.approx(88)


def test_a_list_of_locations_is_a_batch_and_what_is_unknown_is_missing(
    phone: httpx.Client, engine: Engine
) -> None:
    later = {**LOCATION, "timestamp": "2026-03-02T04:01:00.250Z",
             "coords": {**LOCATION["coords"], "speed": -1, "heading": -1},  # type: ignore[dict-item]
             "battery": {"level": -1}}  # fmt: skip
    sent = {"device_id": "x", "location": [LOCATION, later, None, {"coords": 3}]}
    told = phone.post("/ingest/osmand", json=sent).json()
    assert told["accepted"] == 2
    assert told["quarantined"] == [{"index": n, "reason": "no_time"} for n in (2, 3)]
    _, second = kept(engine)
    assert second["time"].microsecond == 250_000
    assert (second["speed_ms"], second["heading_deg"], second["battery"]) == (None, None, None)
    again = phone.post("/ingest/osmand", json={"location": [LOCATION, later]}).json()
    assert (again["accepted"], again["duplicate"]) == (0, 2)
    assert phone.post("/ingest/osmand", json={"device_id": "x", "location": []}).status_code == 200


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timestamp": "yesterday"}, "no_time"),
        ({"timestamp": "2026-03-02 04:00:00"}, "no_time"),
        ({"timestamp": "9e99"}, "no_time"),
        ({"lat": ""}, "not_a_number"),
        ({"lat": "0", "lon": "0"}, "zero_zero"),
        ({"valid": "false"}, "too_inaccurate"),
        ({"valid": "0"}, "too_inaccurate"),
        ({"accuracy": "-1"}, "negative_accuracy"),
        ({"timestamp": "4102444800"}, "in_the_future"),
    ],
)
def test_a_doubted_fix_of_an_enrolled_unit_is_answered_200_or_the_app_would_send_it_for_ever(
    phone: httpx.Client, admin: httpx.Client, engine: Engine, change: dict[str, str], reason: str
) -> None:
    answer = phone.get("/ingest/osmand", params={**QUERY, **change})
    assert answer.status_code == 200
    assert answer.json()["quarantined"] == [{"index": 0, "reason": reason}]
    assert doubted(engine) == [reason]
    (aside,) = admin.get("/api/quarantine").json()["fixes"]
    assert (aside["unit"], aside["reason"]) == ("v1", reason)
    phone.get("/ingest/osmand", params={**QUERY, **change})
    assert doubted(engine) == [reason]  # sent again, it is the same doubt


def test_what_is_no_fix_at_all_is_refused(phone: httpx.Client) -> None:
    for refused in (
        phone.get("/ingest/osmand"), phone.get("/ingest/osmand", params={"id": "1"}),
        phone.post("/ingest/osmand", json={"device_id": "1"}),
        phone.post("/ingest/osmand", json=[]),
        phone.post("/ingest/osmand", content=b'{"location":'),
        phone.get("/ingest/osmand", params={f"x{n}": "1" for n in range(300)}),
        phone.post("/ingest/owntracks", json=[]), phone.post("/ingest/owntracks", content=b"x"),
        phone.post("/ingest/owntracks", json={"lat": 1}),
    ):  # fmt: skip
        assert code(refused) == "422 bad_fixes", refused.request.url
    assert phone.head("/ingest/osmand", params=QUERY).status_code == 405


POINT = {
    "_type": "location", "tst": SECONDS, "lat": 40.005, "lon": 100.5, "acc": 4, "vel": 36,
    "cog": 90, "alt": 1200, "batt": 88, "tid": "ab", "SSID": "home", "BSSID": "00:11:22:33:44:55",
    "topic": "owntracks/somebody/phone",
}  # fmt: skip


def test_owntracks_is_answered_by_a_list_and_its_speed_is_kilometres_an_hour(
    phone: httpx.Client, engine: Engine
) -> None:
    for _ in range(2):
        answer = phone.post("/ingest/owntracks", json=POINT)
        assert (answer.status_code, answer.json()) == (200, [])
        assert answer.headers["content-type"] == "application/json"
    (fix,) = kept(engine)
    assert (fix["unit"], fix["time"], fix["lon"], fix["lat"]) == ("v1", NOON, 100.5, 40.005)
    assert fix["speed_ms"] == pytest.approx(10)
    assert (fix["accuracy_m"], fix["heading_deg"], fix["altitude_m"]) == (4, 90, 1200)
    assert fix["battery"] == 88
    for word in ("somebody", "home", "00:11:22"):
        assert word not in str(everything(engine))


@pytest.mark.parametrize(
    "kind",
    ["waypoint", "waypoints", "transition", "lwt", "status", "steps", "beacon", "card", "cmd",
     "configuration", "request", "new_one"],
)  # fmt: skip
def test_what_else_owntracks_tells_is_taken_and_not_kept(
    phone: httpx.Client, engine: Engine, kind: str
) -> None:
    before = everything(engine)
    answer = phone.post("/ingest/owntracks", json={**POINT, "_type": kind})
    assert (answer.status_code, answer.json()) == (200, [])
    after = everything(engine)
    assert after["fixes"] == before["fixes"] == after["quarantine"] == after["strangers"] == []


def test_an_encrypted_message_is_refused_with_what_to_do(phone: httpx.Client) -> None:
    refused = phone.post("/ingest/owntracks", json={"_type": "encrypted", "data": "x"})
    assert code(refused) == "422 encrypted"
    assert "encryption key" in refused.json()["detail"]


# Whose it is ----------------------------------------------------------------------------------


def test_a_gateways_token_takes_each_unit_from_what_the_app_calls_itself(
    admin: httpx.Client, token: Callable[[str], str], engine: Engine
) -> None:
    enrol(admin, "v1", "v2", "v3", "v4")
    secret = token("ingest")
    del admin.headers["Authorization"]
    ours = {"token": secret}
    admin.get("/ingest/osmand", params={**QUERY, **ours, "id": "v1"}).raise_for_status()
    for sent, more in (
        ({**POINT, "topic": "owntracks/v2/phone"}, {}),
        (POINT, {"headers": {"X-Limit-U": "v3", "X-Limit-D": "phone"}}),
        ({**POINT, "topic": None}, {"auth": ("v4", secret)}),
    ):
        params = {} if "auth" in more else ours
        done = admin.post("/ingest/owntracks", json=sent, params=params, **more)  # type: ignore[arg-type]
        assert done.status_code == 200, done.text
    assert sorted(fix["unit"] for fix in kept(engine)) == ["v1", "v2", "v3", "v4"]


def test_a_strangers_device_is_refused_and_nothing_of_it_is_kept(
    admin: httpx.Client, token: Callable[[str], str], engine: Engine
) -> None:
    shown = {"token": token("ingest")}
    del admin.headers["Authorization"]
    before = everything(engine)
    for refused in (
        admin.get("/ingest/osmand", params={**QUERY, **shown}),
        admin.post(
            "/ingest/osmand", json={"device_id": "eagle", "location": LOCATION}, params=shown
        ),
        admin.post("/ingest/owntracks", json=POINT, params=shown),
    ):  # fmt: skip
        assert code(refused) == "403 not_enrolled"
        assert not {"123456", "eagle", "somebody", "100.5"} & set(refused.text.split('"'))
    after = everything(engine)
    assert len(after["strangers"]) == 1
    assert {name for name in after if after[name] != before[name]} <= {"strangers", "tokens"}
    for word in ("123456", "eagle", "somebody", "100.5"):
        assert word not in str(after)


def test_a_credential_of_one_unit_writes_no_other(
    phone: httpx.Client, admin: httpx.Client, engine: Engine, device: Device
) -> None:
    assert code(phone.get("/ingest/osmand", params={**QUERY, "id": "v2"})) == "403 another_unit"
    topic = {**POINT, "topic": "owntracks/v2/phone"}
    assert code(phone.post("/ingest/owntracks", json=topic)) == "403 another_unit"
    bearer = {"Authorization": f"Bearer {device('v1')}"}
    body = [{"unit": unit, "time": ISO, "lon": 100, "lat": 40} for unit in ("v1", "v2", "x", None)]
    told = admin.post("/api/fixes", json=body, headers=bearer).json()
    assert (told["accepted"], told["refused"]) == (1, 3)
    assert {fix["unit"] for fix in kept(engine)} == {"v1"}


def test_a_unit_that_left_is_a_stranger_and_a_revoked_credential_nobodys(
    phone: httpx.Client, admin: httpx.Client, engine: Engine
) -> None:
    assert admin.delete("/api/units/v1").is_success
    assert code(phone.get("/ingest/osmand", params=QUERY)) == "403 not_enrolled"
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        (one,) = tokens.list_tokens(connection, ["device"])
        assert one.unit == "v1"
        tokens.revoke(connection, one.id)
    assert code(phone.get("/ingest/osmand", params=QUERY)) == "401 unknown_identity"


@pytest.mark.parametrize("scope", ["admin", "read", "plan"])
def test_an_address_holds_no_credential_that_may_do_more(
    anybody: httpx.Client, token: Callable[[str], str], scope: str
) -> None:
    secret = token(scope)
    refused = anybody.get("/ingest/osmand", params={**QUERY, "token": secret})
    assert code(refused) == "403 too_powerful"
    assert secret not in refused.text
    basic = base64.b64encode(f"x:{secret}".encode()).decode()
    header = {"Authorization": f"Basic {basic}"}
    assert code(anybody.post("/ingest/owntracks", json=POINT, headers=header)) == "403 too_powerful"


def test_without_a_credential_the_doors_ask_for_one_of_either_kind(
    anybody: httpx.Client, token: Callable[[str], str]
) -> None:
    for shown in ({}, {"Authorization": "Basic !"}, {"Authorization": "Basic eA=="},
                  {"Cookie": f"patrolgrid_session={token('admin')}"}):  # fmt: skip
        refused = anybody.post("/ingest/owntracks", json=POINT, headers=shown)
        assert code(refused) == "401 no_identity"
        assert "Basic" in refused.headers["WWW-Authenticate"]
    assert anybody.get("/ingest/osmand", params={"token": "pg_x"}).status_code == 401
    assert anybody.get("/api/units", params={"token": token("ingest")}).status_code == 401


def test_both_kinds_of_credential_open_no_other_door(phone: httpx.Client, device: Device) -> None:
    for path in ("/api/units", "/metrics", "/api/quarantine"):
        refused = httpx.get(
            phone.base_url.join(path), headers={"Authorization": f"Bearer {device('v1')}"}
        )
        assert code(refused) == "403 scope_missing"


def test_the_servers_own_log_of_requests_has_no_credential(
    phone: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    secret = phone.params["token"]
    with caplog.at_level("DEBUG"):
        assert phone.get("/ingest/osmand", params=QUERY).status_code == 200
        assert phone.post("/ingest/owntracks", json=POINT).status_code == 200
    theirs = [one for one in caplog.records if not one.name.startswith("http")]  # the client's
    assert any(one.name == "uvicorn.access" and "/osmand?" in one.getMessage() for one in theirs)
    assert not any(secret in one.getMessage() for one in theirs)


def test_an_answer_is_json_that_no_cache_keeps(phone: httpx.Client) -> None:
    answer = phone.get("/ingest/osmand", params=QUERY)
    assert answer.headers["cache-control"] == "no-store"
    assert json.loads(answer.content) == COUNTS
