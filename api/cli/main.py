"""The command's entry: its commands, loaded when they are named, and one line for a refusal."""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Any

import psycopg
import typer
from sqlalchemy.exc import DBAPIError
from typer.core import TyperGroup
from typer.exceptions import TyperException

from api.settings import SettingsError
from geo.errors import GeoError
from layers.errors import LayersError
from layers.region import RegionError

#: Where each command lives. Only the one that is named is imported: geopandas and numba take
#: seconds to import, and `patrolgrid token create` needs neither.
COMMANDS = {
    "run": "run", "serve": "serve", "worker": "worker", "doctor": "doctor",
    "load": "load", "export": "data", "grid": "data", "grids": "grids", "ingest": "ingest",
    "history": "changes", "undo": "changes",
    "coverage": "answers", "plan": "plan", "response": "answers", "breaches": "breaches",
    "quarantine": "quarantine", "hold": "hold",
    "replay": "replay", "db": "db", "token": "token", "region": "region",
}  # fmt: skip


class Commands(TyperGroup):
    """The commands by name; a module with several commands has them by the same names."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Their names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now; Typer has its classes in a private package."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        loaded: Any = typer.main.get_command(importlib.import_module(f"api.cli.{module}").app)
        if module == cmd_name:
            return loaded
        return loaded.get_command(ctx, cmd_name)


app = typer.Typer(
    name="patrolgrid",
    cls=Commands,
    help="Patrol coverage, geofence breaches and 1-3-5-minute response areas, on PostGIS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def patrolgrid() -> None:
    """Patrol coverage, geofence breaches and 1-3-5-minute response areas, on PostGIS."""


#: What is the caller's to mend; anything else is a fault of ours and shows where it happened.
REFUSED = (LayersError, GeoError, RegionError, SettingsError)


def main() -> None:
    """Run the command; a refusal is one line on standard error and exit code 1 (wrong usage: 2)."""
    try:
        sys.exit(app(prog_name="patrolgrid", standalone_mode=False))
    except TyperException as error:
        # A group without a command shows its help by itself and has nothing to add.
        if error.format_message().strip():
            print(_usage(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except REFUSED as error:
        sys.exit(f"patrolgrid: {_one_line(error)}")
    except (DBAPIError, psycopg.Error) as error:
        reason = getattr(error, "orig", None) or error
        sys.exit(f"patrolgrid: the database refused: {_one_line(reason)}")
    except BrokenPipeError:
        sys.exit(1)
    finally:
        # Python's last walks through all modules, in search of cycles, take a third of a second.
        gc.freeze()


def _usage(error: TyperException) -> str:
    """What is wrong with the command line and where to read how it is right; or the help."""
    said = error.format_message()
    if "\n" in said:
        return said
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "patrolgrid"
    return f"{path}: {said.rstrip('.')}: see `{path} --help`"


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
