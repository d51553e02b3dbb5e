"""How fast each mode moves: by class of road and surface, and on open ground."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from geo.errors import OutOfRangeError

KMH_PER_MS = 3.6


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """The speeds of one mode of travel.

    Raises OutOfRangeError when a speed is not a number, negative, or zero on open ground.
    """

    mode: str
    off_road_kmh: float  #: on open ground, in any direction
    road_kmh: Mapping[str, float] = field(default_factory=dict)  #: by class of road; 0 is closed
    other_road_kmh: float = 0.0  #: classes that ``road_kmh`` does not name; 0 is closed
    surface_factor: Mapping[str, float] = field(default_factory=dict)  #: times the class's speed
    keeps_rules: bool = True  #: obeys one-way streets and takes a road's own ``speed_kmh``
    top_kmh: float = 130.0  #: never faster than this, whatever the road says

    def __post_init__(self) -> None:
        named = {"off_road_kmh": self.off_road_kmh, "other_road_kmh": self.other_road_kmh}
        named |= {f"road_kmh[{k}]": v for k, v in self.road_kmh.items()}
        named |= {f"surface_factor[{k}]": v for k, v in self.surface_factor.items()}
        for name, value in named.items():
            if not (math.isfinite(value) and value >= 0):
                raise OutOfRangeError(
                    f"speeds of {self.mode}: {name} is {value}; give a number >= 0"
                )
        if self.off_road_kmh == 0 or not self.top_kmh > 0:
            raise OutOfRangeError(
                f"speeds of {self.mode}: off_road_kmh and top_kmh must be above 0; "
                "for a mode that keeps to roads give its crew's walking speed"
            )
        object.__setattr__(self, "road_kmh", MappingProxyType(dict(self.road_kmh)))
        object.__setattr__(self, "surface_factor", MappingProxyType(dict(self.surface_factor)))

    @property
    def off_road_ms(self) -> float:
        """Speed on open ground in m/s."""
        return min(self.off_road_kmh, self.top_kmh) / KMH_PER_MS

    @property
    def flies(self) -> bool:
        """True when no road is of use: the mode goes straight."""
        return self.other_road_kmh == 0 and not any(self.road_kmh.values())

    @property
    def key(self) -> tuple[object, ...]:
        """What two equal tables share, for caches."""
        return (
            self.off_road_kmh, self.other_road_kmh, self.keeps_rules, self.top_kmh,
            tuple(sorted(self.road_kmh.items())), tuple(sorted(self.surface_factor.items())),
        )  # fmt: skip

    def __reduce__(self) -> tuple[object, ...]:
        """Mapping proxies cannot be pickled: go by plain dicts."""
        return _speeds, (
            self.mode, self.off_road_kmh, dict(self.road_kmh), self.other_road_kmh,
            dict(self.surface_factor), self.keeps_rules, self.top_kmh,
        )  # fmt: skip


def _speeds(
    mode: str, off_road: float, road: dict[str, float], other: float,
    surface: dict[str, float], keeps_rules: bool, top: float,
) -> Speeds:  # fmt: skip
    return Speeds(
        mode=mode, off_road_kmh=off_road, road_kmh=road, other_road_kmh=other,
        surface_factor=surface, keeps_rules=keeps_rules, top_kmh=top,
    )  # fmt: skip


_NOT_YET = {"construction": 0.0, "proposed": 0.0, "abandoned": 0.0, "razed": 0.0, "no": 0.0}
_PATHS = ("path", "footway", "pedestrian", "cycleway", "bridleway", "steps", "corridor", "platform")
_MOTOR = {
    "motorway": 105.0, "trunk": 90.0, "primary": 75.0, "secondary": 60.0, "tertiary": 50.0,
    "motorway_link": 60.0, "trunk_link": 55.0, "primary_link": 50.0, "secondary_link": 45.0,
    "tertiary_link": 40.0, "unclassified": 40.0, "residential": 35.0, "living_street": 10.0,
    "road": 35.0, "service": 25.0, "track": 20.0,
}  # fmt: skip
_ROUGH = {
    "gravel": 0.8, "fine_gravel": 0.85, "compacted": 0.9, "pebblestone": 0.7, "unpaved": 0.7,
    "dirt": 0.7, "earth": 0.7, "ground": 0.7, "grass": 0.6, "sand": 0.5, "mud": 0.4, "rock": 0.4,
    "cobblestone": 0.7, "sett": 0.8, "ice": 0.5, "snow": 0.5, "salt": 0.7,
}  # fmt: skip


def _everywhere(kmh: float, **others: float) -> dict[str, float]:
    """One speed on every class but motorways, which are closed to who is not motorised."""
    roads = dict.fromkeys((*_MOTOR, *_PATHS), kmh) | {"motorway": 0.0, "motorway_link": 0.0}
    return roads | others | _NOT_YET


#: Speeds to begin with, by mode; the class speeds are those usual for OpenStreetMap's words.
STANDARD: Mapping[str, Speeds] = MappingProxyType({
    "vehicle": Speeds(
        mode="vehicle", off_road_kmh=20.0, other_road_kmh=30.0, surface_factor=_ROUGH,
        road_kmh=_MOTOR | dict.fromkeys(_PATHS, 0.0) | _NOT_YET,
    ),
    "motorcycle": Speeds(
        mode="motorcycle", off_road_kmh=30.0, other_road_kmh=30.0, surface_factor=_ROUGH,
        road_kmh=_MOTOR | {"track": 30.0} | dict.fromkeys(_PATHS, 0.0)
        | {"path": 20.0, "bridleway": 20.0} | _NOT_YET,
    ),
    "horse": Speeds(
        mode="horse", off_road_kmh=12.0, other_road_kmh=14.0, keeps_rules=False,
        road_kmh=_everywhere(14.0, steps=0.0, corridor=0.0),
    ),
    "foot": Speeds(
        mode="foot", off_road_kmh=4.0, other_road_kmh=5.0, keeps_rules=False,
        road_kmh=_everywhere(5.0, steps=2.5),
    ),
    "robot": Speeds(
        mode="robot", off_road_kmh=6.0, other_road_kmh=12.0, keeps_rules=False,
        road_kmh=_everywhere(12.0, steps=0.0),
    ),
    "drone": Speeds(mode="drone", off_road_kmh=60.0),
})  # fmt: skip
