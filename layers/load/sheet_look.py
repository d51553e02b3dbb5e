"""What is looked at of a sheet before its cells are read: which of its formulas have no result, and
how far its cells reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

#: As many cells may lie between the first and the last, empty ones counted: all take memory.
MOST_CELLS = 20_000_000

#: A cell's row and column from 0.
Place = tuple[int, int]


@dataclass(kw_only=True)
class Look:
    """What was seen of a sheet."""

    errors: dict[Place, str] = field(default_factory=dict)  #: what formulas say for a result
    _unsolved: list[Place] = field(default_factory=list)  #: the first formula never calculated
    _count: int = 0  #: how many of these there are
    _filled: int = 0  #: cells with a value
    _top: int = 0
    _left: int = 0
    _low: Place = (0, 0)  #: a cell of the last row that has any
    _right: Place = (0, 0)  #: a cell of the last column that has any

    def fill(self, row: int, column: int, *, rows: int = 1, columns: int = 1) -> None:
        """A cell has a value, and so have those that it is repeated in."""
        low, right = row + rows - 1, column + columns - 1
        first = not self._filled
        self._filled += 1
        self._top = row if first else min(row, self._top)
        self._left = column if first else min(column, self._left)
        if first or low > self._low[0]:
            self._low = low, right
        if first or right > self._right[1]:
            self._right = low, right

    def miss(self, row: int, column: int, count: int = 1) -> None:
        """A cell has a formula that was never calculated, and so have some more."""
        self._unsolved = self._unsolved or [(row, column)]
        self._count += count

    @property
    def is_too_wide(self) -> bool:
        """Whether the cells are too many, and most of them empty."""
        spanned = (self._low[0] - self._top + 1) * (self._right[1] - self._left + 1)
        return spanned > max(MOST_CELLS, 2 * self._filled)

    @property
    def fault(self) -> str:
        """Why the sheet cannot be loaded, if so."""
        if self.is_too_wide:
            ends = dict.fromkeys([_address(*self._low), _address(*self._right)])
            return (
                f"its cells reach to {' and '.join(ends)}, most of them empty: take out what"
                " stands there"
            )
        if self._unsolved:
            more = f" (and {self._count - 1} more)" if self._count > 1 else ""
            return (
                f"the formula in {_address(*self._unsolved[0])}{more} has no result: open the file"
                " in a spreadsheet program and save it"
            )
        return ""


def column_of(letters: str) -> int:
    """The number from 0 of column A, …, Z, AA, …"""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _address(row: int, column: int) -> str:
    letters, left = "", column + 1
    while left:
        left, letter = divmod(left - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


def parse(
    data: bytes,
    begin: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    write: Callable[[str], None],
) -> None:
    """Walk through XML; names are those of its space, a blank, its own. Raises ExpatError."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = write
    parser.Parse(data, True)
