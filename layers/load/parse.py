"""Cells to checked values, a whole column at a time; what is wrong is told row by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from layers.errors import BadFeatureError, BadValueError
from layers.load import mojibake, moments, persons
from layers.load.cells import is_error
from layers.load.findings import Findings
from layers.load.plan import Plan
from layers.places.columns import Column, is_missing, shown, text_of


def mend_texts(
    columns: Mapping[str, Sequence[Any]], findings: Findings
) -> dict[str, Sequence[Any]]:
    """Columns whose texts were read in the wrong code page before they came here, mended."""
    out: dict[str, Sequence[Any]] = {}
    for name, values in columns.items():
        found = mojibake.mended(values)
        out[name] = values
        if found is not None:
            out[name] = found.column(values)
            for row, value in enumerate(values):
                if _is_text(value) and value in found.texts:
                    findings.repair(row, _was_read(name, value, found))
            findings.notes.extend(f"column {name}: {one}" for one in found.notes)
    return out


def _was_read(name: str, value: str, found: mojibake.Mended) -> str:
    after = found.texts[value]
    return f"{name} was {found.codec} read as Latin-1: {shown(value)} is {shown(after)}"


def parse(
    plan: Plan, columns: Mapping[str, Sequence[Any]], findings: Findings
) -> dict[str, list[Any]]:
    """Every column that is given or set, its values checked; bad rows are refused.

    Raises BadFeatureError for a column that is needed and neither there nor set.
    """
    rows = len(findings.fine)
    parsed: dict[str, list[Any]] = {}
    columns = _without_words(plan, columns, findings)
    for name, column in plan.layer.columns.items():
        if name in columns:
            parsed[name] = _column(plan, column, columns[name], findings)
            if column.kind == "text" and not column.choices:
                persons.refuse(name, parsed[name], findings)
        elif name in plan.settings:
            parsed[name] = [plan.settings[name]] * rows
        elif column.needed and name != "level":
            raise BadFeatureError(f"it has no column {name!r}: --map {name}=… or --set {name}=…")
    _note_zeros(plan, parsed, findings)
    return parsed


def column(plan: Plan, name: str, values: Sequence[Any], findings: Findings) -> list[Any]:
    """One column of the layer, its values checked; bad rows are refused."""
    plain = _without_words(plan, {name: values}, findings)[name]
    parsed = _column(plan, plan.layer.columns[name], plain, findings)
    if plan.layer.columns[name].kind == "text" and not plan.layer.columns[name].choices:
        persons.refuse(name, parsed, findings)
    return parsed


def without_unknown(plan: Plan, columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Columns with nothing where they have what was said to mean missing, as the file writes it:
    what stands for nothing is neither read in another way nor refused."""
    out: dict[str, Sequence[Any]] = dict(columns)
    for name in plan.unknown.keys() & columns.keys():
        words = plan.unknown_texts(name)
        if plan.layer.columns[name].kind in ("integer", "number"):
            numbers = {_number(word) for word in words} - {None}
        else:
            numbers = set()
        out[name] = [None if _says(one, words, numbers) else one for one in columns[name]]
    return out


def _says(value: Any, words: set[str], numbers: set[float | None]) -> bool:
    """Whether a cell is one of some words, or one of some numbers."""
    try:
        text = "" if is_missing(value) else text_of(value)
    except (ValueError, OverflowError):
        return False
    return bool(text) and (text in words or (bool(numbers) and _number(text) in numbers))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


#: What people write into a cell for a number or time that nobody knows.
_NOTHING = {
    "n/a", "na", "n.a.", "n/d", "nd", "#n/a", "#н/д", "н/д", "нет", "нет данных", "null", "none",
    "nil", "nan", "nat", "-", "--", "---", "–", "—", "?", "/", "\\", "无", "未知", "不详", "空",
    "暂无", "無", "үгүй", "байхгүй", "мэдэгдэхгүй", "unknown", "<null>", "(null)", "\\n",
}  # fmt: skip


def _without_words(
    plan: Plan, columns: Mapping[str, Sequence[Any]], findings: Findings
) -> dict[str, Sequence[Any]]:
    """Columns without what says that there is none: of numbers and times the words for it, of
    texts the errors of formulas, for whose result nobody would take them; told."""
    out: dict[str, Sequence[Any]] = dict(columns)
    for name, values in columns.items():
        column = plan.layer.columns.get(name)
        if column is None:
            continue
        said = _nothing(column, values)
        said -= {text for text in said if text.strip() in plan.unknown_texts(name)}
        if said:
            out[name] = [None if _is_text(v) and v in said else v for v in values]
            for row in [n for n, v in enumerate(values) if _is_text(v) and v in said]:
                findings.repair(row, f"{name} {shown(values[row])} was taken as missing")
        if column.kind in ("integer", "number"):
            out[name] = _with_points(name, out[name], findings)
    return out


def _nothing(column: Column, values: Sequence[Any]) -> set[str]:
    """Which texts of a column say that there is no value."""
    texts = set(filter(_is_text, values))
    said: set[str] = set()
    if column.kind in ("integer", "number", "time") or column.refers:
        said |= {text for text in texts if text.strip().lower() in _NOTHING}
    if column.kind == "text" and not column.choices and column.name != "level":
        said |= {text for text in texts if ("#" in text or ":" in text) and is_error(text)}
    return said


