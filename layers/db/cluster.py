"""A private PostgreSQL cluster in the data folder: a Unix socket, no TCP, nobody else's business.

Whoever needs the cluster holds a *lease*, a shared file lock; the first one in starts the server,
the last one out stops it. A process that is killed loses its lease with its life, and the server
that it leaves behind is adopted by the next one. The system's own clusters are never touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layers.db.passage import grant_passage
from layers.errors import DatabaseUnavailableError

OWNER = "patrolgrid"  #: superuser of the private cluster, and the name of its database
SERVER_USER = "postgres"  #: whom the server runs as when we are root, whom PostgreSQL refuses
START_TIMEOUT_S = 60

_CONFIGURATION = """\
# Written by patrolgrid when it made this cluster.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 120
shared_buffers = 512MB
work_mem = 32MB
maintenance_work_mem = 256MB
effective_cache_size = 2GB
random_page_cost = 1.1
max_wal_size = 4GB
wal_compression = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_size = 0
"""


def server_programs() -> Path:
    """Folder of the newest installed PostgreSQL whose PostGIS is installed, too."""
    found = []
    for control in Path("/usr/share/postgresql").glob("*/extension/postgis.control"):
        programs = Path("/usr/lib/postgresql") / control.parts[-3] / "bin"
        if (programs / "initdb").exists():
            found.append((int(control.parts[-3]), programs))
    if not found:
        raise DatabaseUnavailableError(
            "no PostgreSQL with PostGIS is installed: run `make setup` (Debian: apt-get install "
            "postgresql-15-postgis-3) or set PATROLGRID_DATABASE_URL"
        )
    return max(found)[1]


@dataclass(kw_only=True)
class Cluster:
    """The private cluster of one data folder."""

    data_dir: Path
    programs: Path = field(default_factory=server_programs)

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.expanduser().resolve()

    @property
    def folder(self) -> Path:
        """PostgreSQL's own data directory, owned by the user that the server runs as."""
        return self.data_dir / "cluster"

    @property
    def url(self) -> str:
        """Where the running server listens, as a SQLAlchemy URL."""
        return f"postgresql+psycopg://{OWNER}@/{OWNER}?host={self._socket_folder()}"

    @contextlib.contextmanager
    def lease(self) -> Iterator[str]:
        """Hold the running cluster, starting it if need be; its URL. The last one out stops it."""
        held = self._open_lease()
        try:
            with self._door():
                fcntl.flock(held, fcntl.LOCK_SH)
                self._ensure_running()
            yield self.url
        finally:
            with self._door():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.stop()
                os.close(held)

    def ensure_running(self) -> None:
        """Start the server if it is down; for the holder of a lease. Waits until it answers."""
        with self._door():
            self._ensure_running()

    def running(self) -> bool:
        """Whether the server of this folder is up."""
        return self._server() is not None

    def stop(self) -> None:
        """Stop the server, if it runs; sessions are ended, what was committed is kept."""
        if self.running():
            sockets = self._socket_folder()
            self._run("pg_ctl", "-D", str(self.folder), "-m", "fast", "-w", "-t", "60", "stop")
            with contextlib.suppress(OSError):
                sockets.rmdir()

    def _open_lease(self) -> int:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            return os.open(
                self.data_dir / "cluster.lease", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise DatabaseUnavailableError(
                f"the data folder {self.data_dir} cannot be used ({error.strerror}): set "
                "PATROLGRID_DATA_DIR to a folder that may be written"
            ) from error

    def _ensure_running(self) -> None:
        if not (self.folder / "PG_VERSION").exists():
            self._create()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self.running():  # it is still starting, or was just killed
                said = "it does not answer"
            else:
                done = self._start()
                if done.returncode == 0:
                    continue
                said = self._reason(done.stderr + done.stdout)
            # After kill -9 of the server its children need a moment to let go of shared memory.
            if time.monotonic() > deadline:
                raise DatabaseUnavailableError(
                    f"the private database in {self.folder} does not start: "
                    f"{said}; see start.log and log/ there"
                )
            time.sleep(0.2)

    def _answers(self) -> bool:
        if not self.running():
            return False
        # Nameless it would ask as the server's user, of whom the server's log would complain.
        asked = (
            "pg_isready",
            "-q",
            "-h",
            str(self._socket_folder()),
            "-U",
            OWNER,
            "-d",
            "postgres",
        )
        return self._run(*asked).returncode == 0

    def _server(self) -> int | None:
        """Process of the running server, by the file that it keeps; None: it is down.

        `pg_ctl status` would do, but after a crash the number in that file may be another
        process's by now, and in a copied folder it is the original's server.
        """
        pid = self._noted()
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return pid if os.fsencode(self.folder) in command else None
        return None

    def _noted(self) -> int | None:
        """The living process whose number the server's file holds, whatever it is."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
            return pid if Path(f"/proc/{pid}").exists() else None
        return None

    @contextlib.contextmanager
    def _door(self) -> Iterator[None]:
        """One process at a time decides whether to start or to stop."""
        lock = os.open(self.data_dir / "cluster.door", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _create(self) -> None:
        """initdb into a folder beside, renamed when it is whole: a kill leaves no half cluster."""
        draft = self.data_dir / "cluster.new"
        subprocess.run(["rm", "-rf", str(draft)], check=True)
        if os.geteuid() == 0:
            grant_passage(self.data_dir, self._account())
        draft.mkdir(mode=0o700)
        if os.geteuid() == 0:
            account = self._account()
            os.chown(draft, account.pw_uid, account.pw_gid)
        done = self._run(
            "initdb", "-D", str(draft), "-U", OWNER, "-A", "trust", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip
        if done.returncode:
            raise DatabaseUnavailableError(
                f"no database could be made in {self.data_dir}: {self._reason(done.stderr)}"
            )
        with (draft / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION)
        draft.rename(self.folder)

    def _start(self) -> subprocess.CompletedProcess[str]:
        if os.geteuid() == 0:
            grant_passage(self.data_dir, self._account())
        # Left by a crash or a copy and naming another's process, or our own that nobody has reaped,
        # these files would bar the start. What they guard against, sessions of a killed server,
        # the server also finds by itself.
        sockets = self._make_socket_folder()
        if self._noted() is not None:
            (self.folder / "postmaster.pid").unlink()
        for lock in sockets.glob(".s.PGSQL.*.lock"):
            lock.unlink()
        options = f"-k {sockets}"
        return self._run(
            "pg_ctl", "-D", str(self.folder), "-o", options, "-l", str(self.folder / "start.log"),
            "-w", "-t", str(START_TIMEOUT_S), "start",
        )  # fmt: skip

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command: Sequence[str] = [str(self.programs / program), *arguments]
        # Messages are read by us: in one language. The rest of our environment is not the server's.
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        # pg_ctl hands its pipes on to the server: a server that keeps ours open would hold us.
        if program == "pg_ctl" and arguments[-1] == "start":
            with (self.data_dir / "cluster.out").open("w+") as out:
                code = subprocess.run(
                    command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=out,
                    stderr=out, check=False, **self._identity(),
                ).returncode  # fmt: skip
                out.seek(0)
                return subprocess.CompletedProcess(command, code, "", out.read())
        return subprocess.run(
            command, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False, **self._identity(),
        )  # fmt: skip

    def _account(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(SERVER_USER)
        except KeyError:
            raise DatabaseUnavailableError(
                f"PostgreSQL does not run as root and there is no user {SERVER_USER}: run as an "
                "ordinary user, or install Debian's PostgreSQL packages (`make setup`)"
            ) from None

    def _identity(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        account = self._account()
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def _socket_folder(self) -> Path:
        """Where the running server put its socket, else where it will put it."""
        if self.running():
            with contextlib.suppress(OSError, IndexError):
                return Path((self.folder / "postmaster.pid").read_text().splitlines()[4])
        # Socket paths end at 107 bytes, so not in the data folder.
        key = hashlib.sha256(os.fsencode(os.path.realpath(self.data_dir))).hexdigest()[:12]
        own = Path("/run") if os.geteuid() == 0 else Path(f"/run/user/{os.geteuid()}")
        runtime = own if os.access(own, os.W_OK) else Path("/tmp")  # noqa: S108  a folder of ours is made in it, 0700
        return runtime / f"patrolgrid-{key}"

    def _make_socket_folder(self) -> Path:
        folder = self._socket_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        account = self._account() if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        ours = {0, account.pw_uid} if os.geteuid() == 0 else {account.pw_uid}
        if folder.is_symlink() or folder.stat().st_uid not in ours:
            raise DatabaseUnavailableError(
                f"{folder} belongs to somebody else: remove it, or use another data folder"
            )
        os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o700)
        return folder

    @staticmethod
    def _reason(text: str) -> str:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        wrong = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
        # The first is the cause; the rest tell of clearing up.
        return (wrong[:1] or lines[-1:] or ["no reason was given"])[0]
