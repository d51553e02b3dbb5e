"""What of the layers goes into tiles, read from PostGIS into the plane of the tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import shapely
from sqlalchemy import Connection, text

from geo import earth
from geo import tiles as engine
from geo.errors import OutOfRangeError
from geo.tiles.encoding import wide_bounds
from layers.db.engine import raw
from layers.errors import NoSuchLayerError
from layers.places import LAYERS, canonical

MOST_ZOOM = 22
_ROUNDING_DEG = 1e-9

#: The fields of each layer in tiles; ``id`` is before them. JSON is for the JSON answers.
FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(c.name for c in layer.columns.values() if c.kind != "json")
     for name, layer in LAYERS.items()}
    | {"breaches": ("name", "unit", "fence", "rule", "severity", "state", "evidence",
                    "entered_at", "exited_at")}
)  # fmt: skip

#: Where a layer's rows come from: its own table, but for
_SOURCES = {
    "breaches": (
        "(SELECT b.id::text AS id, b.id AS number, coalesce(v.name, b.fence) AS name, b.unit,"
        " coalesce(v.name, b.fence) AS fence, b.rule, b.severity, b.state, b.evidence,"
        " b.entered_at, b.exited_at, b.geom"
        " FROM breaches b LEFT JOIN fence_versions v"
        " ON v.fence = b.fence AND v.version = b.fence_version WHERE b.state <> 'withdrawn')"
    )
}
#: By what features that are very many, and smaller than a pixel, are drawn apart.
_GROUPS = {"grids": "level", "unattended": "level", "fences": "rule", "roads": "class"}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Features of one layer, ready for tiles."""

    ids: list[str]
    shapes: engine.Shapes
    fields: engine.Fields
    group: np.ndarray | None  #: see ``geo.tiles.Part``


def drawn(asked: str | None) -> tuple[str, ...]:
    """The layers that a request names, comma-separated, singular or plural; the places without.

    Raises NoSuchLayerError.
    """
    if not asked:
        return tuple(name for name, layer in LAYERS.items() if not layer.read_only)
    parts = [part.strip() for part in asked.split(",")]
    return tuple(
        dict.fromkeys(part if part in FIELDS else canonical(part) for part in parts if part)
    )


def check(layers: Sequence[str], z: int, x: int, y: int) -> None:
    """Raise NoSuchLayerError, or OutOfRangeError for a tile that is not of this world."""
    if not 0 <= z <= MOST_ZOOM:
        raise OutOfRangeError(f"tile {z}/{x}/{y}: z is 0 to {MOST_ZOOM}")
    most = (1 << z) - 1
    if not (0 <= x <= most and 0 <= y <= most):
        raise OutOfRangeError(f"tile {z}/{x}/{y}: at zoom {z}, x and y are 0 to {most}")
    wrong = [name for name in layers if name not in FIELDS]
    if wrong:
        raise NoSuchLayerError(f"{wrong[0]}: no such layer in tiles; there are {', '.join(FIELDS)}")


def tile(connection: Connection, z: int, x: int, y: int, layers: Sequence[str]) -> bytes:
    """The tile z/x/y with ``layers``, as Mapbox Vector Tile bytes; empty where nothing is.

    Reads what the tile needs and keeps nothing: for one tile now and then. Raises as ``check``.
    """
    check(layers, z, x, y)
    box = wide_bounds(z, x, y)
    found = {name: read(connection, name, box=box) for name in layers}
    of = share(len(rows.ids) for rows in found.values())
    return b"".join(encode(name, [(rows, None)], z, x, y, of) for name, rows in found.items())


def share(sizes: Iterable[int], beside: int = 0) -> float:
    """How much of a tile's bytes each layer may take that has many features, of layers so large
    and so many large ones beside them."""
    return 1 / max(1, beside + sum(size > engine.MANY for size in sizes))


def encode(
    name: str, held: Sequence[tuple[Rows, np.ndarray | None]], z: int, x: int, y: int,
    share: float = 1.0,
) -> bytes:  # fmt: skip
    """A layer of a tile from rows and which of them meet it (None: all).

    ``share`` is how much of the tile's bytes it may take, as of ``share``.
    """
    parts = [
        engine.Part(
            shapes=rows.shapes,
            fields=rows.fields,
            found=np.arange(len(rows.shapes)) if found is None else found,
            group=rows.group,
        )
        for rows, found in held
    ]
    return engine.encode(name, parts, z, x, y, share=share)


def read(
    connection: Connection,
    name: str,
    *,
    ids: Sequence[str] | None = None,
    box: Sequence[float] | None = None,
) -> Rows:
    """The layer's features, by id: all, those of ``ids``, or those that meet ``box`` (metres)."""
    fields = FIELDS[name]
    where = "true"
    given: dict[str, object] = {}
    if ids is not None:
        where = "id = ANY(%(ids)s)"
        given = {"ids": list(ids)}
    if box is not None:
        meets = "geom && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4326)"
        where += f" AND {meets}"
        given = dict(zip("wsen", _degrees(box), strict=True))
        within = LAYERS[name].within if name in LAYERS else None
        if within is not None:
            # What is computed has no index of its own.
            where += f" AND id IN (SELECT id FROM {within.name} WHERE {meets})"
    columns = ", ".join(f'"{field}"' for field in fields)
    statement = (
        f"SELECT id, ST_AsBinary(geom), {columns} FROM {_SOURCES.get(name, name)} t"
        f' WHERE {where} ORDER BY id COLLATE "C"'
    )
    # The driver's own cursor: 200,000 rows cost a third of what they do through SQLAlchemy.
    with raw(connection).cursor(binary=True) as cursor:
        cursor.execute(statement.encode(), given)
        cells = list(zip(*cursor.fetchall(), strict=True)) or [()] * (len(fields) + 2)
    named = {field: _plain(values) for field, values in zip(fields, cells[2:], strict=True)}
    return Rows(
        ids=list(cells[0]),
        shapes=engine.Shapes.of_degrees(shapely.from_wkb(np.array(cells[1], dtype=object))),
        fields=engine.Fields.of(cells[0], named),
        group=_group(name, named),
    )


def _degrees(box: Sequence[float]) -> list[float]:
    """A box in metres of the tiles' plane in degrees, wider by what rounding may take."""
    corners = earth.unmercator(np.array(box, dtype=float).reshape(2, 2))
    return [*(corners[0] - _ROUNDING_DEG).tolist(), *(corners[1] + _ROUNDING_DEG).tolist()]


def extent(connection: Connection, layers: Sequence[str]) -> tuple[float, ...] | None:
    """West, south, east, north of these layers in degrees; None when they are empty."""
    each = " UNION ALL ".join(
        f"SELECT ST_Extent(geom)::geometry AS box FROM {_DEGREES.get(name, name)}"
        for name in layers
    )
    row = connection.execute(
        text(
            "SELECT ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)"
            f" FROM (SELECT ST_Extent(box) AS b FROM ({each}) each_of) whole"
        )
    ).one()
    return None if row[0] is None else tuple(map(float, row))


_DEGREES = {"breaches": "(SELECT geom FROM breaches WHERE state <> 'withdrawn') b"}


def _plain(values: Sequence[object]) -> Sequence[object]:
    """A column as tiles have it: times as RFC 3339 has them."""
    if datetime not in set(map(type, values)):
        return values
    return [
        value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for value in values
    ]


def _group(name: str, named: Mapping[str, Sequence[object]]) -> np.ndarray | None:
    column = _GROUPS.get(name)
    if column is None:
        return None
    values = [str(value) for value in named[column]]
    return np.unique(values, return_inverse=True)[1].astype(np.int32) if values else None
