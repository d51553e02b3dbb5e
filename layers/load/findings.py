"""What a load finds in a file's rows: what it repairs, what it refuses, and what one should know.

A fault belongs to its row and stops no other: whoever mends a file sees all of its faults at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from layers.errors import BadFileError
from layers.places.shapes import Where


class Findings:
    """The findings of one load, by row."""

    def __init__(self, rows: int, where: Where) -> None:
        self.where = where
        #: The rows that nothing speaks against, yet.
        self.fine: NDArray[np.bool_] = np.ones(rows, dtype=bool)
        self.notes: list[str] = []
        #: Those of the notes that may be why rows are refused.
        self.suspicions: list[str] = []
        self._refused: dict[int, str] = {}
        self._left_out: list[tuple[int, str]] = []
        self._repaired: list[tuple[int | None, str]] = []

    def refuse(self, row: int, why: str) -> None:
        """The row cannot be stored; its first fault is the one that is told."""
        self._refused.setdefault(row, why)
        self.fine[row] = False

    def refuse_all(self, wrong: Mapping[int, str]) -> None:
        """Several rows, each with its reason."""
        for row, why in wrong.items():
            self.refuse(row, why)

    def leave_out(self, row: int, why: str) -> None:
        """The row says nothing that another does not: it is not stored, and not refused."""
        self._left_out.append((row, why))
        self.fine[row] = False

    def repair(self, row: int | None, what: str) -> None:
        """Something was mended, in a row or (None) in the whole file."""
        self._repaired.append((row, what))

    def repair_all(self, mended: Mapping[int, str]) -> None:
        """Several rows, each with what was wrong."""
        self._repaired.extend(mended.items())

    def apart(self) -> Findings:
        """Findings of the same rows, for who looks at them at the same time; see ``take``."""
        other = Findings(len(self.fine), self.where)
        other.fine = self.fine.copy()
        return other

    def take(self, others: Findings) -> None:
        """Add what another found of the same rows; the faults found here come first."""
        self.refuse_all(others._refused)
        self._left_out.extend(others._left_out)
        self._repaired.extend(others._repaired)
        self.notes.extend(others.notes)
        self.suspicions.extend(others.suspicions)
        self.fine &= others.fine

    def note(self, what: str) -> None:
        """Something one should know that changes no row."""
        self.notes.append(what)

    @property
    def rows(self) -> NDArray[np.intp]:
        """The numbers of the rows that are fine."""
        return np.flatnonzero(self.fine)

    @property
    def refused(self) -> list[str]:
        """Why which rows are refused, in their order."""
        return [f"{self.where(row)}: {why}" for row, why in sorted(self._refused.items())]

    @property
    def repaired(self) -> list[str]:
        """What was mended in rows that are stored: the file's, then by row."""
        of_file = [what for row, what in self._repaired if row is None]
        of_rows = [
            (row, what) for row, what in self._repaired if row is not None and self.fine[row]
        ]
        of_rows += self._left_out
        of_rows.sort(key=lambda one: one[0])
        return of_file + [f"{self.where(row)}: {what}" for row, what in of_rows]


class RefusedRowsError(BadFileError):
    """Rows of the file are refused, or would have to be repaired; nothing was changed."""

    def __init__(
        self, message: str, *, refused: list[str], repaired: list[str], notes: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.refused = refused
        self.repaired = repaired
        self.notes = list(notes)


def first_of(lines: Iterable[str], noun: str = "row") -> str:
    """The first line, and how many more there are."""
    first, *others = lines
    if not others:
        return first
    return f"{first} (and {len(others)} more {noun}{'s' if len(others) > 1 else ''})"
