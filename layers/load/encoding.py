"""Code pages: which one a text is written in.

Only what is certain is taken. Chinese and Cyrillic code pages read each other's bytes without
complaint, but as rare characters and as words with capitals inside: over a whole file the two do
not look alike. What looks like neither, or like both, is refused with the question for
``--encoding``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from layers.errors import BadFileError

#: Marks at a file's beginning, longest first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
#: What messages call them.
_NAMES = {"gb18030": "GBK (GB 18030)", "cp1251": "Windows-1251", "utf-16": "UTF-16",
          "utf-16-le": "UTF-16 without a mark", "utf-16-be": "UTF-16 without a mark",
          "utf-32": "UTF-32", "utf-8": "UTF-8"}  # fmt: skip
#: Of a text in its own code page nearly all is plausible, of one in another little.
_CERTAIN, _DOUBTFUL = 0.85, 0.6
WORD = re.compile(r"[^\W\d_]+")
CYRILLIC = re.compile(r"[Ѐ-ӿ]")
_VOWEL = re.compile(r"[аеёиоуыэюяіїєөү]", re.IGNORECASE)
#: Where GB 2312 has the 3,755 most common characters, as the two bytes of EUC.
_COMMON_FIRST, _COMMON_LAST = 0xB0, 0xD7
_SIGNS = "，。、；：？！（）《》“”‘’—…·　【】〔〕％"
#: Letters of cp1251 that stand for the Mongolian ones that it does not have.
_STAND_INS = re.compile(r"[єїЄЇ]")
_UKRAINIAN = re.compile(r"[іґІҐ]")
FEWEST_LETTERS = 4
_LONGEST_LOOK = 4_000_000  # bytes; enough to know what a file is in
#: Signs that every table and document has: in UTF-16 with a byte of nought before or behind.
_ASCII = b'\t\n\r ,;|"{}[]:' + bytes(range(ord("0"), ord("9") + 1))
#: As many of these must be so, and this part of all bytes of nought; of the first so many bytes.
_FEWEST_WIDE, _MOST_WIDE, _WIDE_LOOK = 4, 0.8, 100_000


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A text and what was found out about its code page."""

    text: str
    notes: list[str]


def named(codec: str) -> str:
    """What messages call a code page."""
    return _NAMES.get(codec, codec)


def codec_of(asked: str) -> str:
    """Python's name of the code page that ``--encoding`` asks for. Raises BadFileError."""
    try:
        found = codecs.lookup(asked).name
        "".encode(found)
    except (LookupError, UnicodeError) as error:
        raise BadFileError(
            f"--encoding {asked}: there is no such code page: give utf-8, gbk, cp1251 or the like"
        ) from error
    # A superset that reads all of it: GBK knows few of the rarer names.
    return "gb18030" if found in {"gbk", "gb2312", "gb18030"} else found


