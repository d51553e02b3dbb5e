"""A real ``patrolgrid run``, in processes, a data folder and a port of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

#: Until a first start is ready; DESIGN says two minutes, a busy machine may be slower.
READY_WITHIN_S = 240


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(kw_only=True)
class Service:
    """A running ``patrolgrid run``, or one that is to be started."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    admin_token: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which it and its commands run."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith("PATROLGRID_")}
        return {
            **ours,
            "PATROLGRID_DATA_DIR": str(self.data_dir),
            "PATROLGRID_PORT": str(self.port),
            "PATROLGRID_WEBHOOK_ALLOW": "127.0.0.0/8",
        }

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.data_dir.parent / f"{self.data_dir.name}.log"

    def start(self, *arguments: str) -> None:
        """Start it in a process group of its own."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api", "run", *arguments],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                process_group=0,
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        """Wait for /readyz; fails with what the service printed."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"the service is not ready:\n{self.log.read_text()[-4000:]}")

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of patrolgrid in the same environment."""
        done = subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def client(self) -> httpx.Client:
        """A client that may do everything."""
        if not self.admin_token:
            self.admin_token = self.command("token", "create", "--scope", "admin").stdout.strip()
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.admin_token}"},
            timeout=60,
            trust_env=False,
        )

    def stop(self) -> int:
        """End it by SIGTERM; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def end(self) -> None:
        """Make sure that nothing of it is left."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def server_pid(self) -> int:
        """Process of its private PostgreSQL."""
        return int((self.data_dir / "cluster" / "postmaster.pid").read_text().split()[0])
