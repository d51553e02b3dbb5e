"""Which of a file's columns are kept, and under which of our names; the rest is never read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from geo import datum as datums
from geo.datum import Datum
from layers.errors import BadFileError, BadValueError
from layers.load import headers, persons
from layers.load.moments import ORDERS, Order
from layers.places import Layer

#: Where a CSV keeps its coordinates; mapped like columns, but none of the layer's.
COORDINATES = ("lon", "lat", "wkt")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is read of a file."""

    columns: Mapping[str, str]  #: our name → the file's
    dropped: list[str]  #: the file's other columns, in their order
    guessed: Mapping[str, str] = field(default_factory=dict)  #: of ``columns``, what words told
    notes: list[str] = field(default_factory=list)  #: what may be ours and was not taken

    @property
    def theirs(self) -> list[str]:
        """The file's columns to read, each once."""
        return list(dict.fromkeys(self.columns.values()))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the columns of one file become those of one layer."""

    layer: Layer
    mapping: Mapping[str, str] = field(default_factory=dict)  #: our name → the file's
    settings: Mapping[str, Any] = field(default_factory=dict)  #: column → value of all rows
    crs: str | None = None  #: for a file that declares none
    source_layer: str | None = None  #: which of a file's several layers
    datum: Datum | None = None  #: that the coordinates are shifted by
    encoding: str | None = None  #: the code page of the file's texts
    zone: ZoneInfo | None = None  #: of times that name none
    #: column → what means missing, as texts and (where these are any) as values
    unknown: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    dates: Order | None = None  #: whether day or month is first in 03/01/2026

    @classmethod
    def of(
        cls,
        layer: Layer,
        *,
        mapping: Mapping[str, str],
        settings: Mapping[str, object],
        crs: str | None,
        source_layer: str | None = None,
        datum: str | None = None,
        encoding: str | None = None,
        time_zone: str | None = None,
        unknown: Mapping[str, object] | None = None,
        dates: str | None = None,
    ) -> Plan:
        """Check names and values. Raises BadFileError."""
        persons.check_mapping(mapping)
        for ours, theirs in mapping.items():
            if ours not in ("id", *COORDINATES, *layer.writable):
                raise BadFileError(
                    f"--map {ours}={theirs}: {ours!r} is no column of {layer.name}: write"
                    f" OURS=THEIRS, where OURS is one of id, {', '.join(layer.writable)}"
                )
            if ours in settings:
                raise BadFileError(f"--map {ours} and --set {ours}: choose one of them")
        return cls(
            layer=layer,
            mapping=dict(mapping),
            settings={
                name: _value("--set", layer, name, value) for name, value in settings.items()
            },
            crs=crs,
            source_layer=source_layer,
            datum=_datum(datum),
            encoding=encoding,
            zone=_zone(time_zone),
            unknown={name: _unknown(layer, name, value) for name, value in (unknown or {}).items()},
            dates=_order(dates),
        )

    def unknown_texts(self, column: str) -> set[str]:
        """What means missing in a column, as it is written."""
        return {one for one in self.unknown.get(column, ()) if isinstance(one, str)}

    def choose(self, file: Path, names: Sequence[str], *, geometry: Sequence[str] = ()) -> Choice:
        """Match the file's column ``names``; those of its ``geometry`` are not told as dropped.

        A name that differs from ours only in case counts, and so does what ``headers`` knows for
        certain. Raises BadFileError for a mapped column that the file does not have.
        """
        for ours, theirs in self.mapping.items():
            if ours in COORDINATES and not geometry:
                raise BadFileError(f"--map {ours}={theirs}: lon, lat and wkt are for CSV files")
            if theirs not in names:
                near = difflib.get_close_matches(theirs, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else "."
                raise BadFileError(
                    f"{file.name}: it has no column {theirs!r} for {ours}{hint}"
                    f" It has {', '.join(names) or 'none'}"
                )
        columns = {}
        for ours in ("id", *self.layer.writable):
            found = self.mapping.get(ours) or _own_name(ours, names)
            if found is not None and ours not in self.settings:
                columns[ours] = found
        guessed = self._guess(
            names, {*columns.values(), *geometry, *self.mapping.values()}, columns
        )
        columns |= guessed.columns
        ignored = {*columns.values(), *geometry, *self.mapping.values()}
        # What is computed here is in our own exports; nobody misses it.
        ignored |= {c.name for c in self.layer.columns.values() if c.read_only}
        ignored |= {name for name in names if name.lower() in self.settings}
        return Choice(
            columns=columns,
            dropped=[name for name in names if name not in ignored],
            guessed=guessed.columns,
            notes=guessed.notes,
        )

    def _guess(
        self, names: Sequence[str], taken: set[str], known: Mapping[str, str]
    ) -> headers.Guessed:
        """What the words of other languages say of columns that are neither named nor set."""
        ours = ("id", *self.layer.writable)
        return headers.guess(
            [name for name in names if name not in taken],
            [one for one in ours if one not in known and one not in self.settings],
            persons.is_of_persons,
        )


def _own_name(ours: str, names: Sequence[str]) -> str | None:
    if ours in names:
        return ours
    alike = [name for name in names if name.lower() == ours]
    return alike[0] if len(alike) == 1 else None


def _value(option: str, layer: Layer, name: str, value: object) -> Any:
    """What an option says of a column, checked. Raises BadFileError."""
    if name not in layer.writable:
        raise BadFileError(
            f"{option} {name}: it is no column of {layer.name}: choose one of"
            f" {', '.join(layer.writable)}"
        )
    try:
        return layer.columns[name].parse(value)
    except BadValueError as error:
        raise BadFileError(f"{option} {name}: {error}") from error


def _unknown(layer: Layer, name: str, said: object) -> tuple[Any, ...]:
    """What ``--unknown`` says of a column, one value or several. Raises BadFileError."""
    given = list(said) if isinstance(said, list | tuple) else [said]
    if name not in layer.writable:
        _value("--unknown", layer, name, None)
    found: list[Any] = []
    for one in given:
        if isinstance(one, str):
            found.append(one.strip())
        try:
            found.append(layer.columns[name].parse(one))
        except BadValueError:
            # A word that no value of the column can be still is in the file.
            if not isinstance(one, str):
                _value("--unknown", layer, name, one)
    return tuple(found)


def _order(given: str | None) -> Order | None:
    found = next((order for order in ORDERS if order == given), None)
    if given is not None and found is None:
        raise BadFileError(f"--dates {given}: it is none of {', '.join(ORDERS)}")
    return found


def _datum(given: str | None) -> Datum | None:
    found = next((name for name in datums.NAMES if name == (given or "").lower()), None)
    if given is not None and found is None:
        raise BadFileError(f"--datum {given}: it is none of {', '.join(datums.NAMES)}")
    return found


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadFileError(
            f"--time-zone {name}: there is no such zone: give one such as Asia/Shanghai"
        ) from error
