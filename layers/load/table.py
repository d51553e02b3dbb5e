"""Tables of places: CSV, whatever stands between its cells, and what the cells of others give."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layers.errors import BadFileError
from layers.load import coordinates, odd_rows
from layers.load.encoding import decode
from layers.load.plan import Plan
from layers.load.source import LONLAT, Source, named, on_line

_QUOTED = re.compile('"[^"]*"')
_SEPARATORS = ",;\t|"
#: A polygon as WKT or GeoJSON.
_AREA = re.compile(
    r'\s*(?:SRID\s*=\s*\d+\s*;\s*)?(?:MULTI)?POLYGON|\s*\{.{0,80}"(?:Multi)?Polygon"',
    re.IGNORECASE,
)
#: Excel's own first line: which separator it is to take.
_EXCEL = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)

#: Of a file's lines, those that are looked at for its separator; and those a title may take.
_LOOK, _MOST_TITLES = 20, 5
#: How a column without a name is called, and as many of these are told.
_NAMELESS, _MOST_NAMELESS = "(column ", 10
_NUL = "holds a NUL (a character of number 0, which no text has)"


@dataclass(frozen=True, kw_only=True)
class Table:
    """The cells of a CSV file."""

    names: list[str]
    rows: list[list[str]]  #: each as long as the header
    notes: list[str]  #: which code page it was in, where that had to be found out
    #: the file's line on which each row begins; none where they follow the header line by line
    lines: Sequence[int] = ()
    #: rows that are none, blank here, and why
    broken: Mapping[int, str] = field(default_factory=dict)


def read(path: Path, plan: Plan) -> Source:
    """The rows of a CSV file; coordinates count as WGS 84. Raises BadFileError."""
    return of_cells(path, plan, read_table(path, plan.encoding))


def of_cells(path: Path, plan: Plan, table: Table) -> Source:
    """The rows of a table, each with its place. Raises BadFileError."""
    names, rows = table.names, table.rows
    where = coordinates.columns(path, plan, names, rows[:_MOST_TITLES])
    choice = plan.choose(path, names, geometry=where)
    place = {name: n for n, name in enumerate(names)}
    columns: dict[str, Sequence[Any]] = {
        name: [row[place[name]] or None for row in rows] for name in choice.theirs
    }
    cells = [[row[place[name]] for row in rows] for name in where]
    shapes, crs, notes = coordinates.read(path, where, cells)
    notes = [*notes, *coordinates.note_shifted(where, plan.datum), *choice.notes]
    # More than the columns that are kept: totals stand under any, such as a number of the row.
    odd = odd_rows.totals(shapes.found, ([row[n] for row in rows] for n in place.values()))
    odd |= odd_rows.heading(where, cells, shapes.broken)
    return Source(
        geometries=shapes.found,
        columns=named(choice, columns),
        crs=crs if crs is not None else None if plan.crs else LONLAT,
        dropped=_few(choice.dropped),
        row_word="row",
        lines=table.lines,
        mended=shapes.mended,
        broken={**shapes.broken, **odd, **table.broken},
        guessed=choice.guessed,
        notes=table.notes + notes + _areas(plan, choice.dropped, table),
    )


def _areas(plan: Plan, dropped: Sequence[str], table: Table) -> list[str]:
    """Whether a table of posts also holds their areas, which are a layer of their own."""
    if plan.layer.name != "posts":
        return []
    place = {name: n for n, name in enumerate(table.names)}
    return [
        f"column {name!r} holds areas and was not read: those of posts are the layer post_areas;"
        f" load the file as that, too, with --map wkt={name} --map post=id"
        for name in dropped
        if any(_AREA.match(row[place[name]]) for row in table.rows)
    ]


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, as ``read_table`` gives them. Raises BadFileError, for a row
    that is broken, too."""
    table = read_table(path)
    for row, why in table.broken.items():
        raise BadFileError(f"{path.name}: row {row + 1}{on_line(table.lines, row)} {why}")
    return table.names, table.rows


def read_table(path: Path, encoding: str | None = None) -> Table:
    """Header and rows of a CSV file, blank lines left out, all rows as long as the header; those
    that were not, or hold a NUL, are ``broken``, unless most are.

    Cells are separated by comma, semicolon, tab or ``|``; empty ones beyond the header's, which
    some programs write at the end of each row, are dropped. Raises BadFileError.
    """
    decoded = decode(path.name, path.read_bytes(), encoding)
    text, separator = _separator(decoded.text.removeprefix("\ufeff"))
    # A cell may be a polygon of any size; the module's own limit is 131,072 characters.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        # Blank lines, and cells of several, count as lines of the file; Excel's own first, too.
        line = first = 1 + decoded.text.count("\n") - text.count("\n")
        cells, lines = [], []
        for row in read:
            if row:
                cells.append(row)
                lines.append(line)
            line = first + read.line_num
        return of_rows(path, cells, decoded.notes, lines)
    except csv.Error as error:
        raise BadFileError(f"{path.name}: it is no CSV ({error}): mend it") from error


