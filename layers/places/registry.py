"""The static layers: their names, tables, geometry and columns, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Table

from layers import versions
from layers.errors import NoSuchLayerError, ReadOnlyLayerError
from layers.places import fences, tables
from layers.places.columns import Column

#: What stands before every layer's own columns.
NAMES = tuple(Column(name=name) for name in ("name", "name_zh", "name_mn", "name_en"))


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A static layer."""

    name: str  #: in URLs, commands, tiles and as the table's name
    alias: str  #: the singular, also understood
    table: Table
    geometries: tuple[str, ...]  #: the GeoJSON types that are stored
    columns: Mapping[str, Column]  #: names first, then its own; neither id nor geometry
    titles: Mapping[str, str]  #: by language: en, zh, mn
    read_only: bool = False  #: computed from its sources; its table is a view
    within: Table | None = None  #: whose features of the same ids hold its own: has the index

    @property
    def sources(self) -> tuple[str, ...]:
        """The layers whose versions make up its own."""
        return versions.SOURCES.get(self.name, (self.name,))

    def check_writable(self) -> None:
        """Raise ReadOnlyLayerError for a layer that is computed."""
        if self.read_only:
            raise ReadOnlyLayerError(
                f"{self.name} is computed from {' and '.join(self.sources)}: change those instead"
            )

    @property
    def writable(self) -> tuple[str, ...]:
        """The columns that come from outside."""
        return tuple(c.name for c in self.columns.values() if not c.read_only)

    @property
    def references(self) -> Mapping[str, str]:
        """Columns that hold ids, and the layer that these are ids of."""
        return {c.name: c.refers for c in self.columns.values() if c.refers}


_TEAM = Column(name="team")
_HEARTBEAT = Column(name="last_heartbeat", kind="time")
_POLYGON, _LINE, _POINT = ("MultiPolygon",), ("LineString",), ("Point",)

_GRIDS = (
    Column(name="level", needed=True),
    Column(name="parent", refers="grids"),
    Column(name="kind", default="rural", choices=("rural", "urban", "dedicated")),
    _TEAM,
    Column(name="area_m2", kind="number", read_only=True),
)
_CHECKPOINTS = (
    Column(name="kind", default="staffed", choices=("staffed", "electronic")),
    _HEARTBEAT,
)
_CAMERAS = (
    Column(name="site"),
    Column(name="bearing_deg", kind="number", least=0, most=360),
    Column(name="fov_deg", kind="number", above=0, most=360),
    Column(name="range_m", kind="number", above=0, most=100_000),
    _HEARTBEAT,
)
#: As OpenStreetMap and others write it.
ONEWAY = {
    **dict.fromkeys(("forward", "yes", "true", "1", "1.0"), "forward"),
    **dict.fromkeys(("backward", "reverse", "-1", "-1.0"), "backward"),
    **dict.fromkeys(("no", "false", "0", "0.0"), "no"),
}
_ROADS = (
    Column(name="class", default="unclassified"),
    Column(name="surface"),
    Column(name="oneway", default="no", choices=("no", "forward", "backward"), also=ONEWAY),
    Column(name="speed_kmh", kind="number", above=0, most=300),
    Column(name="bridge", kind="boolean", default=False),
    Column(name="tunnel", kind="boolean", default=False),
)
_FENCES = (
    Column(name="rule", needed=True, choices=fences.RULES),
    Column(name="direction", default="any", choices=fences.DIRECTIONS),
    Column(name="margin_m", kind="number", default=0.0, least=0, most=100_000),
    Column(name="dwell_s", kind="number", default=0.0, least=0, most=31_536_000),
    Column(name="active", kind="json", check=fences.active),
    Column(name="applies_to", kind="json", check=fences.applies_to),
    Column(name="severity", default="medium", choices=fences.SEVERITIES),
    Column(name="valid_from", kind="time"),
    Column(name="version", kind="integer", read_only=True),
)


_UNATTENDED = (
    Column(name="level", read_only=True),
    Column(name="parent", refers="grids", read_only=True),
    Column(name="area_m2", kind="number", read_only=True),
    Column(name="unattended_share", kind="number", read_only=True),
)


def _layer(
    table: Table,
    alias: str,
    geometries: tuple[str, ...],
    own: tuple[Column, ...],
    titles: tuple[str, str, str],
    within: Table | None = None,
) -> Layer:
    return Layer(
        name=str(table.name),
        alias=alias,
        table=table,
        geometries=geometries,
        columns=MappingProxyType({column.name: column for column in NAMES + own}),
        titles=MappingProxyType(dict(zip(("en", "zh", "mn"), titles, strict=True))),
        read_only=within is not None,
        within=within,
    )


_ALL = (
    _layer(tables.grids, "grid", _POLYGON, _GRIDS, ("Grids", "网格", "Нүднүүд")),
    _layer(
        tables.settlements,
        "settlement",
        _POINT,
        (Column(name="households", kind="integer", least=0),),
        ("Settlements", "居民点", "Суурингууд"),
    ),
    _layer(
        tables.checkpoints, "checkpoint", _POINT, _CHECKPOINTS,
        ("Checkpoints", "卡点", "Шалган нэвтрүүлэх цэгүүд"),
    ),
    _layer(tables.posts, "post", _POINT, (_TEAM,), ("Posts", "服务站", "Үйлчилгээний постууд")),
    _layer(
        tables.post_areas,
        "post_area",
        _POLYGON,
        (Column(name="post", refers="posts"),),
        ("Areas of posts", "服务站辖区", "Постын хариуцах нутаг"),
    ),
    _layer(tables.cameras, "camera", _POINT, _CAMERAS, ("Cameras", "摄像头", "Камерууд")),
    _layer(tables.roads, "road", _LINE, _ROADS, ("Roads", "道路", "Замууд")),
    _layer(
        tables.border,
        "border",
        _LINE,
        (Column(name="chainage_start_km", kind="number", default=0.0),),
        ("Border", "边境线", "Хилийн шугам"),
    ),
    _layer(
        tables.fences,
        "fence",
        ("Polygon", "MultiPolygon", "LineString", "MultiLineString"),
        _FENCES,
        ("Fences", "电子围栏", "Цахим хашаанууд"),
    ),
    _layer(
        tables.unattended,
        "unattended",
        _POLYGON,
        _UNATTENDED,
        ("Looked after by no post", "无服务站管辖区域", "Постын хариуцаагүй нутаг"),
        within=tables.grids,
    ),
)  # fmt: skip

#: Every static layer by name, in the order in which one refers to another.
LAYERS: Mapping[str, Layer] = MappingProxyType({one.name: one for one in _ALL})
_ALIASES = {one.alias: one.name for one in _ALL}


def canonical(name: str) -> str:
    """The layer's name for its name or its singular. Raises NoSuchLayerError."""
    found = _ALIASES.get(name, name)
    if found not in LAYERS:
        raise NoSuchLayerError(f"{name!r} is no layer: there are {', '.join(LAYERS)}")
    return found


def layer(name: str) -> Layer:
    """The layer of that name or singular. Raises NoSuchLayerError."""
    return LAYERS[canonical(name)]
