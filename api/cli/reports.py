"""What a load found, as a file that a program reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import typer


def check_target(path: Path | None) -> None:
    """Refuse a report that cannot be written before anything is stored."""
    if path is not None and (path.is_dir() or not os.access(path.absolute().parent, os.W_OK)):
        raise typer.BadParameter(f"{path} cannot be written: name a file in a folder that is there")


def write_report(path: Path | None, content: dict[str, Any]) -> None:
    """Write a report as JSON, if one is asked for."""
    if path is not None:
        text = json.dumps(content, ensure_ascii=False, indent=2)
        path.write_text(text + "\n", encoding="utf-8")
