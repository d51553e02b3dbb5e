"""Values that say what ours say by another convention: written as ours, and told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from layers.load.findings import Findings
from layers.places import Layer
from layers.places.columns import shown

#: Line ends and tabs; all other control characters are refused with their row.
_BROKEN = re.compile(r"\s*[\t\n\v\f\r\x85\u2028\u2029]\s*")
#: West of north by its sign, as half of all compasses have it.
_WEST = re.compile(r"\s*-(\d{1,3}(?:[.,]\d+)?)\s*°?\s*")
_FULL_DEG = 360.0


def tidy(
    layer: Layer, columns: Mapping[str, Sequence[Any]], levels: Sequence[str], findings: Findings
) -> dict[str, Sequence[Any]]:
    """Columns with levels as the region writes them, bearings of 0 to 360, texts of one line.

    A level that is none of ``levels`` is refused with its row; without these any may be.
    """
    out = dict(columns)
    for name, values in columns.items():
        column = layer.columns.get(name)
        if name == "level" and levels:
            out[name] = _levels(values, levels, findings)
        elif name == "bearing_deg":
            out[name] = _bearings(values, findings)
        elif column is not None and column.kind == "text":
            out[name] = _one_line(name, values, findings)
    return out


def _levels(values: Sequence[Any], levels: Sequence[str], findings: Findings) -> Sequence[Any]:
    known = {_plain(level): level for level in levels}
    texts = {value for value in values if isinstance(value, str) and value.strip()}
    other = {text: known.get(_plain(text)) for text in texts if text not in levels}
    if not other:
        return values
    for row, value in enumerate(values):
        if isinstance(value, str) and value in other:
            found = other[value]
            if found is None:
                findings.refuse(
                    row, f"level is {shown(value.strip())}: the region has {', '.join(levels)}"
                )
            else:
                findings.repair(row, f"level {shown(value)} was read as {found}")
    return [other.get(one, one) if isinstance(one, str) else one for one in values]


def _plain(level: str) -> str:
    return "".join(level.split()).casefold()


def _bearings(values: Sequence[Any], findings: Findings) -> Sequence[Any]:
    """-180 to 0 is counted from north to the west."""
    out = list(values)
    for row, value in enumerate(values):
        found = _WEST.fullmatch(str(value)) if isinstance(value, str | float | int) else None
        if found is None:
            continue
        west_deg = float(found[1].replace(",", "."))
        if 0 < west_deg <= _FULL_DEG / 2:
            out[row] = _FULL_DEG - west_deg
            findings.repair(row, f"bearing_deg {shown(value)} was read as {out[row]:g}")
    return out


def _one_line(name: str, values: Sequence[Any], findings: Findings) -> Sequence[Any]:
    texts = [value for value in values if isinstance(value, str)]
    if not _BROKEN.search("".join(texts)):
        return values
    broken = {
        text: _BROKEN.sub(" ", text.strip()) for text in set(texts) if _BROKEN.search(text.strip())
    }
    for row, value in enumerate(values):
        if isinstance(value, str) and value in broken:
            findings.repair(row, f"{name} {shown(value)} has a line end or tab: read as a blank")
    return [broken.get(one, one) if isinstance(one, str) else one for one in values]
