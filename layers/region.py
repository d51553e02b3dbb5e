"""The region file: names, languages, day, levels, and how each kind of unit is judged and travels.

One documented TOML file (``fixtures/region.toml`` is the model) read once and checked whole. What
is wrong is refused in one line that says what, where and what to do.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

#: Every kind of unit that there is; a region file describes them all.
KINDS = ("vehicle", "motorcycle", "horse", "foot", "drone", "robot", "collar", "sensor")

Titles = Mapping[str, str]


class RegionError(ValueError):
    """The region file cannot be used, or does not have what is asked for."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One word for a level of the grid hierarchy."""

    word: str
    rank: int  #: 1 is the coarsest; words may share a rank
    title: Titles  #: by language


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


@dataclass(frozen=True, kw_only=True)
class Region:
    """A checked region file."""

    id: str
    name: Titles
    note: Titles | None  #: shown on the page
    languages: tuple[str, ...]
    timezone: ZoneInfo
    bbox: tuple[float, float, float, float]  #: west, south, east, north in degrees
    levels: tuple[Level, ...]  #: coarsest first
    kinds: Mapping[str, Kind]
    modes: Mapping[str, Mode]
    swath_m: float
    kept_swaths_m: tuple[float, ...]
    minutes: tuple[float, ...]
    retention_days: float | None

    @classmethod
    def read(cls, path: Path) -> Region:
        """The region that a TOML file describes.

        Raises:
            RegionError: the file is missing, is no TOML, or says something that cannot be.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RegionError(
                f"{path}: cannot be read ({error.strerror}): name a region file that is there"
            ) from error
        except UnicodeDecodeError as error:
            raise RegionError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            raise RegionError(f"{path}: is not TOML: {error}; mend that line") from error
        return _region(_Table(content, source=str(path)))

    @property
    def lowest_level(self) -> str:
        """The word of the finest level, which a grid without a level gets."""
        return self.levels[-1].word

    @property
    def level_names(self) -> tuple[str, ...]:
        """The words of the levels, coarsest first."""
        return tuple(level.word for level in self.levels)

    @property
    def level_titles(self) -> dict[str, str]:
        """The levels' words by their titles, in whatever language; but for one that two have."""
        pairs = [(title, level.word) for level in self.levels for title in level.title.values()]
        titles = [title for title, _ in pairs]
        return {title: word for title, word in pairs if titles.count(title) == 1}

    def level_rank(self, level: str) -> int:
        """Rank of a level's word, 1 for the coarsest.

        Raises:
            RegionError: the region has no such level.
        """
        for known in self.levels:
            if known.word == level:
                return known.rank
        words = ", ".join(known.word for known in self.levels)
        raise RegionError(f"level {level!r} is not one of this region's: use one of {words}")

    def kind(self, kind: str) -> Kind:
        """What the region says of a kind of unit.

        Raises:
            RegionError: there is no such kind.
        """
        if kind not in self.kinds:
            raise RegionError(f"kind {kind!r} is none: use one of {', '.join(self.kinds)}")
        return self.kinds[kind]

    def mode(self, mode: str) -> Mode:
        """How a mode travels.

        Raises:
            RegionError: the region has no such mode.
        """
        if mode not in self.modes:
            raise RegionError(f"mode {mode!r} is none: use one of {', '.join(self.modes)}")
        return self.modes[mode]


