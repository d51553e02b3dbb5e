"""Webhooks on the wire: a real worker, a real database and a real receiver on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import Engine, text
from standardwebhooks import Webhook

from api.jobs import receivers
from api.jobs.deliver import PAUSES_S
from api.jobs.worker import Pace, run_worker
from layers.db.engine import SYSTEM, acting
from layers.outbox import deliveries, subscriptions
from layers.outbox.deliveries import Delivery
from layers.outbox.events import NewEvent, publish
from layers.outbox.subscriptions import NewSubscription

LOOPBACK = [ip_network("127.0.0.0/8")]
QUICK = Pace(
    poll_s=0.02, heartbeat_s=0.1, stalled_s=0.5, rescue_s=0.1, reconnect_s=0.05, grace_s=3,
    timeout_s=3, pauses_s=(0.05,) * 200,
)  # fmt: skip
OPENED = NewEvent(type="breach.opened", breach=None, data={"unit": "马队-1", "revision": 1})


@pytest.fixture(scope="module")
def database_url(file_database_url: str) -> str:
    return file_database_url


@pytest.fixture
def engine(outbox_engine: Engine) -> Engine:
    return outbox_engine


class Inbox(ThreadingHTTPServer):
    """A receiver that keeps what it gets and answers what it is told to."""

    daemon_threads = True

    def __init__(self, *answers: int, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers = list(answers)  # the first of them; 204 after those
        self.location = ""
        self.pause_s = 0.0
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        threading.Thread(target=lambda: self.serve_forever(0.02), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}/in?key=1"

    @property
    def ids(self) -> list[str]:
        """webhook-id of each message, in order of arrival."""
        return [headers["webhook-id"] for _, headers, _ in self.got]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A sender that hangs up is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append((self.path, headers, body))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        time.sleep(self.server.pause_s)
        self.send_response(answer)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def working(
    url: str,
    pace: Pace = QUICK,
    allowed: Sequence[receivers.Network] = LOOPBACK,
    tls: ssl.SSLContext | None = None,
) -> Iterator[None]:
    """A worker in a thread for as long as the block lasts."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    worker = run_worker(url, allowed=allowed, stop=stop, pace=pace, tls=tls)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(worker)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
    assert not failures
    assert not thread.is_alive()


def subscribe(engine: Engine, url: str) -> NewSubscription:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return subscriptions.create(connection, url=url)


def tell(engine: Engine, count: int = 1) -> list[str]:
    """Publish; the webhook-ids that the messages must have."""
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        return [f"evt_{number}" for number in publish(connection, [OPENED] * count)]


def progress(engine: Engine, made: NewSubscription) -> list[Delivery]:
    """The subscription's deliveries, by event."""
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        return deliveries.listed(connection, made.subscription.id)[::-1]


def until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def all_are(engine: Engine, made: NewSubscription, state: str) -> Callable[[], bool]:
    return lambda: {d.state for d in progress(engine, made)} == {state}


def no_jobs(engine: Engine) -> bool:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar() == 0


def test_a_message_is_signed_by_the_standard_and_tells_the_event(
    engine: Engine, database_url: str
) -> None:
    with Inbox() as inbox, working(database_url):
        made = subscribe(engine, inbox.url)
        ids = tell(engine)
        until(all_are(engine, made, "delivered"))
        until(lambda: no_jobs(engine))
    ((path, headers, body),) = inbox.got
    told = Webhook(made.secret).verify(body, headers)
    assert told["type"] == "breach.opened"
    assert told["data"] == OPENED.data
    assert told["timestamp"].endswith("Z")
    assert headers["webhook-id"] == ids[0]
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"localhost:{inbox.server_port}"
    assert path == "/in?key=1"
    assert json.loads(body) == told
    (delivery,) = progress(engine, made)
    assert (delivery.attempts, delivery.last_status, delivery.last_error) == (1, 204, None)


def test_a_refused_message_is_tried_again_under_the_same_id_until_it_is_taken_once(
    engine: Engine, database_url: str
) -> None:
    with Inbox(500, 503) as inbox, working(database_url):
        made = subscribe(engine, inbox.url)
        ids = tell(engine)
        until(all_are(engine, made, "delivered"))
        time.sleep(0.2)
    assert inbox.ids == ids * 3
    assert progress(engine, made)[0].attempts == 3