#: 1 234 and 60,5: a blank between thousands, a comma before decimals (never 1,234, which may be
#: either).
_THOUSANDS = re.compile(r"\s*[-+]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?\s*")
_COMMA = re.compile(r"\s*[-+]?\d+,(?:\d{1,2}|\d{4,})\s*")


def _with_points(name: str, values: Sequence[Any], findings: Findings) -> Sequence[Any]:
    """Numbers with a decimal comma, or blanks between thousands, as numbers; told."""
    found = {
        value: re.sub(r"\s", "", value).replace(",", ".")
        for value in set(filter(_is_text, values))
        if _COMMA.fullmatch(value) or _THOUSANDS.fullmatch(value)
    }
    for row in [n for n, v in enumerate(values) if found and _is_text(v) and v in found]:
        findings.repair(row, f"{name} {shown(values[row])} was read as {found[values[row]]}")
    return [found.get(v, v) if _is_text(v) else v for v in values] if found else values


def _is_text(value: Any) -> bool:
    return type(value) is str


def _column(plan: Plan, column: Column, values: Sequence[Any], findings: Findings) -> list[Any]:
    wrong: dict[Any, str] = {}
    one = _reader(plan, column)

    def read(value: Any) -> Any:
        try:
            return one(value)
        except BadValueError as error:
            return _Bad(str(error))

    kinds = set(map(type, values))
    if kinds <= {str, type(None)}:
        # Texts as keys are no other values' equals, and few distinct ones make up most columns.
        plain = _takes_any_text(plan, column)
        distinct = set(values)
        if plain and None not in distinct and _all_fine(distinct):
            return list(values)
        known = {v: v if plain and _is_fine(v) else read(v) for v in distinct}
        out = [known[value] for value in values]
        wrong = {value: found for value, found in known.items() if isinstance(found, _Bad)}
        if not wrong:
            return out
    else:
        out = list(map(read, values))
    for row, found in enumerate(out):
        if isinstance(found, _Bad):
            findings.refuse(row, found)
            out[row] = None
    return out


def _takes_any_text(plan: Plan, column: Column) -> bool:
    own = column.choices or column.also or column.check or column.name in plan.unknown
    return column.kind == "text" and not own


def _all_fine(values: set[str]) -> bool:
    """Whether all of some texts are fine, as ``_is_fine`` says of each."""
    lines = "\n".join(["", *values, ""])
    return (
        lines.count("\n") == len(values) + 1
        and "\n\n" not in lines
        and "\n " not in lines
        and " \n" not in lines
        and lines.replace("\n", "").isprintable()
        and max(map(len, values), default=0) < 100
    )


def _is_fine(value: str | None) -> bool:
    """Whether a text stays as it is beyond doubt; nearly all do."""
    if value is None:
        return False
    return 0 < len(value) < 100 and value.isprintable() and value == value.strip()


class _Bad(str):
    """Why a value is refused, in its place."""

    __slots__ = ()


def _reader(plan: Plan, column: Column) -> Callable[[Any], Any]:
    """What makes a cell a value of the column. A level that is missing is found later."""
    unknown, words = plan.unknown.get(column.name, ()), plan.unknown_texts(column.name)

    def read(value: Any) -> Any:
        if words and _is_text(value) and value.strip() in words:
            return column.parse(None)
        if column.name == "level" and is_missing(value):
            return None
        if column.kind == "time":
            value = _zoned(column.name, value, plan)
        parsed = column.parse(value)
        return column.parse(None) if unknown and parsed in unknown else parsed

    return read


#: What spreadsheets make of a date of 0.
_EMPTY_DAYS = (date(1899, 12, 30), date(1899, 12, 31))


def _zoned(name: str, value: Any, plan: Plan) -> Any:
    """A time with its zone: its own, else the one that was said. Raises BadValueError."""
    zone = plan.zone
    if isinstance(value, str) and value.strip():
        # Where it is none the column says what is wrong with it.
        value = moments.read(name, value, plan.dates) or value
    if isinstance(value, datetime) and value == value and value.date() in _EMPTY_DAYS:  # noqa: PLR0124
        raise BadValueError(
            f"{name} is {shown(str(value))}, which is a spreadsheet's empty date: leave it empty"
        )
    if not isinstance(value, datetime) or value.utcoffset() is not None or value != value:  # noqa: PLR0124
        return value
    if zone is None:
        raise BadValueError(
            f"{name} is {shown(str(value))}, without a time zone: give it one, such as"
            " 2026-03-01T08:00:00+08:00, or say which with --time-zone Asia/Shanghai"
        )
    first, second = (value.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        skipped = (second.utcoffset() or timedelta()) > (first.utcoffset() or timedelta())
        how = "never was" if skipped else "was twice"
        raise BadValueError(
            f"{name} is {shown(str(value))}, which {how} in {zone.key}, where the clock was"
            " changed: give it its zone"
        )
    return first


def _note_zeros(plan: Plan, parsed: Mapping[str, list[Any]], findings: Findings) -> None:
    """Offices write 0 for a number of households that nobody knows."""
    zeros = sum(value == 0 for value in parsed.get("households", ()) if value is not None)
    if zeros and "households" not in plan.unknown and "households" not in plan.settings:
        says = "1 row says" if zeros == 1 else f"{zeros} rows say"
        findings.note(f"{says} 0 households: if 0 means unknown, --unknown households=0")
