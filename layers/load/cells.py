"""The cells of a spreadsheet as texts, whichever library read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

#: What a spreadsheet shows in full, of a whole number; it knows 15 digits of any.
_MOST_WHOLE = 10**15
#: What spreadsheets show instead of a result, in English and in Russian; the Chinese ones of Excel
#: are the English ones.
_ERROR = re.compile(
    r"#(?:(?:REF|DIV/0|VALUE|NUM|NULL|SPILL|CALC|FIELD|BLOCKED|CONNECT|BUSY|UNKNOWN)!|NAME\?|N/A"
    r"|GETTING_DATA|(?:ССЫЛКА|ССЫЛ|ДЕЛ/0|ЗНАЧ|ЧИСЛО|ПУСТО)!|ИМЯ\?|Н/Д)"
    r"|(?:Err|Ошибка|错误):\d{3}",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The rows of a sheet that are not blank."""

    rows: list[list[str]]
    lines: list[int]  #: the sheet's line of each
    merged: bool  #: cells were merged over several rows
    hidden: bool
    fault: str = ""  #: why it cannot be loaded
    notes: Sequence[str] = ()  #: what to tell who loads it

    @classmethod
    def of(
        cls,
        cells: list[list[str]],
        merged: Iterable[tuple[int, int, int]],
        *,
        above: int = 0,
        left: int = 0,
        hidden: bool,
        fault: str = "",
        notes: Sequence[str] = (),
    ) -> Sheet:
        """Of all cells but for ``above`` rows and ``left`` columns; ``merged`` are the first and
        last row and the first column of what is one cell, numbered from 0 in the whole sheet."""
        kept = [n for n, row in enumerate(cells) if any(cell.strip() for cell in row)]
        return cls(
            rows=[cells[n] for n in kept],
            lines=[above + n + 1 for n in kept],
            merged=any(
                top < bottom and 0 <= top - above < len(cells) and column >= left
                and any(cells[top - above][column - left :][:1])
                for top, bottom, column in merged
            ),
            hidden=hidden,
            fault=fault,
            notes=notes,
        )  # fmt: skip


def is_error(said: str) -> bool:
    """Whether a text is what a spreadsheet shows of a formula without a result."""
    return _ERROR.fullmatch(said.strip()) is not None


def text(cell: Any) -> str:
    """A cell as the reader of tables expects it: numbers without what no one typed, times ISO."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int | float):
        return _number(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    assert isinstance(cell, timedelta)
    minutes, seconds = divmod(round(cell.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _number(number: float) -> str:
    """A number; of a whole one with more digits than a spreadsheet knows that it was cut short."""
    if number != int(number):
        return repr(number)
    return str(int(number)) if abs(number) < _MOST_WHOLE else f"{number:.15g}"
