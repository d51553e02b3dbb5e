"""The tables of the static layers, as the migrations made them (a test holds them against it)."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.schema import SchemaItem

#: The schema is the connection's (``layers.db.engine`` sets the search path).
metadata = MetaData()
#: Read like tables; the database computes them.
views = MetaData()


def _layer(name: str, geometry: str, *own: SchemaItem, among: MetaData = metadata) -> Table:
    """A layer's table: id and names, its own columns, geometry in degrees and in tiles' metres."""
    return Table(
        name,
        among,
        Column("id", Text, primary_key=True),
        *(Column(column, Text) for column in ("name", "name_zh", "name_mn", "name_en")),
        *own,
        Column("geom", Geometry(geometry, srid=4326, spatial_index=False), nullable=False),
    )


def _text(name: str, default: str | None = None) -> Column[str]:
    """A text column that must be filled; the database fills it with ``default``."""
    return Column(name, Text, nullable=False, server_default=default)


def _number(name: str, default: str) -> Column[float]:
    return Column(name, Double, nullable=False, server_default=default)


grids = _layer(
    "grids",
    "MULTIPOLYGON",
    _text("level"),
    Column("parent", Text, ForeignKey("grids.id", deferrable=True, initially="DEFERRED")),
    _text("kind", "rural"),
    Column("team", Text),
    Column("area_m2", Double, nullable=False),
)

settlements = _layer("settlements", "POINT", Column("households", Integer))

checkpoints = _layer(
    "checkpoints",
    "POINT",
    _text("kind", "staffed"),
    Column("last_heartbeat", DateTime(timezone=True)),
)

posts = _layer("posts", "POINT", Column("team", Text))

post_areas = _layer(
    "post_areas",
    "MULTIPOLYGON",
    Column(
        "post",
        Text,
        ForeignKey("posts.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
    ),
)

cameras = _layer(
    "cameras",
    "POINT",
    Column("site", Text),
    Column("bearing_deg", Double),
    Column("fov_deg", Double),
    Column("range_m", Double),
    Column("last_heartbeat", DateTime(timezone=True)),
)

roads = _layer(
    "roads",
    "LINESTRING",
    _text("class", "unclassified"),
    Column("surface", Text),
    _text("oneway", "no"),
    Column("speed_kmh", Double),
    Column("bridge", Boolean, nullable=False, server_default="false"),
    Column("tunnel", Boolean, nullable=False, server_default="false"),
)

border = _layer("border", "LINESTRING", _number("chainage_start_km", "0"))

_RULES = ("rule", "direction", "margin_m", "dwell_s", "active", "applies_to", "severity")

fences = _layer(
    "fences",
    "GEOMETRY",
    _text("rule"),
    _text("direction", "any"),
    _number("margin_m", "0"),
    _number("dwell_s", "0"),
    Column("active", JSONB(none_as_null=True)),
    Column("applies_to", JSONB(none_as_null=True)),
    _text("severity", "medium"),
    Column("valid_from", DateTime(timezone=True)),
    Column("version", Integer, nullable=False, server_default="1"),
)

fence_versions = Table(
    "fence_versions",
    metadata,
    Column("fence", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("valid_from", DateTime(timezone=True)),
    Column("valid_to", DateTime(timezone=True)),
    Column("number", Integer, nullable=False),
    Column("name", Text),
    *(Column(name, fences.c[name].type, nullable=fences.c[name].nullable) for name in _RULES),
    Column("geom", Geometry("GEOMETRY", srid=4326, spatial_index=False), nullable=False),
)

unattended = _layer(
    "unattended",
    "MULTIPOLYGON",
    Column("level", Text),
    Column("parent", Text),
    Column("area_m2", Double),
    Column("unattended_share", Double),
    among=views,
)
