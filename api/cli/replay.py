"""Replay: send recorded fixes to a running service at the pace at which they were made."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import pandas as pd
import typer

from api import processes
from api.demo.state import live_file
from api.intake import files
from api.links import page_url
from api.logs import configure_logging
from api.settings import PREFIX, SettingsError, read_settings
from layers.errors import LayersError

logger = logging.getLogger("patrolgrid.replay")
TICK_S = 1.0
app = typer.Typer(add_completion=False)


@app.command()
def replay(
    file: Annotated[
        Path | None, typer.Argument(help="fixes to send; default: the demo's live hours, for ever")
    ] = None,
    url: Annotated[str | None, typer.Option(help="the service; default: the one set here")] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Send fixes to POST /api/fixes as time goes by, their times moved to now.

    The token is read from PATROLGRID_TOKEN.
    """
    settings = read_settings()
    configure_logging(settings)
    processes.end_with(parent)
    if settings.token is None:
        raise SettingsError(f"{PREFIX}TOKEN: set it to a token with scope ingest")
    fixes = (
        pd.read_parquet(live_file(settings)).sort_values("time")
        if file is None
        else files.read(file).fixes.sort_values("time")
    )
    with httpx.Client(
        base_url=page_url(settings) if url is None else _address(url),
        headers={"Authorization": f"Bearer {settings.token.get_secret_value()}"},
        timeout=30,
        trust_env=False,
    ) as client:
        if file is None:
            while True:
                _send(client, fixes, _begun(fixes))
        _send(client, fixes, datetime.now(UTC))


def _address(url: str) -> httpx.URL:
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        found = httpx.URL()
    if found.scheme not in {"http", "https"} or not found.host:
        raise typer.BadParameter(f"{url!r}: write http://HOST:PORT", param_hint="--url")
    return found


def _begun(fixes: pd.DataFrame) -> datetime:
    """When the round that is under way began: the demo's hours follow each other without end."""
    first, last = fixes["time"].iloc[0], fixes["time"].iloc[-1]
    length_s = (last - first).total_seconds() + 60
    rounds = max(0, int((pd.Timestamp.now(UTC) - first).total_seconds() // length_s))
    begun: datetime = (first + pd.Timedelta(seconds=rounds * length_s)).to_pydatetime()
    return begun


def _send(client: httpx.Client, fixes: pd.DataFrame, begun: datetime) -> None:
    """Send each fix when its moment, counted from ``begun``, has come; what is past, at once."""
    shift = pd.Timestamp(begun) - fixes["time"].iloc[0]
    moved = fixes.assign(time=fixes["time"] + shift)
    sent = int(moved["time"].searchsorted(pd.Timestamp.now(UTC) - timedelta(minutes=15)))
    while sent < len(moved):
        due = int(moved["time"].searchsorted(pd.Timestamp.now(UTC), side="right"))
        if due > sent:
            _post(client, moved.iloc[sent:due])
            sent = due
        time.sleep(TICK_S)


def _detail(refusal: httpx.Response) -> str:
    """What a problem document says; the status where there is none."""
    try:
        return str(refusal.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{refusal.status_code} {refusal.reason_phrase}: is --url the service's address?"


def _post(client: httpx.Client, fixes: pd.DataFrame) -> None:
    wanted = fixes.drop(columns="received_at", errors="ignore")
    body = wanted.to_json(orient="records", lines=True, date_format="iso", date_unit="ms")
    for attempt in range(1000):
        try:
            done = client.post(
                "/api/fixes", content=body, headers={"Content-Type": "application/x-ndjson"}
            )
        except httpx.TransportError:
            done = None
        if done is not None and done.status_code < 500 and done.status_code != 429:
            if done.status_code != 200:
                raise LayersError(f"the service refused the replay: {_detail(done)}")
            return
        # Sending again is harmless: what was stored already counts as a duplicate.
        time.sleep(min(30.0, 0.5 * 2 ** min(attempt, 6)))
    raise LayersError("the service does not answer; the replay ends")
