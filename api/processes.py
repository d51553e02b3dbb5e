"""What the processes of one service share: they end together, and listen on one port."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
import time

from api.settings import PREFIX, Settings, SettingsError

_PR_SET_PDEATHSIG = 1
PORT_WITHIN_S = 3


def end_with(parent: int | None) -> None:
    """Ask the kernel to end this process when ``parent`` dies, however it dies (Linux)."""
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("patrolgrid: the process that started this one is gone")


def check_port(settings: Settings) -> None:
    """Raise SettingsError, which says what to do, when the port cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The children of one that was killed need a moment to end.
        deadline = time.monotonic() + PORT_WITHIN_S
        while True:
            try:
                return probe.bind((settings.host, settings.port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise SettingsError(
                        f"port {settings.port} on {settings.host} cannot be had "
                        f"({error.strerror}): end what uses it, or set {PREFIX}PORT"
                    ) from None
            time.sleep(0.1)
