"""Loading the demo: its files are written, its days ending now, and loaded like any others."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

import fixtures.demo
from api.demo import state
from api.intake.files import store_frame
from api.progress import progress
from api.settings import Settings
from layers.db.engine import SYSTEM, acting
from layers.load import load as load_file
from layers.plan import duties
from layers.region import Region
from layers.units import enrolment, teams

logger = logging.getLogger("patrolgrid.demo")

#: In the order in which one refers to another.
LAYERS = (
    "grids", "settlements", "checkpoints", "posts", "post_areas", "cameras", "roads", "border",
    "fences",
)  # fmt: skip


def load(settings: Settings, engine: Engine, region: Region) -> None:
    """Write the demo's files and load them; a start that was cut goes on where it was.

    That it is in is noted by who started it (``state.note_ready``), who has more to do before.
    """
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        done = state.state(connection) == state.READY
        end = state.end(connection)
        if not done:
            state.set_state(connection, state.LOADING)
    if done and state.live_file(settings).exists():
        return
    started = time.monotonic()
    logger.info("making the demo region (invented); its days end at %s", end.isoformat())
    out = state.folder(settings)
    fixtures.demo.write(out, end=end)
    if done:
        return
    load_places(engine, region, out)
    store_frame(
        engine, SYSTEM, pd.read_parquet(out / "fixes.parquet"), region, settings, label="demo fixes"
    )
    logger.info("the demo region is in, after %.0f s", time.monotonic() - started)


def load_places(engine: Engine, region: Region, source: Path) -> None:
    """Load the demo's layers, teams, units and plan from the files in ``source``."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection, progress() as bar:
        for name in bar.track(LAYERS, description="demo layers"):
            load_file(
                connection, name, source / f"{name}.geojson",
                lowest_level=region.lowest_level, levels=region.level_names,
            )  # fmt: skip
        listed = json.loads((source / "teams.json").read_text())
        teams.put(connection, [teams.Team(team=row.pop("id"), **row) for row in listed])
        enrolled = json.loads((source / "units.json").read_text())
        enrolment.enrol(
            connection, [enrolment.Enrolment(**row) for row in enrolled], region, update=True
        )
        asked = json.loads((source / "plan.json").read_text())
        duties.put(connection, [duties.read(row) for row in asked], region, by=SYSTEM.name)
