"""Values that say what ours say by another convention: written as ours, and told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layers.load.findings import Findings
from layers.places import Layer
from layers.places.columns import INVISIBLE, is_missing, shown

#: Line ends and tabs; all other control characters are refused with their row.
_BROKEN = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]")
#: West of north by its sign, as half of all compasses have it.
_WEST = re.compile(r"\s*-(\d{1,3}(?:[.,]\d+)?)\s*°?\s*")
_FULL_DEG = 360.0
_YES = ("是", "有", "да", "есть", "тийм", "тэ")
_NO = ("否", "无", "нет", "үгүй", "байхгүй")
#: Both ways, in the line's direction (from), and against it (to).
_GEOFABRIK = {"no": ("b",), "forward": ("f",), "backward": ("t",)}
#: What offices write for the words that a column is limited to, by layer and column.
_WORDS: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]] = {
    ("grids", "kind"): {
        "rural": ("农村", "牧区", "农村网格", "сельский", "сельская", "хөдөө", "хөдөөгийн"),
        "urban": ("城镇", "城市", "城镇网格", "городской", "городская", "хот", "хотын"),
        "dedicated": ("专属", "专属网格", "специальный", "тусгай"),
    },
    ("checkpoints", "kind"): {
        "staffed": ("人工", "有人值守", "人工卡点", "с персоналом", "хүнтэй"),
        "electronic": ("电子", "电子卡点", "无人值守", "электронный", "цахим"),
    },
    ("roads", "oneway"): {"forward": _YES, "no": _NO},
    ("roads", "bridge"): {"true": _YES, "false": _NO},
    ("roads", "tunnel"): {"true": _YES, "false": _NO},
    ("fences", "rule"): {
        "keep_out": ("禁入", "禁止进入", "不得进入"),
        "keep_in": ("禁出", "禁止离开", "不得离开"),
    },
    ("fences", "severity"): {
        "low": ("低", "низкая", "бага"),
        "medium": ("中", "средняя", "дунд"),
        "high": ("高", "высокая", "өндөр"),
        "critical": ("紧急", "严重", "критическая"),
    },
}


@dataclass(frozen=True, kw_only=True)
class Levels:
    """The levels that grids may have; none: any."""

    words: Sequence[str] = ()
    titles: Mapping[str, str] = field(default_factory=dict)  #: in whatever language → the word


def tidy(
    layer: Layer, columns: Mapping[str, Sequence[Any]], levels: Levels, findings: Findings
) -> dict[str, Sequence[Any]]:
    """Columns with levels as the region writes them, bearings of 0 to 360, texts of one line, and
    words of other languages as ours.

    A level that is none of ``levels`` is refused with its row; without these any may be.
    """
    out = {name: visible(name, values, findings) for name, values in columns.items()}
    for name, values in out.items():
        column = layer.columns.get(name)
        if (layer.name, name) == ("roads", "oneway") and _is_geofabrik(values):
            out[name] = _worded(name, values, _GEOFABRIK, findings)
        elif (layer.name, name) in _WORDS:
            out[name] = _worded(name, values, _WORDS[layer.name, name], findings)
        elif name == "level" and levels.words:
            out[name] = _levels(values, levels, findings)
        elif name == "bearing_deg":
            out[name] = _bearings(values, findings)
        elif column is not None and column.kind == "text":
            out[name] = _one_line(name, values, findings)
    return out


def _is_geofabrik(values: Sequence[Any]) -> bool:
    """Whether directions are written by Geofabrik's letters. Without a B they may as well stand
    for true and false."""
    texts = {value for value in values if not is_missing(value)}
    return "B" in texts and texts <= {"B", "F", "T"}


def visible(name: str, values: Sequence[Any], findings: Findings) -> Sequence[Any]:
    """Texts without what nobody sees: two that look the same are the same."""
    texts = values
    if set(map(type, values)) != {str}:
        texts = [value for value in values if isinstance(value, str)]
    together = "".join(texts)
    if together.isascii() or not INVISIBLE.search(together):
        return values
    found = {text: INVISIBLE.sub("", text) for text in set(texts) if INVISIBLE.search(text)}
    for row, value in enumerate(values):
        if isinstance(value, str) and value in found:
            findings.repair(row, f"{name} {shown(found[value])} held characters that nobody sees")
    return _replaced(values, found)


def _worded(
    name: str, values: Sequence[Any], words: Mapping[str, tuple[str, ...]], findings: Findings
) -> Sequence[Any]:
    """A translation is no repair: it is told once a word."""
    ours = {word: one for one, known in words.items() for word in known}
    texts = {value for value in values if isinstance(value, str)}
    found = {text: ours[_plain(text)] for text in texts if _plain(text) in ours}
    for text, one in sorted(found.items()):
        findings.note(f"{name} {shown(text)} was read as {one}")
    return [found.get(v, v) if isinstance(v, str) else v for v in values] if found else values


def _levels(values: Sequence[Any], levels: Levels, findings: Findings) -> Sequence[Any]:
    known = {_plain(level): level for level in levels.words}
    titles = {_plain(title): level for title, level in levels.titles.items()}
    texts = {value for value in values if isinstance(value, str) and value.strip()}
    other = {text: known.get(_plain(text)) for text in texts if text not in levels.words}
    translated = {
        text: titles[_plain(text)] for text, found in other.items()
        if found is None and _plain(text) in titles
    }  # fmt: skip
    for text, level in sorted(translated.items()):
        findings.note(f"level {shown(text)} was read as {level}")
        del other[text]
    if not other:
        return _replaced(values, translated)
    for row, value in enumerate(values):
        if isinstance(value, str) and value in other:
            found = other[value]
            if found is None:
                findings.refuse(
                    row,
                    f"level is {shown(value.strip())}: the region has {', '.join(levels.words)}",
                )
            else:
                findings.repair(row, f"level {shown(value)} was read as {found}")
    return _replaced(values, {**translated, **other})


def _replaced(values: Sequence[Any], found: Mapping[str, str | None]) -> Sequence[Any]:
    if not found:
        return values
    return [found.get(one, one) if isinstance(one, str) else one for one in values]


def _plain(level: str) -> str:
    return "".join(level.split()).casefold()


def _bearings(values: Sequence[Any], findings: Findings) -> Sequence[Any]:
    """-180 to 0 is counted from north to the west."""
    out = list(values)
    for row, value in enumerate(values):
        found = _WEST.fullmatch(str(value)) if isinstance(value, str | float | int) else None
        if found is None:
            continue
        west_deg = float(found[1].replace(",", "."))
        if 0 < west_deg <= _FULL_DEG / 2:
            out[row] = _FULL_DEG - west_deg
            findings.repair(row, f"bearing_deg {shown(value)} was read as {out[row]:g}")
    return out


def _one_line(name: str, values: Sequence[Any], findings: Findings) -> Sequence[Any]:
    texts = [value for value in values if isinstance(value, str)]
    together = "".join(texts)
    if together.isprintable() or not _BROKEN.search(together):
        return values
    broken = {
        text: " ".join(filter(None, map(str.strip, _BROKEN.split(text))))
        for text in set(texts)
        if _BROKEN.search(text.strip())
    }
    for row, value in enumerate(values):
        if isinstance(value, str) and value in broken:
            findings.repair(row, f"{name} {shown(value)} has a line end or tab: read as a blank")
    return _replaced(values, broken)
