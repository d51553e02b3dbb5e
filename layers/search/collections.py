"""What may be searched: every layer, and the breaches; nothing else has a name here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from geoalchemy2 import Geometry
from sqlalchemy import Boolean, Connection, DateTime, Double, Integer, Table, Text, column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from layers import versions
from layers.errors import NoSuchLayerError
from layers.places import LAYERS, Column, Layer
from layers.versions import DataVersion

#: What a breach is read from, as in /api/breaches.
_BREACH_READS = ("breaches", "fences", "units")
_TYPES: dict[str, TypeEngine[Any]] = {
    "text": Text(), "integer": Integer(), "number": Double(), "boolean": Boolean(),
    "time": DateTime(timezone=True), "json": JSONB(),
}  # fmt: skip
_TEXTS = ("unit", "call_sign", "fence", "fence_id", "rule", "severity", "direction", "state",
          "evidence")  # fmt: skip
_TIMES = ("entered_at", "entered_earliest", "entered_latest", "exited_at", "exited_earliest",
          "exited_latest")  # fmt: skip
_COLUMNS = (
    *(Column(name=name, read_only=True) for name in _TEXTS),
    Column(name="fence_version", kind="integer", read_only=True),
    *(Column(name=name, kind="time", read_only=True) for name in _TIMES),
    Column(name="unknown_s", kind="number", read_only=True),
    Column(name="revision", kind="integer", read_only=True),
)


def _breaches() -> Layer:
    selected = text(Path(__file__).with_name("breaches.sql").read_text().replace("::", r"\:\:"))
    rows = selected.columns(
        column("id", Text()),
        *(column(one.name, _TYPES[one.kind]) for one in _COLUMNS),
        column("geom", Geometry("POINT", srid=4326)),
    ).subquery("breaches")
    return Layer(
        name="breaches",
        alias="breach",
        table=cast(Table, rows),  # read alone: all that is asked of it is its columns
        geometries=("Point",),
        columns=MappingProxyType({one.name: one for one in _COLUMNS}),
        titles=MappingProxyType({"en": "Breaches", "zh": "闯入事件", "mn": "Зөрчлүүд"}),
    )


BREACHES = _breaches()
#: Columns with the first and the last moment that a feature is about; None: it has no end yet.
#: Of other layers it is the first column of time, as an instant.
_SPANS: dict[str, tuple[str, str | None]] = {
    "breaches": ("entered_at", "exited_at"),
    "fences": ("valid_from", None),
}


def collections() -> Iterator[Layer]:
    """Everything that may be searched, in the order in which it is listed."""
    yield from LAYERS.values()
    yield BREACHES


def collection(name: str) -> Layer:
    """The collection of exactly that name. Raises NoSuchLayerError."""
    for one in collections():
        if one.name == name:
            return one
    raise NoSuchLayerError(
        f"{name[:60]!r} is no collection: there are {', '.join(c.name for c in collections())}"
    )


def time_columns(of: Layer) -> tuple[str, str | None] | None:
    """Columns of the first and last moment of a feature; None for what is of all time."""
    if of.name in _SPANS:
        return _SPANS[of.name]
    times = [one.name for one in of.columns.values() if one.kind == "time"]
    return (times[0], times[0]) if times else None


def version(connection: Connection, *of: Layer) -> DataVersion:
    """The version of what these collections are read from."""
    names = {name for one in of for name in (_BREACH_READS if one is BREACHES else (one.name,))}
    return versions.read(connection, sorted(names))
