"""What a service writes down holds no credential, whatever becomes of who shows one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from layers.access import tokens
from layers.db.engine import SYSTEM, acting
from service import free_port

FIX = {"id": "stranger-77", "lat": "40.123456", "lon": "100.654321", "timestamp": "1772424000"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the service writes."""
    return tmp_path / "log"


@pytest.fixture
def service(database_url: str, tmp_path: Path, log: Path) -> Iterator[httpx.Client]:
    """A real ``patrolgrid serve`` that tells as much as it can."""
    port = free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PATROLGRID_")},
        "PATROLGRID_DATABASE_URL": database_url, "PATROLGRID_PORT": str(port),
        "PATROLGRID_DATA_DIR": str(tmp_path), "PATROLGRID_LOG_LEVEL": "debug",
    }  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve"], env=environment, stdout=out, stderr=out
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    client.get("/healthz")
                    break
                except httpx.TransportError:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.1)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_no_log_metric_or_answer_repeats_a_credential_or_a_stranger(
    service: httpx.Client, engine: Engine, log: Path
) -> None:
    with acting(engine, SYSTEM, "patrolgrid_gate") as connection:
        secret = tokens.create(connection, ["ingest"]).secret
        reader = tokens.create(connection, ["read"]).secret
    unknown = f"{tokens.PREFIX}unknown-secret"
    shown: list[httpx.Response] = []
    for one in (secret, unknown, reader):
        for name in ("token", "%74oken"):
            address = f"/ingest/osmand?{name}={one}&" + "&".join(f"{k}={v}" for k, v in FIX.items())
            shown += [service.get(address), service.post(address), service.put(address)]
            shown.append(service.get(f"/ingest/nowhere?{name}={one}"))
            shown.append(service.get(f"/ingest/osmand/?{name}={one}", follow_redirects=False))
            shown.append(service.post(f"/ingest/owntracks?{name}={one}", content=b"{"))
        shown.append(service.post("/ingest/owntracks", json={"_type": "x"}, auth=("u", one)))
    # An error of ours: the table that fixes of strangers are counted in is gone.
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE patrolgrid.strangers RENAME TO away"))
    failed = service.get("/ingest/osmand", params={**FIX, "token": secret})
    assert failed.status_code == 500
    shown.append(failed)
    metrics = service.get("/metrics", headers={"Authorization": f"Bearer {reader}"})
    assert metrics.status_code == 200
    shown.append(metrics)
    assert {one.status_code for one in shown} >= {200, 401, 403, 422, 404, 405, 500}
    written = log.read_text() + "".join(one.text + str(one.headers) for one in shown)
    assert "/ingest/osmand" in log.read_text()  # the error is told, with its path
    for word in (secret, unknown, reader, secret[3:], FIX["id"], FIX["lat"], FIX["lon"]):
        assert word not in written
