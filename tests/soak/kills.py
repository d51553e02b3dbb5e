"""Killing a service, or its database, where it hurts; and putting it up again.

Only processes of the given service are touched: they are found as its children and as those of
the server whose data folder is its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

from layers.db.cluster import Cluster
from service import Service

#: What is killed, and how often in twenty times.
DECK = {"http": 2, "service": 2, "everything": 2, "postmaster": 8, "backend": 6}


def cluster(service: Service) -> Cluster:
    """Its private cluster."""
    return Cluster(data_dir=service.data_dir)


def below(parent: int) -> dict[int, list[str]]:
    """The children of a process, each with its command."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            if int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found[int(folder.name)] = (folder / "cmdline").read_text().split("\0")
    return found


def kill(service: Service, victim: str, pick: float) -> bool:
    """Kill -9 what ``victim`` names; ``pick`` (0-1) chooses a backend. False: it is not there."""
    assert service.process is not None
    children = below(service.process.pid)
    server = _server(service)
    backends = sorted(
        pid for pid, words in below(server).items() if words[0].startswith("postgres: patrolgrid")
    ) if server else []  # fmt: skip
    doomed = {
        "http": [pid for pid, words in children.items() if "serve" in words],
        "service": [service.process.pid, *children],
        "everything": [service.process.pid, *children, *([server] if server else []), *backends],
        "postmaster": [server] if server else [],
        "backend": backends[int(pick * len(backends)) :][:1],
    }[victim]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if service.process.pid in doomed:
        service.process.wait()
        service.start("--no-demo")
    return bool(doomed)


def _server(service: Service) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        pid = service.server_pid()
        if os.fsencode(service.data_dir) in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def clear(service: Service) -> None:
    """End all of it, whatever state it is in: no process, socket or shared memory is left."""
    if service.process is not None:
        children = below(service.process.pid)
        service.end()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    server = cluster(service)
    if (server.folder / "PG_VERSION").exists():
        # A server that was killed leaves shared memory, which the next start gives back.
        server.ensure_running()
        sockets = server._socket_folder()
        server.stop()
        shutil.rmtree(sockets, ignore_errors=True)
