"""Ids: the file's own, else made from content, so that loading a file again does not double it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from layers.errors import BadFileError
from layers.load.cells import is_error
from layers.load.findings import Findings
from layers.places import Layer
from layers.places.columns import is_missing, shown, text_of
from layers.places.editing import MOST_ID_CHARACTERS, VERBS, has_address
from layers.places.judged import Geometries

#: What a spreadsheet makes of a long number.
_CUT_SHORT = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PLAIN_LINES = re.compile(r"(?:[A-Za-z0-9_-]{1,100}\n)+")


def chosen(*candidates: Sequence[Any] | None) -> Sequence[Any] | None:
    """Of each row the first of some columns' values that says anything; None where none does."""
    said = [v for v in candidates if v is not None and not all(map(is_missing, v))]
    if not said:
        return None
    first, *others = said
    if not others or not any(map(is_missing, first)):
        return first
    rows = zip(*said, strict=True)
    return [next((one for one in row if not is_missing(one)), None) for row in rows]


def _no_text(value: Any) -> str:
    if isinstance(value, str) and len(value.strip().splitlines()) > 1:
        return f"its id {shown(value)} has a line end, which no id has: write it on one line"
    return f"its id is {shown(value)}: give a text"


def whole(layer: Layer, columns: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A table's columns with ids 1.0, 2.0, … as 1, 2, …, and what was done.

    So pandas writes whole numbers that stand above or beneath an empty cell. Where ids are written
    in any other way, too, they are what they are.
    """
    out, told = dict(columns), []
    own = {value for value in columns.get("id", ()) if type(value) is str}
    for name in ("id", *layer.references):
        texts = {value for value in columns.get(name, ()) if type(value) is str}
        numbers = {text for text in texts if _NUMBER.fullmatch(text.strip())}
        points = {text: text.strip()[:-2] for text in numbers if text.strip().endswith(".0")}
        if not points or len(points) < len(numbers):
            continue
        if name != "id" and own & points.keys() and "id" not in told:
            continue  # ids of that form that stay
        out[name] = [points.get(v, v) if type(v) is str else v for v in columns[name]]
        told.append(name)
    return out, [f"column {name}: 1.0, 2.0, … were read as 1, 2, …" for name in told]


def note_beside(
    column: Sequence[Any] | None, beside: Sequence[Any] | None, findings: Findings
) -> None:
    """Note where ids stand in some rows in the column of ids, in others beside the columns."""
    if column is None or beside is None or all(map(is_missing, column)):
        return
    filled = sum(is_missing(a) and not is_missing(b) for a, b in zip(column, beside, strict=True))
    if filled:
        have = "1 feature has" if filled == 1 else f"{filled} features have"
        findings.note(f"{have} no property id: the id beside the properties was taken")
    both = ((b, a) for a, b in zip(column, beside, strict=True) if not is_missing(a))
    differ = next((f"{shown(b)} is called {shown(a)}" for b, a in both
                   if not is_missing(b) and str(a).strip() != str(b).strip()), None)  # fmt: skip
    if differ:
        findings.note(
            f"the features' own ids differ from the property id, which was taken: {differ}"
        )


def given(values: Sequence[Any], findings: Findings) -> list[str]:
    """Ids from a column; a row whose id is missing or cannot be is refused."""
    if _all_plain(values):
        return list(values)
    found = []
    for row, value in enumerate(values):
        if type(value) is str and _is_plain(value):
            found.append(value)
            continue
        text, wrong = _read(value)
        if wrong:
            findings.refuse(row, wrong)
        elif type(value) is str and value != value.strip():
            findings.repair(row, f"id {shown(value)} has blanks around it: read as {shown(text)}")
        found.append(text)
    return found


def _all_plain(values: Sequence[Any]) -> bool:
    """Whether a column has nothing but short words that no address means otherwise."""
    if set(map(type, values)) != {str}:
        return False
    together = "\n".join(values) + "\n"
    return (
        together.count("\n") == len(values)
        and _PLAIN_LINES.fullmatch(together) is not None
        and not set(VERBS).intersection(values)
    )


def _is_plain(value: str) -> bool:
    """Whether a text is an id beyond doubt; nearly all are."""
    fits = 0 < len(value) <= MOST_ID_CHARACTERS and has_address(value)
    plain = value.isascii() and value.isprintable() and " " not in value
    return fits and plain and "+" not in value and not is_error(value)


def _read(value: Any) -> tuple[str, str]:
    """The id, and what is wrong with it, if anything."""
    if is_missing(value):
        return "", "it has no id: give every row one, or none"
    try:
        text = text_of(value)
    except (ValueError, OverflowError):
        return "", _no_text(value)
    if len(text) > MOST_ID_CHARACTERS:
        return "", f"its id has more than {MOST_ID_CHARACTERS} letters: shorten it"
    if isinstance(value, str) and (spoiled := _spoiled(text)):
        return text, spoiled
    if not has_address(text):
        return "", f"no URL can name the id {text!r}, which means something else there: change it"
    return text, ""


def _spoiled(text: str) -> str:
    """What a spreadsheet did to an id, if anything."""
    if _CUT_SHORT.fullmatch(text):
        return f"its id {text!r} is a number that a spreadsheet cut short: write ids as text"
    return f"its id is an error of a formula, {text!r}: mend it" if is_error(text) else ""


def made(layer: Layer, geometries: Geometries, columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """Ids from each row's geometry and values as the file has them; equal rows have one id."""
    cells = zip(*columns.values(), strict=True) if columns else [()] * len(geometries)
    ids = []
    for shape, values in zip(_wkb(geometries), cells, strict=True):
        content = hashlib.sha256(shape or b"")
        content.update(repr(values).encode())
        ids.append(f"{layer.alias}-{content.hexdigest()[:16]}")
    return ids


def check_unique(
    ids: Sequence[str],
    geometries: Geometries,
    columns: Mapping[str, Sequence[Any]],
    findings: Findings,
) -> None:
    """Keep one of rows that are the same in all; refuse another one with an id that is taken.

    A row that is dropped as a repeat is neither refused nor stored: it is there.
    """
    rows = findings.rows
    if len({ids[row] for row in rows.tolist()}) == len(rows):
        return
    firsts: dict[str, int] = {}
    for row in rows.tolist():
        first = firsts.setdefault(ids[row], row)
        if first == row:
            continue
        same = shapely.equals_exact(geometries[row], geometries[first], 0) and all(
            _same(values[row], values[first]) for values in columns.values()
        )
        if same:
            findings.leave_out(row, f"repeats {findings.where(first)}, kept once")
        else:
            findings.refuse(
                row, f"its id is also that of {findings.where(first)}: give each its own"
            )


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (is_missing(a) and is_missing(b))


def note_twins(
    ids: Sequence[str],
    geometries: Geometries,
    columns: Mapping[str, Sequence[Any]],
    findings: Findings,
) -> None:
    """Tell of features that are the same in all but their id; both are kept."""
    rows = findings.rows
    # Shapes with the same box are few; only they are held against each other.
    suspects = rows[_repeated(shapely.bounds(geometries[rows]))]
    seen: dict[Any, int] = {}
    twins = []
    for row, shape in zip(suspects.tolist(), _wkb(geometries[suspects]), strict=True):
        key = (shape, repr([values[row] for values in columns.values()]))
        first = seen.setdefault(key, row)
        if first != row:
            twins.append((first, row))
    if twins:
        a, b = twins[0]
        count = "1 feature is" if len(twins) == 1 else f"{len(twins)} features are"
        findings.note(
            f"{count} the same as another in all but the id, such as {ids[b]!r} as {ids[a]!r}:"
            " both are kept"
        )


def _repeated(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether another of some boxes (n, 4) is the same."""
    same = np.ascontiguousarray(boxes + 0.0)  # one zero, not two
    whole = pa.Array.from_buffers(
        pa.binary(same.itemsize * 4), len(same), [None, pa.py_buffer(same)]
    )
    number = np.asarray(whole.dictionary_encode().indices)
    return np.asarray(np.bincount(number, minlength=1)[number] > 1)


def _wkb(geometries: Geometries) -> Any:
    high = shapely.has_z(geometries) | shapely.has_m(geometries)
    flat = geometries
    if high.any():
        flat = geometries.copy()
        flat[high] = shapely.force_2d(flat[high])
    return np.asarray(shapely.to_wkb(flat, byte_order=1), dtype=object)


def part_ids(ids: Sequence[str], owner: Sequence[int]) -> list[str]:
    """A row's id for its first part, ``id-2`` for its second, and so on."""
    parts: dict[int, int] = {}
    out = []
    for row in owner:
        parts[row] = parts.get(row, 0) + 1
        out.append(ids[row] if parts[row] == 1 else f"{ids[row]}-{parts[row]}")
    return out


def check_parts(file: str, ids: Sequence[str], owner: Sequence[int], findings: Findings) -> None:
    """Raise BadFileError where a part's id is that of another row: ``A-2`` beside A's second."""
    if len(set(ids)) == len(ids):
        return
    seen: dict[str, int] = {}
    for feature_id, row in zip(ids, owner, strict=True):
        first = seen.setdefault(feature_id, row)
        if first != row:
            raise BadFileError(
                f"{file}: {findings.where(row)}: a part of {findings.where(first)} has the same id"
                f" {feature_id!r}: change one of them"
            )
