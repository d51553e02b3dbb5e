"""The levels of the hierarchy of grids."""

from __future__ import annotations

from dataclasses import dataclass

from layers.region.table import Table, Titles


@dataclass(frozen=True, kw_only=True)
class Level:
    """One word for a level of the grid hierarchy."""

    word: str
    rank: int  #: 1 is the coarsest; words may share a rank
    title: Titles  #: by language


def read_levels(file: Table, languages: tuple[str, ...]) -> tuple[Level, ...]:
    """The levels that a file lists, coarsest first. Raises RegionError."""
    rows = file.get("level")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise file.wrong("level", "is not a list of tables: write each level as [[level]]")
    levels = []
    for number, row in enumerate(rows, start=1):
        table = Table(row, source=file.source, place=f"level {number}")
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
