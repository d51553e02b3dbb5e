"""The command replay: what it tells of a service that refuses."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from api.cli import replay
from tests.api.command_words import WALK, Run, write


def test_a_refusal_is_told_by_what_it_says(
    run: Run, anybody: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(replay, "configure_logging", lambda _: None)
    monkeypatch.setenv("PATROLGRID_TOKEN", "pg_none")
    walk = write(tmp_path / "walk.csv", WALK)
    line = run("replay", walk, "--url", anybody.base_url).refusal
    assert line.startswith("patrolgrid: the service refused the replay: ")
    assert "{" not in line
    assert "token" in line
    line = run("replay", walk, "--url", f"{anybody.base_url}/nowhere").refusal
    assert "{" not in line
    for url in ("localhost:8080", "http://localhost:port", "http://"):
        assert run("replay", walk, "--url", url).code == 2