def of_rows(
    path: Path, cells: Sequence[list[str]], notes: Sequence[str] = (), lines: Sequence[int] = ()
) -> Table:
    """A table of rows of texts, the header first but for titles above it; ``lines`` are those of
    the file where they are known. Raises BadFileError."""
    above, told = _titles(cells), list(notes)
    if above:
        told.append(f"{_lines(above)} above the header left out: {cells[0][0].strip()[:40]!r}")
    given, *rows = cells[above:] or [[]]
    filled = [n for n, row in enumerate(rows) if any(cell.strip() for cell in row)]
    rows = [[_plain(cell) for cell in rows[n]] for n in filled]
    begins = [lines[above + 1 + n] for n in filled] if lines else []
    names = [name.strip() for name in given]
    if any("\0" in name for name in names):
        raise BadFileError(f"{path.name}: its header {_NUL}: take it out")
    names, rows = _cut(names, rows)
    named = Counter(filter(None, names))
    names = [name or f"{_NAMELESS}{n + 1})" for n, name in enumerate(names)]
    twice = sorted(name for name, count in named.items() if count > 1)
    if twice:
        raise BadFileError(f"{path.name}: two columns are called {twice[0]!r}: rename one")
    broken = _broken(path, names, rows, begins)
    names, rows = _without_empty(names, rows)
    return Table(names=names, rows=rows, notes=told, lines=_told(begins), broken=broken)


def _cut(names: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows without the last columns, as far as they have neither a name nor a value."""
    if any(any(row[len(names) :]) for row in rows):
        return names, rows  # which are broken, and told with all of their cells
    width = len(names)
    while width and not names[width - 1] and not any(any(r[width - 1 : width]) for r in rows):
        width -= 1
    return names[:width], [row[:width] for row in rows]


def _without_empty(names: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows, all as long, without columns that have neither a name nor a value."""
    kept = [
        n for n, name in enumerate(names)
        if not name.startswith(_NAMELESS) or any(row[n] for row in rows)
    ]  # fmt: skip
    if len(kept) == len(names):
        return names, rows
    return [names[n] for n in kept], [[row[n] for n in kept] for row in rows]


def _few(dropped: list[str]) -> list[str]:
    """Names of columns to tell, of those without one the first only."""
    nameless = [name for name in dropped if name.startswith(_NAMELESS)]
    if len(nameless) <= _MOST_NAMELESS:
        return dropped
    left = set(nameless[_MOST_NAMELESS:])
    return [*(name for name in dropped if name not in left), f"and {len(left)} more without a name"]


def _broken(
    path: Path, names: list[str], rows: list[list[str]], lines: Sequence[int]
) -> dict[int, str]:
    """Rows with another number of cells than the header, or with a NUL, and why they are none;
    each is made blank. Raises BadFileError where the header fits less than half of the rows."""
    ragged: dict[int, str] = {}
    found: dict[int, str] = {}
    for n, row in enumerate(rows):
        while len(row) > len(names) and not row[-1]:
            row.pop()
        if len(row) != len(names):
            ragged[n] = (
                f"has {len(row)} cells, the header {len(names)}: mend it"
                " (write numbers with a point, and quote what holds a separator)"
            )
        elif any("\0" in cell for cell in row):
            where = f", on line {lines[n]} of the file" if lines else ""
            found[n] = f"{_NUL}{where}: take it out, or leave the row out with --skip-bad"
    if 2 * len(ragged) > len(rows):
        first, why = next(iter(ragged.items()))
        raise BadFileError(f"{path.name}: row {first + 1}{on_line(_told(lines), first)} {why}")
    found |= ragged
    for n in found:
        rows[n] = [""] * len(names)
    return dict(sorted(found.items()))


def _told(lines: Sequence[int]) -> Sequence[int]:
    """Lines, unless they are those that anybody expects: the header's is the first."""
    return () if all(line == n for n, line in enumerate(lines, start=2)) else lines


def _plain(cell: str) -> str:
    """A cell without what makes a spreadsheet take it for text: ``="001"``."""
    return cell[2:-1] if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else cell


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _titles(cells: Sequence[list[str]]) -> int:
    """How many rows stand above the header: of one cell each, over one that names coordinates."""
    for n, row in enumerate(cells[:_MOST_TITLES]):
        if sum(bool(cell.strip()) for cell in row) > 1:
            return n if coordinates.are_named(row) else 0
    return 0


def _separator(text: str) -> tuple[str, str]:
    """The text from its header on, and what stands between its cells: what cuts the first lines
    into as many each, else what stands most often in the header."""
    excel = _EXCEL.match(text)
    if excel and excel[1] in _SEPARATORS:
        return text[excel.end() :], excel[1]
    first = list(itertools.islice((line for line in io.StringIO(text) if line.strip()), _LOOK))
    counts = {one: [_QUOTED.sub("", line).count(one) for line in first] for one in _SEPARATORS}
    even = [one for one, count in counts.items() if count and count[0] and len(set(count)) == 1]
    if len(even) == 1 and len(first) > 1:
        return text, even[0]
    head = next((n for n in range(len(first)) if any(c[n] for c in counts.values())), 0)
    return text, max(_SEPARATORS, key=lambda one: counts[one][head] if first else 0)
