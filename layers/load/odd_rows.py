"""Rows of a table that are no rows: totals beneath it, and a second row of its heading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from layers.places.columns import shown
from layers.places.judged import Geometries

#: What stands at the beginning of a row of totals, before a colon and without blanks.
_TOTALS = {
    "合计", "总计", "小计", "共计", "总数", "总和", "累计", "汇总",
    "нийт", "бүгд", "дүн", "нийтдүн", "нийлбэр", "бүгддүн",
    "итого", "всего", "итог", "общийитог", "сумма",
    "total", "totals", "grandtotal", "subtotal", "sum",
}  # fmt: skip
_OUT = "take it out, or leave it out with --skip-bad"


def totals(geometries: Geometries, columns: Iterable[Sequence[Any]]) -> dict[int, str]:
    """Rows without geometry in which a cell is a word for totals, and why each is refused."""
    absent = np.flatnonzero(shapely.is_missing(geometries) | shapely.is_empty(geometries)).tolist()
    if not absent:
        return {}
    found: dict[int, str] = {}
    for values in columns:
        for row in absent:
            if isinstance(values[row], str) and _is_total(values[row]):
                found.setdefault(
                    row,
                    f"has no geometry, and as {shown(values[row].strip())} says looks like a row"
                    f" of totals: {_OUT}",
                )
    return found


def _is_total(text: str) -> bool:
    return "".join(text.split()).rstrip(":：.").casefold() in _TOTALS


def heading(
    names: Sequence[str], cells: Sequence[Sequence[str]], broken: Mapping[int, str]
) -> dict[int, str]:
    """The first row, where it holds no place but words, as a heading does, and others are fine.

    ``names`` are the columns of places, ``cells`` theirs; ``broken`` the rows that are none.
    """
    rows = len(cells[0])
    if 0 not in broken or len(broken) == rows:
        return {}
    said = [column[0].strip() for column in cells]
    if not all(said) or any(letter.isdigit() for one in said for letter in one):
        return {}
    held = " and ".join(map(shown, said))
    return {0: f"holds {held} under {' and '.join(names)}, again what looks like a heading: {_OUT}"}
