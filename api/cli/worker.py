"""The worker alone."""

from __future__ import annotations

from typing import Annotated

import typer

from api import processes
from api.database import database
from api.jobs.worker import work
from api.logs import configure_logging
from api.settings import read_settings
from layers.region import Region

app = typer.Typer(add_completion=False)


@app.command()
def worker(
    parent: Annotated[int | None, typer.Option(hidden=True, help="end with this process")] = None,
) -> None:
    """Run the worker alone: webhook deliveries, retention of fixes, coverage and housekeeping."""
    settings = read_settings()
    region = Region.read(settings.region_file)
    configure_logging(settings)
    processes.end_with(parent)
    with database(settings) as url:
        work(
            url,
            allowed=settings.webhook_allow,
            retention_days=settings.kept_days(region.retention_days),
            region=region,
        )