def unmarked(data: bytes) -> str | None:
    """``utf-16-le`` or ``utf-16-be`` for text in it that has no mark; None for anything else.

    Bytes of nought are in no other text, and there they stand on one side of the plain signs.
    """
    if b"\0" not in data[:_WIDE_LOOK] or data.startswith(tuple(mark for mark, _ in _MARKS)):
        return None
    look = data[: min(len(data), _WIDE_LOOK) // 2 * 2]
    for codec, low, high in (("utf-16-le", look[::2], look[1::2]),
                             ("utf-16-be", look[1::2], look[::2])):  # fmt: skip
        plain = sum(b == 0 and a in _ASCII for a, b in zip(low, high, strict=True))
        if plain >= _FEWEST_WIDE and high.count(0) >= _MOST_WIDE * look.count(0):
            return codec
    return None


def decode(name: str, data: bytes, asked: str | None) -> Decoded:
    """The text of a file called ``name``. Raises BadFileError for an uncertain code page."""
    marked = next((codec for mark, codec in _MARKS if data.startswith(mark)), None)
    marked = marked or unmarked(data)
    if asked is not None or marked is not None:
        codec = marked or codec_of(asked or "")
        try:
            text = data.decode(codec)
        except UnicodeDecodeError as error:
            why = f"--encoding {asked}" if marked is None else named(codec)
            raise BadFileError(
                f"{name}: it is not in {why} (byte {error.start}): give another --encoding"
            ) from error
        if marked is None:
            check_asked(name, data, asked or "", codec)
        notes = (
            [f"read as {named(codec)}"] if (marked or "").startswith(("utf-16", "utf-32")) else []
        )
        return Decoded(text=text, notes=notes + stand_ins(codec, text))
    try:
        return Decoded(text=data.decode("utf-8"), notes=[])
    except UnicodeDecodeError as error:
        found = guess(data)
        if found is None:
            raise BadFileError(
                f"{name}: it is not UTF-8 text (byte {error.start}), and which code page it is in"
                " is not certain: say which with --encoding (gbk, cp1251, …)"
            ) from error
    text = data.decode(found)
    return Decoded(text=text, notes=[f"read as {named(found)}", *stand_ins(found, text)])


def check_asked(name: str, data: bytes, asked: str, codec: str) -> None:
    """Raise BadFileError where ``--encoding`` would make nonsense of what is UTF-8, or of what is
    certainly in another code page."""
    if codec.startswith("utf") or data.isascii():
        return
    try:
        beyond = sum(ord(letter) > 127 for letter in data.decode("utf-8"))
    except UnicodeDecodeError:
        found = guess(data)
        if found is not None and found != codec and codec in ("gb18030", "cp1251"):
            raise BadFileError(
                f"{name}: it looks like {named(found)}, not --encoding {asked}: leave that out"
            ) from None
        return
    plausible = {"gb18030": _chinese, "cp1251": _slavic}.get(codec, lambda _: 0.0)(data)
    if beyond and plausible < _CERTAIN:
        raise BadFileError(
            f"{name}: it is UTF-8, of which --encoding {asked} would make nonsense: leave that out"
        )


def guess(data: bytes) -> str | None:
    """``gb18030`` or ``cp1251``, where one is certain; None for neither and for both."""
    look = data[:_LONGEST_LOOK]
    if len(data) > len(look):
        look = look[: look.rfind(b"\n") + 1] or look
    han, cyrillic = _chinese(look), _slavic(look)
    if han >= _CERTAIN and cyrillic < _DOUBTFUL:
        return "gb18030"
    letters = sum(byte > 127 for byte in look)
    if cyrillic >= _CERTAIN and han < _CERTAIN and letters >= FEWEST_LETTERS:
        return "cp1251"
    return None


def _chinese(data: bytes) -> float:
    """Share (0-1) of what is not ASCII that is a common character in GB 18030."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return 0.0
    others = [letter for letter in text if ord(letter) > 127]
    if not others:
        return 0.0
    return sum(map(_is_common, others)) / len(others)


def _is_common(letter: str) -> bool:
    if letter in _SIGNS or "！" <= letter <= "～":
        return True
    try:
        written = letter.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(written) == 2 and _COMMON_FIRST <= written[0] <= _COMMON_LAST


def _slavic(data: bytes) -> float:
    """Share (0-1) of what is not ASCII that stands in Cyrillic words with no capital inside."""
    text = data.decode("cp1251", errors="replace")
    others = sum(ord(letter) > 127 and letter not in "№«»—–°" for letter in text)
    if not others or "�" in text:
        return 0.0
    words = [word for word in WORD.findall(text) if CYRILLIC.search(word)]
    good = sum(len(word) for word in words if is_word(word))
    return good / others if any(map(_VOWEL.search, words)) else 0.0


def is_word(word: str) -> bool:
    """Whether letters are one Cyrillic word: no Latin ones among them, capitals first or all."""
    if any(not CYRILLIC.match(letter) for letter in word):
        return False
    return word.isupper() or word[1:].islower() or not word[1:]


def stand_ins(codec: str, text: str) -> list[str]:
    if codec != "cp1251" or _UKRAINIAN.search(text):
        return []
    return note_of_stand_ins([text])


def note_of_stand_ins(texts: Sequence[str]) -> list[str]:
    """Whether letters stand for Mongolian ones that Windows-1251 does not have."""
    words = [word for text in texts for word in WORD.findall(text) if _STAND_INS.search(word)]
    if not words:
        return []
    count = "1 word has" if len(words) == 1 else f"{len(words)} words have"
    return [
        f"{count} є or ї, such as {words[0]!r}: Windows-1251 has no ө and ү, and"
        " these may stand for them; they are kept as they are"
    ]
