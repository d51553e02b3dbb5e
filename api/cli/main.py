"""The command's entry: its groups, and one line for what is refused."""

from __future__ import annotations

import sys

import typer
from sqlalchemy.exc import DBAPIError

from api.cli import answers, data, db, region, replay, service, token
from api.settings import SettingsError
from geo.errors import GeoError
from layers.errors import LayersError
from layers.region import RegionError

app = typer.Typer(
    name="patrolgrid",
    help="Patrol coverage, geofence breaches and 1-3-5-minute response areas, on PostGIS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
service.register(app)
data.register(app)
answers.register(app)
replay.register(app)
app.add_typer(db.app, name="db")
app.add_typer(token.app, name="token")
app.add_typer(region.app, name="region")
app.add_typer(answers.breaches_app, name="breaches")

#: What is the caller's to mend; anything else is a fault of ours and shows where it happened.
REFUSED = (LayersError, GeoError, RegionError, SettingsError)


def main() -> None:
    """Run the command; a refusal is one line on standard error and exit code 1."""
    try:
        app()
    except REFUSED as error:
        sys.exit(f"patrolgrid: {_one_line(error)}")
    except DBAPIError as error:
        sys.exit(f"patrolgrid: the database refused: {_one_line(error.orig or error)}")
    except BrokenPipeError:
        sys.exit(1)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
