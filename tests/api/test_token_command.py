"""The command token: a device's credential, and what to enter into its app."""

from __future__ import annotations

from sqlalchemy import Engine, text

from tests.api.command_words import Run

ENROL = text(
    "INSERT INTO units (id, call_sign, kind, max_gap_s, top_speed_ms, accuracy_m)"
    " VALUES ('v1', 'V1', 'foot', 600, 5, 10)"
)
DEVICE = ("token", "create", "--scope", "ingest", "--unit", "v1")


def test_a_devices_credential_is_printed_alone_and_what_to_enter_beside_it(
    run: Run, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(ENROL)
    made = run(*DEVICE, "--note", "phone 3")
    assert made.code == 0
    secret = made.out.removesuffix("\n")
    assert secret.startswith("pg_")
    assert "\n" not in secret
    for path in ("osmand", "owntracks"):
        assert f"http://127.0.0.1:8080/ingest/{path}?token={secret}" in made.err
    listed = run("token", "list").out
    assert "unit v1  phone 3" in listed
    assert secret not in listed


def test_a_token_without_a_unit_says_nothing_more(run: Run) -> None:
    made = run("token", "create", "--scope", "ingest")
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("pg_")


def test_a_devices_credential_is_for_a_unit_that_is_enrolled_and_for_its_fixes_alone(
    run: Run, engine: Engine
) -> None:
    assert "v1: no such unit is enrolled" in run(*DEVICE).refusal
    with engine.begin() as connection:
        connection.execute(ENROL)
    for scope in ("admin", "ingest,read", "read"):
        refused = run("token", "create", "--scope", scope, "--unit", "v1")
        assert refused.code == 2
        assert "--scope ingest alone" in refused.err
    with engine.begin() as connection:
        connection.execute(text("UPDATE units SET disenrolled_at = now()"))
    assert "v1: no such unit is enrolled" in run(*DEVICE).refusal
