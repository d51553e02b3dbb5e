"""The demo region in the service: loaded once into an empty database, then replayed live."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from layers.load import load as load_file
from rich.progress import Progress
from sqlalchemy import Connection, Engine, text

import fixtures.demo
from api.intake.files import store_frame
from api.settings import Settings
from layers.db.engine import SYSTEM, acting
from layers.region import Region
from layers.units import enrolment, teams

logger = logging.getLogger("patrolgrid.demo")

TOKEN_NOTE = "the demo's live replay"  # noqa: S105
#: In the order in which one refers to another.
LAYERS = (
    "grids", "settlements", "checkpoints", "posts", "post_areas", "cameras", "roads", "border",
    "fences",
)  # fmt: skip


def wanted(engine: Engine) -> bool:
    """Whether the demo belongs here: it is in, or was begun, or the database is empty."""
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        return bool(
            connection.execute(
                text(
                    "SELECT EXISTS (SELECT FROM marks WHERE name = 'demo') OR NOT"
                    " (EXISTS (SELECT FROM grids) OR EXISTS (SELECT FROM units))"
                )
            ).scalar_one()
        )


def folder(settings: Settings) -> Path:
    """Where the demo's files are written."""
    return settings.data_dir / "demo"


def load(settings: Settings, engine: Engine, region: Region) -> None:
    """Write the demo's files, its days ending now, and load them; a start that was cut goes on."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        if _mark(connection, "demo") == "ready" and (folder(settings) / "live.parquet").exists():
            return
        begun = _mark(connection, "demo_end")
        end = datetime.fromisoformat(begun) if begun else datetime.now(UTC).replace(microsecond=0)
        _set_mark(connection, "demo_end", end.isoformat())
        done = _mark(connection, "demo") == "ready"
        if not done:
            _set_mark(connection, "demo", "loading")
    started = time.monotonic()
    logger.info("making the demo region (invented); its days end at %s", end.isoformat())
    out = folder(settings)
    out.mkdir(parents=True, exist_ok=True)
    fixtures.demo.write(out, end=end)
    if done:
        return
    load_places(engine, region, out)
    store_frame(
        engine, SYSTEM, pd.read_parquet(out / "fixes.parquet"), region, settings, label="demo fixes"
    )
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        _set_mark(connection, "demo", "ready")
    logger.info("the demo region is in, after %.0f s", time.monotonic() - started)


def load_places(engine: Engine, region: Region, source: Path) -> None:
    """Load the demo's layers, teams and units from the files in ``source``."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection, Progress(transient=True) as bar:
        for name in bar.track(LAYERS, description="demo layers"):
            load_file(
                connection, name, source / f"{name}.geojson", lowest_level=region.lowest_level
            )
        listed = json.loads((source / "teams.json").read_text())
        teams.put(connection, [teams.Team(**row) for row in listed])
        enrolled = json.loads((source / "units.json").read_text())
        enrolment.enrol(
            connection, [enrolment.Enrolment(**row) for row in enrolled], region, update=True
        )


def live(settings: Settings) -> pd.DataFrame:
    """The hours that are replayed, ordered by time."""
    return pq.read_table(folder(settings) / "live.parquet").to_pandas().sort_values("time")


def _mark(connection: Connection, name: str) -> str | None:
    found = connection.execute(
        text("SELECT value FROM marks WHERE name = :name"), {"name": name}
    ).scalar_one_or_none()
    return None if found is None else str(found)


def _set_mark(connection: Connection, name: str, value: str) -> None:
    connection.execute(
        text(
            "INSERT INTO marks (name, value) VALUES (:name, to_jsonb(CAST(:value AS text)))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value, marked_at = clock_timestamp()"
        ),
        {"name": name, "value": value},
    )
