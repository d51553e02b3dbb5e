"""What the processes of one service share: they end together."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int | None) -> None:
    """Ask the kernel to end this process when ``parent`` dies, however it dies (Linux)."""
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("patrolgrid: the process that started this one is gone")
