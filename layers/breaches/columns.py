"""Rows of a walk as columns of breaches: how a statement takes them, and what it is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.breaches import Fences
from geo.breaches.judge import keys_of
from geo.breaches.records import MISSING
from layers.breaches.told import TIMES, WAYS, ways
from layers.db import arrays

Rows = NDArray[np.void]
#: Columns and the types that their arrays have on the way; a time of "-infinity" and a text of ""
#: are missing.
_TEXTS = (
    "unit", "fence", "rule", "severity", "direction", "visit", "state", "evidence",
)  # fmt: skip
_TYPES = (
    *["text"] * len(_TEXTS), *["timestamptz"] * len(TIMES), "int", "float8", "float8", "float8",
)  # fmt: skip
#: What an ``unnest`` of GIVEN is called, and which columns of breaches are stored from it.
NAMES = (*_TEXTS, *TIMES, "fence_version", "unknown_s", "lon", "lat")
STORED = (*_TEXTS, *TIMES, "fence_version", "unknown_s", "geom")
GIVEN = ", ".join(f"%s::{kind}[]" for kind in _TYPES)


def value(name: str) -> str:
    """A stored column of what was given, which the statement calls r."""
    if name == "geom":
        return "ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326)"
    if name == "direction":
        return "nullif(r.direction, '')"
    return f"nullif(r.{name}, '-infinity')" if name in TIMES else f"r.{name}"


def visits(rows: Rows, units: list[str], fences: Fences) -> list[str]:
    """Which visit each row is of."""
    return keys_of(rows, _named(rows["unit"], units), _named(rows["fence"], fences.ids))


def packed(rows: Rows, visits: list[str], units: list[str], fences: Fences) -> list[arrays.Packed]:
    """``rows`` (RECORD) as GIVEN; ``visits`` says of each which visit it is of."""
    fence = rows["fence"]
    texts = {
        "unit": _named(rows["unit"], units),
        "fence": _named(fence, fences.ids),
        "rule": _named(fence, fences.rules),
        "severity": _named(fence, fences.severities),
        "direction": _named(ways(rows), WAYS),
        "visit": visits,
        "state": _named(rows["exit_us"] != MISSING, ("open", "closed")),
        "evidence": _named(rows["confirmed"] != 0, ("probable", "confirmed")),
    }
    versions = np.asarray(fences.versions, dtype=np.int64)[fence]
    return [
        *(arrays.texts(texts[name]) for name in _TEXTS),
        *(arrays.times_or_never(rows[field]) for field in TIMES.values()),
        arrays.int4(versions),
        *(arrays.float8(v) for v in (rows["unknown_us"] / 1e6, rows["lon"], rows["lat"])),
    ]


def _named(codes: NDArray[np.integer | np.bool_], names: list[str] | tuple[str, ...]) -> list[str]:
    return [names[code] for code in codes.tolist()]