class _Table:
    """A table of the file that refuses wrong and unknown keys, and says where they are."""

    def __init__(self, content: Mapping[str, Any], *, source: str, place: str = "") -> None:
        self.content, self.source, self.place = content, source, place
        self.asked: set[str] = set()

    def wrong(self, key: str, what: str) -> RegionError:
        where = f"[{self.place}] {key}" if self.place else key
        return RegionError(f"{self.source}: {where} {what}")

    def get(self, key: str, *, optional: bool = False) -> Any:
        self.asked.add(key)
        if key not in self.content and not optional:
            raise self.wrong(key, "is missing: add it, as in the demo's region.toml")
        return self.content.get(key)

    def done(self) -> None:
        """Refuse keys that nothing asked for."""
        for key in self.content:
            if key not in self.asked:
                near = difflib.get_close_matches(key, sorted(self.asked), n=1)
                hint = f"did you mean {near[0]!r}?" if near else "remove it"
                raise self.wrong(key, f"is not a known key: {hint}")

    def table(self, key: str) -> _Table:
        content = self.get(key)
        if not isinstance(content, dict):
            raise self.wrong(key, "is not a table: write it as [" + key + "]")
        place = f"{self.place}.{key}" if self.place else key
        return _Table(content, source=self.source, place=place)

    def text(self, key: str, pattern: str = r".*\S.*", what: str = "text that is not empty") -> str:
        value = self.get(key)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.wrong(key, f"is {value!r}: give {what}")
        return value

    def number(self, key: str, *, least: float, above: bool = False) -> float:
        return self._number(key, self.get(key), least, above=above)

    def _number(self, key: str, value: Any, least: float, *, above: bool) -> float:
        sign = "above" if above else "of at least"
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not fits or not math.isfinite(value) or value < least or (above and value == least):
            raise self.wrong(key, f"is {value!r}: give a number {sign} {least:g}")
        return float(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of rising numbers above 0."""
        values = self.get(key)
        if not isinstance(values, list) or not values:
            raise self.wrong(key, f"is {values!r}: give a list of numbers")
        checked = [self._number(key, value, 0, above=True) for value in values]
        if sorted(set(checked)) != checked:
            raise self.wrong(key, f"is {values!r}: give different numbers, rising")
        return tuple(checked)

    def speeds(self, key: str, *, optional: bool = False) -> dict[str, float]:
        """A table of numbers above 0 by word."""
        if optional and key not in self.content:
            self.asked.add(key)
            return {}
        inner = self.table(key)
        return {word: inner.number(word, least=0, above=True) for word in inner.content}

    def titles(self, key: str, languages: tuple[str, ...]) -> Titles:
        inner = self.table(key)
        titles = {language: inner.text(language) for language in languages}
        inner.done()
        return titles


def _region(file: _Table) -> Region:
    head = file.table("region")
    languages = _languages(head)
    ways = file.table("mode")
    modes = {word: _mode(ways.table(word), word) for word in ways.content}
    coverage, response, fixes = file.table("coverage"), file.table("response"), file.table("fixes")
    kept = "retention_days" in fixes.content
    region = Region(
        id=head.text("id", r"[a-z][a-z0-9_-]*", "one lower-case word, a letter first"),
        name=head.titles("name", languages),
        note=_note(head, languages),
        languages=languages,
        timezone=_timezone(head),
        bbox=_bbox(head),
        levels=_levels(file, languages),
        kinds=_kinds(file.table("kind"), languages, modes),
        modes=modes,
        swath_m=coverage.number("swath_m", least=0, above=True),
        kept_swaths_m=coverage.numbers("kept_swaths_m"),
        minutes=response.numbers("minutes"),
        retention_days=fixes.number("retention_days", least=1) if kept else None,
    )
    if region.swath_m not in region.kept_swaths_m:
        raise coverage.wrong("kept_swaths_m", f"lacks swath_m: add {region.swath_m:g}")
    for table in (head, coverage, response, fixes, file):
        table.done()
    return region


def _note(head: _Table, languages: tuple[str, ...]) -> Titles | None:
    """A remark by language; one text is for all of them."""
    said = head.get("note", optional=True)
    if isinstance(said, dict):
        return head.titles("note", languages)
    return None if said is None else dict.fromkeys(languages, head.text("note"))


def _languages(head: _Table) -> tuple[str, ...]:
    values = head.get("languages")
    if (
        not isinstance(values, list)
        or not values
        or len(set(map(str, values))) != len(values)
        or not all(isinstance(v, str) and re.fullmatch(r"[a-z]{2,3}", v) for v in values)
    ):
        raise head.wrong("languages", f"is {values!r}: give different codes such as 'en'")
    return tuple(values)


def _timezone(head: _Table) -> ZoneInfo:
    name = head.text("timezone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        what = f"is {name!r}: give an IANA name such as Asia/Shanghai"
        raise head.wrong("timezone", what) from error


def _bbox(head: _Table) -> tuple[float, float, float, float]:
    values = head.get("bbox")
    wanted = "give west, south, east, north in degrees"
    if not isinstance(values, list) or len(values) != 4:
        raise head.wrong("bbox", f"is {values!r}: {wanted}")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise head.wrong("bbox", f"is {values!r}: {wanted}")
    west, south, east, north = map(float, values)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise head.wrong("bbox", f"is {values!r}: {wanted}, each side in its place")
    return west, south, east, north


def _levels(file: _Table, languages: tuple[str, ...]) -> tuple[Level, ...]:
    rows = file.get("level")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise file.wrong("level", "is not a list of tables: write each level as [[level]]")
    levels = []
    for number, row in enumerate(rows, start=1):
        table = _Table(row, source=file.source, place=f"level {number}")
        rank = table.get("rank")
        if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
            raise table.wrong("rank", f"is {rank!r}: give a whole number, 1 for the coarsest")
        word = table.text("word", r"[a-z][a-z0-9_-]*", "one lower-case word")
        levels.append(Level(word=word, rank=rank, title=table.titles("title", languages)))
        table.done()
    words, ranks = [lv.word for lv in levels], [lv.rank for lv in levels]
    if len(set(words)) != len(words):
        raise file.wrong("level", f"has a word twice in {', '.join(words)}: keep one of them")
    if ranks != sorted(ranks) or sorted(set(ranks)) != list(range(1, max(ranks) + 1)):
        raise file.wrong(
            "level", f"has ranks {ranks}: number them from 1, coarsest first, without a gap"
        )
    if ranks.count(ranks[-1]) > 1:
        raise file.wrong("level", f"has several words of the last rank {ranks[-1]}: keep one")
    return tuple(levels)


def _kinds(table: _Table, languages: tuple[str, ...], modes: Mapping[str, Mode]) -> dict[str, Kind]:
    kinds = {word: _kind(table.table(word), word, languages, modes) for word in KINDS}
    table.done()
    return kinds


def _kind(table: _Table, word: str, languages: tuple[str, ...], modes: Mapping[str, Mode]) -> Kind:
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
        mode=mode,
        title=table.titles("title", languages),
    )
    if kind.worst_accuracy_m < kind.accuracy_m:
        raise table.wrong("worst_accuracy_m", f"is below accuracy_m {kind.accuracy_m:g}: raise it")
    if not kind.fresh_s <= kind.stale_s <= kind.silent_s:
        raise table.wrong("stale_s", "is out of order: make fresh_s <= stale_s <= silent_s")
    table.done()
    return kind


def _mode(table: _Table, word: str) -> Mode:
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