def test_a_receiver_that_was_down_gets_everything_when_it_is_back(
    engine: Engine, database_url: str
) -> None:
    with Inbox() as inbox:
        made = subscribe(engine, inbox.url)
        port = inbox.server_port
    with working(database_url):
        ids = tell(engine, 5)
        until(lambda: all(d.attempts >= 2 for d in progress(engine, made)))
        assert "ConnectError" in str(progress(engine, made)[0].last_error)
        with Inbox(port=port) as inbox:
            until(all_are(engine, made, "delivered"))
            assert sorted(inbox.ids) == sorted(ids)


def test_the_first_message_that_is_taken_brings_forward_those_that_wait(
    engine: Engine, database_url: str
) -> None:
    pace = replace(QUICK, pauses_s=(3600,))
    with Inbox(500, 500) as inbox, working(database_url, pace):
        made = subscribe(engine, inbox.url)
        tell(engine, 2)
        until(lambda: all(d.next_at is not None for d in progress(engine, made)))
        tell(engine)
        until(all_are(engine, made, "delivered"))
    assert len(inbox.got) == 5


def test_a_delivery_is_given_up_when_its_attempts_are_used_and_replay_brings_it_back(
    engine: Engine, database_url: str
) -> None:
    with Inbox(500, 500, 500) as inbox, working(database_url, replace(QUICK, pauses_s=(0.05,) * 2)):
        made = subscribe(engine, inbox.url)
        ids = tell(engine)
        until(all_are(engine, made, "failed"))
        (given_up,) = progress(engine, made)
        assert (given_up.attempts, given_up.last_error) == (3, "HTTP 500")
        with acting(engine, SYSTEM, "patrolgrid_write") as connection:
            assert subscriptions.replay(connection, made.subscription.id) == 1
        until(all_are(engine, made, "delivered"))
    assert inbox.ids == ids * 4


def test_attempts_go_on_for_days() -> None:
    assert PAUSES_S[0] <= 10
    assert sum(PAUSES_S) * 0.75 >= 3 * 86_400
    assert max(PAUSES_S) <= 3600


def test_the_answer_410_switches_the_subscription_off(engine: Engine, database_url: str) -> None:
    with Inbox(410) as inbox, working(database_url):
        made = subscribe(engine, inbox.url)
        tell(engine)
        until(all_are(engine, made, "failed"))
        tell(engine)
        time.sleep(0.2)
    assert len(inbox.got) == len(progress(engine, made)) == 1
    with acting(engine, SYSTEM, "patrolgrid_read") as connection:
        assert not subscriptions.get(connection, made.subscription.id).active


def test_a_redirect_is_not_followed(engine: Engine, database_url: str) -> None:
    with Inbox() as inner, Inbox(302) as outer, working(database_url, replace(QUICK, pauses_s=())):
        outer.location = inner.url
        made = subscribe(engine, outer.url)
        tell(engine)
        until(all_are(engine, made, "failed"))
    assert inner.got == []
    assert str(progress(engine, made)[0].last_error).startswith("HTTP 302: redirects are not")


def test_the_address_is_checked_at_the_delivery_too(engine: Engine, database_url: str) -> None:
    with Inbox() as inbox, working(database_url, replace(QUICK, pauses_s=()), allowed=[]):
        made = subscribe(engine, inbox.url)
        tell(engine)
        until(all_are(engine, made, "failed"))
    assert inbox.got == []
    (refused,) = progress(engine, made)
    assert "localhost is 127.0.0.1" in str(refused.last_error)
    assert "key=1" not in str(refused.last_error)


def test_a_name_is_resolved_once_and_never_again_between_check_and_connection(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        number = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"  # a rebinding name server
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))]

    monkeypatch.setattr(receivers.socket, "getaddrinfo", _only_for("rebind.test", resolve))
    with Inbox() as inbox, working(database_url):
        made = subscribe(engine, f"http://rebind.test:{inbox.server_port}/")
        tell(engine)
        until(all_are(engine, made, "delivered"))
    assert asked == ["rebind.test"]
    assert inbox.got[0][1]["host"] == f"rebind.test:{inbox.server_port}"


