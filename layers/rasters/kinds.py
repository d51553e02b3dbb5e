"""What rasters there may be, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class RasterKind:
    """A kind of raster."""

    name: str
    unit: str | None  #: of its values; None: they are classes
    units: frozenset[str] = frozenset()  #: how files write it, lower case
    least: float | None = None  #: what lies beyond is no value of that kind
    most: float | None = None

    @property
    def is_classes(self) -> bool:
        """Whether its values are whole numbers that name a class each."""
        return self.unit is None


_ALL = (
    RasterKind(
        name="elevation", unit="m", units=frozenset({"m", "metre", "metres", "meter", "meters"}),
        least=-500, most=9000,
    ),
    RasterKind(
        name="speed", unit="km/h", units=frozenset({"km/h", "kmh", "kmph", "kph", "km h-1"}),
        least=0, most=150,
    ),
    RasterKind(name="land_cover", unit=None),
)  # fmt: skip
#: Every kind by its name, which is the raster's: there is one of each.
KINDS: Mapping[str, RasterKind] = MappingProxyType({kind.name: kind for kind in _ALL})
NAMES = tuple(KINDS)
