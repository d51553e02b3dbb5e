"""Tables of a spreadsheet (.xlsx, .ods), through GDAL: every cell a text, read as those of CSV."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyogrio

from layers.errors import BadFileError
from layers.load import table
from layers.load.plan import Plan
from layers.load.source import Source

#: Cells as they stand: no row is taken for a header, no text for a number or date.
_AS_TEXT = {
    f"OGR_{driver}_{name}": value
    for driver in ("XLSX", "ODS")
    for name, value in (("HEADERS", "DISABLE"), ("FIELD_TYPES", "STRING"))
}


def read(path: Path, plan: Plan) -> Source:
    """The rows of a spreadsheet's one filled sheet, or of ``--layer-name``. Raises BadFileError."""
    pyogrio.set_gdal_config_options(_AS_TEXT)
    try:
        filled = {str(name): _cells(path, str(name)) for name, _ in pyogrio.list_layers(path)}
    except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
        raise BadFileError(
            f"{path.name}: it cannot be read as a spreadsheet: save it again, or as CSV"
        ) from error
    filled = {name: rows for name, rows in filled.items() if rows}
    name = _chosen(path, list(filled), plan.source_layer)
    return table.of_cells(path, plan, table.of_rows(path, filled[name]))


def _cells(path: Path, sheet: str) -> list[list[str]]:
    _, found = pyogrio.raw.read_arrow(path, layer=sheet, datetime_as_string=True)
    columns = [column.to_pylist() for column in found.columns]
    rows = [["" if cell is None else str(cell) for cell in row] for row in zip(*columns)]  # noqa: B905
    return [row for row in rows if any(cell.strip() for cell in row)]


def _chosen(path: Path, sheets: list[str], asked: str | None) -> str:
    if not sheets:
        raise BadFileError(f"{path.name}: its sheets are empty: give one with rows")
    if asked is not None and asked not in sheets:
        raise BadFileError(
            f"{path.name}: it has no filled sheet {asked!r}: there are {', '.join(sheets)}"
        )
    if asked is None and len(sheets) > 1:
        raise BadFileError(
            f"{path.name}: it has several sheets ({', '.join(sheets)}): say which with --layer-name"
        )
    return asked or sheets[0]