def _only_for(name: str, resolve: Callable[..., list[object]]) -> Callable[..., list[object]]:
    real = socket.getaddrinfo

    def chosen(host: object, *rest: object, **more: object) -> list[object]:
        if host == name:
            return resolve(host, *rest, **more)
        return real(host, *rest, **more)  # type: ignore[arg-type, return-value]

    return chosen


def test_a_receiver_that_never_answers_is_left_after_the_timeout(
    engine: Engine, database_url: str
) -> None:
    pace = replace(QUICK, timeout_s=0.3, pauses_s=())
    with Inbox() as inbox, working(database_url, pace):
        inbox.pause_s = 1.0
        made = subscribe(engine, inbox.url)
        tell(engine)
        until(all_are(engine, made, "failed"))
    assert progress(engine, made)[0].last_error == "no answer within 0.3 s"


@pytest.mark.parametrize(
    ("name", "state"), [("hooks.test", "delivered"), ("another.test", "failed")]
)
def test_tls_asks_for_and_verifies_the_name_of_the_url(
    engine: Engine,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    state: str,
) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=hooks",
         "-addext", "subjectAltName=DNS:hooks.test"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    asked: list[object] = []
    served.sni_callback = lambda _, server_name, __: asked.append(server_name)
    trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    monkeypatch.setattr(
        receivers.socket,
        "getaddrinfo",
        _only_for(name, lambda _, port, **__: [(2, 1, 6, "", ("127.0.0.1", port))]),
    )
    pace = replace(QUICK, pauses_s=())
    with Inbox() as inbox, working(database_url, pace, tls=trusted):
        inbox.socket = served.wrap_socket(inbox.socket, server_side=True)
        made = subscribe(engine, f"https://{name}:{inbox.server_port}/")
        tell(engine)
        until(all_are(engine, made, state))
    assert asked == [name]
    assert len(inbox.got) == (state == "delivered")
    if state == "failed":
        assert "CERTIFICATE_VERIFY_FAILED" in str(progress(engine, made)[0].last_error)


def test_the_worker_outlives_its_database_connections(engine: Engine, database_url: str) -> None:
    with Inbox() as inbox, working(database_url):
        made = subscribe(engine, inbox.url)
        tell(engine)
        until(all_are(engine, made, "delivered"))
        with engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        tell(engine, 3)
        until(all_are(engine, made, "delivered"))
    assert len(set(inbox.ids)) == 4


def test_a_worker_whose_database_never_came_stops_when_it_is_told_to(tmp_path: Path) -> None:
    began = time.monotonic()
    with working(f"postgresql://nobody@/nothing?host={tmp_path}"):
        time.sleep(0.2)
    assert time.monotonic() - began < 5


@contextlib.contextmanager
def worker_process(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own."""
    program = (
        "import sys; from ipaddress import ip_network; from api.jobs.worker import Pace, work;"
        " work(sys.argv[1], allowed=[ip_network('127.0.0.0/8')],"
        " pace=Pace(heartbeat_s=0.1, stalled_s=0.5))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, url], cwd=Path(__file__).parents[2])
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_what_a_killed_worker_had_under_way_is_delivered_by_the_next(
    engine: Engine, database_url: str
) -> None:
    with Inbox() as inbox:
        inbox.pause_s = 30
        made = subscribe(engine, inbox.url)
        ids = tell(engine)
        with worker_process(database_url) as process:
            until(lambda: len(inbox.got) == 1, timeout_s=30)
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
        assert progress(engine, made)[0].state == "pending"
        inbox.pause_s = 0
        with working(database_url):
            until(all_are(engine, made, "delivered"))
    assert inbox.ids == ids * 2
    assert progress(engine, made)[0].attempts == 2


def test_a_stopped_worker_finishes_what_it_has_under_way(engine: Engine, database_url: str) -> None:
    with Inbox() as inbox:
        inbox.pause_s = 0.5
        made = subscribe(engine, inbox.url)
        tell(engine)
        with worker_process(database_url) as process:
            until(lambda: len(inbox.got) == 1, timeout_s=30)
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(10) == 0
    assert progress(engine, made)[0].state == "delivered"
    assert no_jobs(engine)
