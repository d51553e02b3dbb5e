"""The region file: names, languages, day, levels, and how each kind of unit is judged and travels.

One documented TOML file (``fixtures/region.toml`` is the model) read once and checked whole. What
is wrong is refused in one line that says what, where and what to do.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from layers.region.kinds import Kind, Mode, read_kinds, read_mode
from layers.region.levels import Level, read_levels
from layers.region.table import RegionError, Table, Titles


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
        return _region(Table(content, source=str(path)))

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


def _region(file: Table) -> Region:
    head = file.table("region")
    languages = _languages(head)
    ways = file.table("mode")
    modes = {word: read_mode(ways.table(word), word) for word in ways.content}
    coverage, response, fixes = file.table("coverage"), file.table("response"), file.table("fixes")
    kept = "retention_days" in fixes.content
    region = Region(
        id=head.text("id", r"[a-z][a-z0-9_-]*", "one lower-case word, a letter first"),
        name=head.titles("name", languages),
        note=_note(head, languages),
        languages=languages,
        timezone=_timezone(head),
        bbox=_bbox(head),
        levels=read_levels(file, languages),
        kinds=read_kinds(file.table("kind"), languages, modes),
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


def _note(head: Table, languages: tuple[str, ...]) -> Titles | None:
    """A remark by language; one text is for all of them."""
    said = head.get("note", optional=True)
    if isinstance(said, dict):
        return head.titles("note", languages)
    return None if said is None else dict.fromkeys(languages, head.text("note"))


def _languages(head: Table) -> tuple[str, ...]:
    values = head.get("languages")
    if (
        not isinstance(values, list)
        or not values
        or len(set(map(str, values))) != len(values)
        or not all(isinstance(v, str) and re.fullmatch(r"[a-z]{2,3}", v) for v in values)
    ):
        raise head.wrong("languages", f"is {values!r}: give different codes such as 'en'")
    return tuple(values)


def _timezone(head: Table) -> ZoneInfo:
    name = head.text("timezone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        what = f"is {name!r}: give an IANA name such as Asia/Shanghai"
        raise head.wrong("timezone", what) from error


def _bbox(head: Table) -> tuple[float, float, float, float]:
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
