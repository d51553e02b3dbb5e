"""A cheap sender: bodies that were encoded before, over kept connections, one thread each."""

from __future__ import annotations

import json
import socket
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tests.workload import Fixes, unit_id

JSON, NDJSON = "application/json", "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, said: bytes) -> None:
        super().__init__(f"the server answered {status}: {said[:300]!r}")
        self.status = status


def encoded(fixes: Fixes, media_type: str) -> bytes:
    """A body of fixes."""
    if media_type == JSON:
        return json.dumps(fixes.rows(), separators=(",", ":")).encode()
    if media_type == NDJSON:
        return b"\n".join(json.dumps(r, separators=(",", ":")).encode() for r in fixes.rows())
    names = [unit_id(n) for n in range(int(fixes.unit.max()) + 1)]
    table = pa.table(
        {
            "unit": pa.array([names[n] for n in fixes.unit], pa.string()),
            "time": pa.array(fixes.time_us, pa.timestamp("us", tz="UTC")),
            "lon": fixes.lon,
            "lat": fixes.lat,
            "accuracy_m": pa.array(fixes.accuracy_m, pa.float64(), from_pandas=True),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where fixes go, as whom and in which form."""

    port: int
    token: str
    media_type: str

    def request(self, fixes: Fixes) -> bytes:
        """The bytes of a request."""
        body = encoded(fixes, self.media_type)
        head = (
            f"POST /api/fixes HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Type: {self.media_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Line:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Send a request and wait for its answer's body; raises RefusedError."""
        self._socket.sendall(request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._heard()
        head = got[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r", 1)[0])
        while len(got) < end + 4 + length:
            got += self._heard()
        if head[9:12] != b"200":
            raise RefusedError(int(head[9:12]), got[end + 4 :])
        return got[end + 4 :]

    def _heard(self) -> bytes:
        more = self._socket.recv(65_536)
        if not more:
            raise ConnectionError("the server closed the connection")
        return more

    def close(self) -> None:
        """End it."""
        self._socket.close()


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How a part of the work went."""

    fixes: int
    seconds: float
    batch_ms: float  #: median of the batches
    sender_s: float  #: CPU seconds of this process

    @property
    def rate(self) -> float:
        """Fixes a second."""
        return self.fixes / self.seconds


def send(lines: Sequence[Line], queues: Sequence[Sequence[bytes]], fixes: int) -> Sent:
    """Send each queue over its line, all at once, each next request after the answer."""
    took: list[float] = []
    failed: list[BaseException] = []

    def work(line: Line, queue: Sequence[bytes]) -> None:
        try:
            for request in queue:
                begun = time.perf_counter()
                line.ask(request)
                took.append(time.perf_counter() - begun)
        except BaseException as error:  # noqa: BLE001  told by the thread that waits
            failed.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(lines, queues, strict=True)]
    begun, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    if failed:
        raise failed[0]
    return Sent(fixes=fixes, seconds=seconds, batch_ms=statistics.median(took) * 1000, sender_s=cpu)


def lateness(queues: Sequence[Sequence[Fixes]]) -> float:
    """Share of fixes that come after a newer one of their unit, where each queue is kept."""
    late = count = 0
    for queue in queues:
        for_unit: dict[int, int] = {}
        for batch in queue:
            newest = np.array([for_unit.get(u, 0) for u in batch.unit.tolist()])
            late += int((batch.time_us < newest).sum())
            count += len(batch)
            for unit, moment in zip(batch.unit.tolist(), batch.time_us.tolist(), strict=True):
                for_unit[unit] = max(moment, for_unit.get(unit, 0))
    return late / count
