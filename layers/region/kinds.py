"""The kinds of unit: how each is judged, and how it travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layers.region.table import Table, Titles

#: Every kind of unit that there is; a region file describes them all.
KINDS = ("vehicle", "motorcycle", "horse", "foot", "drone", "robot", "collar", "sensor")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How units of one kind are judged."""

    word: str
    max_gap_s: float  #: fixes further apart in time are a gap
    top_speed_ms: float  #: fixes that need more speed are a gap
    accuracy_m: float  #: typical, for a fix that states none
    worst_accuracy_m: float  #: a less accurate fix goes to quarantine
    fresh_s: float
    stale_s: float
    silent_s: float
    swath_m: float | None  #: full width that one is taken to see; None: the region's
    mode: str | None  #: how it travels; None: it does not answer calls
    title: Titles

    def freshness(self, age_s: float | None) -> str:
        """``fresh``, ``ageing``, ``stale`` or ``silent`` for the age of the latest fix."""
        if age_s is None or age_s > self.silent_s:
            return "silent"
        if age_s > self.stale_s:
            return "stale"
        return "ageing" if age_s > self.fresh_s else "fresh"


@dataclass(frozen=True, kw_only=True)
class Mode:
    """How fast one mode travels."""

    word: str
    off_road_kmh: float
    roads_kmh: Mapping[str, float]  #: by class of road; ``other`` for the rest
    surface_factor: Mapping[str, float]  #: by surface; 1 for the rest
    straight: bool  #: roads do not matter

    def road_kmh(
        self, road_class: str | None, *, surface: str | None = None, limit_kmh: float | None = None
    ) -> float:
        """Speed in km/h on a road of a class and surface, with its own limit if it has one."""
        speed_kmh = self.roads_kmh.get(road_class or "other", self.roads_kmh["other"])
        if limit_kmh is not None and limit_kmh > 0:
            speed_kmh = min(speed_kmh, limit_kmh)
        return speed_kmh * self.surface_factor.get(surface or "", 1.0)


def read_kinds(
    table: Table, languages: tuple[str, ...], modes: Mapping[str, Mode]
) -> dict[str, Kind]:
    kinds = {word: _kind(table.table(word), word, languages, modes) for word in KINDS}
    table.done()
    return kinds


def _kind(table: Table, word: str, languages: tuple[str, ...], modes: Mapping[str, Mode]) -> Kind:
    mode = table.get("mode", optional=True)
    if mode is not None and mode not in modes:
        raise table.wrong("mode", f"is {mode!r}: give one of {', '.join(modes)}, or leave it out")
    kind = Kind(
        word=word,
        max_gap_s=table.number("max_gap_s", least=0, above=True),
        top_speed_ms=table.number("top_speed_ms", least=0),
        accuracy_m=table.number("accuracy_m", least=0, above=True),
        worst_accuracy_m=table.number("worst_accuracy_m", least=0, above=True),
        fresh_s=table.number("fresh_s", least=0, above=True),
        stale_s=table.number("stale_s", least=0, above=True),
        silent_s=table.number("silent_s", least=0, above=True),
        swath_m=table.number("swath_m", least=0, above=True)
        if "swath_m" in table.content
        else None,
        mode=mode,
        title=table.titles("title", languages),
    )
    if kind.worst_accuracy_m < kind.accuracy_m:
        raise table.wrong("worst_accuracy_m", f"is below accuracy_m {kind.accuracy_m:g}: raise it")
    if not kind.fresh_s <= kind.stale_s <= kind.silent_s:
        raise table.wrong("stale_s", "is out of order: make fresh_s <= stale_s <= silent_s")
    table.done()
    return kind


def read_mode(table: Table, word: str) -> Mode:
    straight = table.get("straight", optional=True)
    if straight not in (None, True, False):
        raise table.wrong("straight", f"is {straight!r}: give true or false")
    roads_kmh = table.speeds("roads_kmh")
    if "other" not in roads_kmh:
        raise table.wrong("roads_kmh", "has no 'other': add the speed on roads that are not named")
    mode = Mode(
        word=word,
        off_road_kmh=table.number("off_road_kmh", least=0, above=True),
        roads_kmh=roads_kmh,
        surface_factor=table.speeds("surface_factor", optional=True),
        straight=bool(straight),
    )
    table.done()
    return mode
