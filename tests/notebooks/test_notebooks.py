"""Every notebook runs from top to bottom on the running demo and shows what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from service import Service

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
by_name = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def _code(notebook: Path) -> list[Any]:
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def _shown(cells: list[Any]) -> list[dict[str, Any]]:
    """Everything that the cells show, by media type."""
    return [output["data"] for cell in cells for output in cell.outputs if "data" in output]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@by_name
def test_a_notebook_is_kept_without_what_it_showed(notebook: Path) -> None:
    for cell in _code(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


@by_name
def test_the_readme_of_the_notebooks_names_it(notebook: Path) -> None:
    assert f"`{notebook.name}`" in (FOLDER / "README.md").read_text()


@by_name
def test_a_notebook_runs_on_the_demo_and_shows_a_picture_and_a_map(
    notebook: Path, demo_service: Service
) -> None:
    opened = nbformat.read(notebook, as_version=4)
    environment = {**demo_service.environment, "PYTHONPATH": str(FOLDER.parent)}
    client = nbclient.NotebookClient(
        opened, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute(env=environment)
    shown = _shown([cell for cell in opened.cells if cell.cell_type == "code"])
    assert any("image/png" in data for data in shown)
    assert any("leaflet" in data.get("text/html", "").lower() for data in shown)
    errors = [o for c in opened.cells for o in c.get("outputs", []) if o["output_type"] == "error"]
    assert errors == []
