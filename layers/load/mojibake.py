"""Texts that were once read in the wrong code page, read in the right one.

Bytes of UTF-8, Windows-1251 or GBK that a program took for Latin-1 are letters such as
``Óëààíáààòàð``. Only what is certain is mended: names such as ``Müller`` stay, in the same column,
too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layers.load.encoding import (
    CYRILLIC,
    FEWEST_LETTERS,
    WORD,
    guess,
    is_word,
    named,
    stand_ins,
)
from layers.places.columns import shown

#: What was once read as Latin-1 has as many different letters, or it may be what it is.
_FEWEST_DISTINCT = 6


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A column's texts that were read in the wrong code page."""

    texts: Mapping[str, str]  #: as they were read → as they are
    codec: str  #: what messages call the code page that they are in
    notes: list[str]

    def column(self, values: Sequence[Any]) -> list[Any]:
        """The column with its texts as they are."""
        return [self.texts.get(v, v) if isinstance(v, str) else v for v in values]


def mended(values: Sequence[Any]) -> Mended | None:
    """Which of a column's texts were Windows-1251, GBK or UTF-8 read as Latin-1; None for none."""
    if set(map(type, values)) <= {str, type(None)} and "".join(filter(None, values)).isascii():
        return None  # as nearly all columns are
    odd = dict.fromkeys(v for v in values if isinstance(v, str) and not v.isascii())
    wrong = {text: raw for text in odd if (raw := _latin(text))}
    for codec, find in (("utf-8", _utf_8), ("gb18030", _chinese), ("cp1251", _cyrillic)):
        right = find(wrong)
        if right:
            left = [text for text in wrong if text not in right]
            notes = stand_ins(codec, "\n".join(right.values())) + _left(left)
            return Mended(texts=right, codec=named(codec), notes=notes)
    return None


def _left(texts: Sequence[str]) -> list[str]:
    """What to tell of texts that have such letters, too, and are what they are."""
    if not texts:
        return []
    count = "1 text" if len(texts) == 1 else f"{len(texts)} texts"
    return [f"{count} beside those read as Latin-1 left as they are, such as {shown(texts[0])}"]


def _latin(text: str) -> bytes:
    """The bytes of a text that is Latin-1 (or Windows-1252) but not ASCII; none for others."""
    for codec in ("latin-1", "cp1252"):
        try:
            return text.encode(codec)
        except UnicodeEncodeError:
            continue
    return b""


def _utf_8(wrong: Mapping[str, bytes]) -> dict[str, str]:
    """Texts that are UTF-8, as hardly any other are by chance."""
    right = {}
    for text, raw in wrong.items():
        try:
            right[text] = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
    # One letter of two bytes could be two that are meant.
    beyond = sum(byte > 127 for text in right for byte in wrong[text])
    return right if beyond > 2 else {}


def _chinese(wrong: Mapping[str, bytes]) -> dict[str, str]:
    """All of the texts, if all are GBK."""
    together = b"\n".join(wrong.values())
    # Four characters of two bytes: fewer could be accents that happen to stand side by side.
    few = sum(byte > 127 for byte in together) < 2 * FEWEST_LETTERS
    if few or guess(together) != "gb18030":
        return {}
    return {text: raw.decode("gb18030") for text, raw in wrong.items()}


def _cyrillic(wrong: Mapping[str, bytes]) -> dict[str, str]:
    """Texts that are Windows-1251: their words become Cyrillic ones, with no Latin letter left.

    Short ones, and those with words of both scripts, could be either: they are what most of the
    column is.
    """
    read = {text: raw.decode("cp1251", "replace") for text, raw in wrong.items()}
    whole = {text: after for text, after in read.items() if _is_whole(after)}
    sure = [text for text, after in whole.items() if max(map(len, _words(after))) >= FEWEST_LETTERS]
    letters = {letter for text in sure for word in _words(whole[text]) for letter in word.lower()}
    if len(letters) < _FEWEST_DISTINCT or guess(b"\n".join(wrong[t] for t in sure)) != "cp1251":
        return {}
    if 2 * len(sure) > len(wrong):
        sure += [text for text, after in whole.items() if text not in sure and _is_pure(after)]
    return {text: whole[text] for text in wrong if text in set(sure)}


def _words(text: str) -> list[str]:
    """The words of a text that have a Cyrillic letter."""
    return [word for word in WORD.findall(text) if CYRILLIC.search(word)]


def _is_whole(text: str) -> bool:
    """Whether a text has Cyrillic words, all of which are Cyrillic from end to end."""
    return "\ufffd" not in text and bool(found := _words(text)) and all(map(is_word, found))


def _is_pure(text: str) -> bool:
    """Whether a text has Cyrillic words alone."""
    return len(_words(text)) == len(WORD.findall(text))
