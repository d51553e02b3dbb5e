"""What tests of commands share: how a command ended, and small files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WALK = "unit,time,lon,lat\n" + "".join(
    f"eagle,2026-03-02T04:{minute:02d}:00Z,{103.01 + minute * 0.001:.3f},42.1\n"
    for minute in range(30)
)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of a refusal."""
        assert self.code == 1, self
        (line,) = self.err.splitlines()
        assert line.startswith("patrolgrid: "), line
        assert self.out == ""
        return line


Run = Callable[..., Ended]


def write(file: Path, content: str | bytes) -> Path:
    """Write a file, and give it back."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file
