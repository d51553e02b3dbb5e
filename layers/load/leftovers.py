"""Parts of lines that an earlier load stored, and that a file no longer has."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection, select

from layers.load.findings import Findings
from layers.places.registry import Layer

#: What ``identity.part_ids`` makes of a line's second part and those behind it.
_PART = re.compile(r"(.+)-([2-9]|[1-9]\d+)")
_MOST_NAMED = 5


def note(connection: Connection, layer: Layer, ids: Sequence[str], findings: Findings) -> None:
    """Note what looks like a further part of a line in the file, is stored, and is not in it.

    It stays: it may as well be another line with such an id.
    """
    if "LineString" not in layer.geometries:
        return
    own, table = set(ids), layer.table
    stored = connection.execute(select(table.c.id).where(table.c.id.regexp_match("-[0-9]+$")))
    left = sorted(
        one
        for one in stored.scalars()
        if one not in own and (part := _PART.fullmatch(one)) and part[1] in own
    )
    if left:
        more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
        findings.note(
            f"stored, but not in the file: {', '.join(left[:_MOST_NAMED])}{more}: delete what was a"
            " part of a line that has fewer now"
        )
