"""A table of a TOML file, read key by key; what is wrong is refused with its place."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from typing import Any

Titles = Mapping[str, str]


class RegionError(ValueError):
    """The region file cannot be used, or does not have what is asked for."""


class Table:
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

    def table(self, key: str) -> Table:
        content = self.get(key)
        if not isinstance(content, dict):
            raise self.wrong(key, "is not a table: write it as [" + key + "]")
        place = f"{self.place}.{key}" if self.place else key
        return Table(content, source=self.source, place=place)

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
