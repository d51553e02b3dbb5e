"""The private cluster: real servers in folders of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from layers.db.cluster import Cluster
from layers.db.engine import conninfo
from layers.errors import DatabaseUnavailableError

REPOSITORY = Path(__file__).parents[2]

#: Holds a lease until it is killed or its input ends.
HOLDER = """
import sys
from pathlib import Path
from layers.db.cluster import Cluster
with Cluster(data_dir=Path(sys.argv[1])).lease():
    print("held", flush=True)
    sys.stdin.read()
"""

#: Everything is imported while we may still read it; then root is let go of for good.
ORDINARY = """
import json, os, pwd, sys
from pathlib import Path
import psycopg, encodings.idna
from layers.db.cluster import Cluster
from layers.db.engine import conninfo
who = pwd.getpwnam(sys.argv[2])
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(who.pw_gid, who.pw_gid, who.pw_gid)
    os.setresuid(who.pw_uid, who.pw_uid, who.pw_uid)
cluster = Cluster(data_dir=Path(sys.argv[1]) / "data")
with cluster.lease() as url:
    with psycopg.connect(conninfo(url).replace("dbname=patrolgrid", "dbname=postgres")) as asked:
        version = asked.execute("SELECT version()").fetchone()[0]
    owner = (cluster.folder / "postmaster.pid").stat().st_uid
print(json.dumps({"uid": os.getuid(), "owner": owner, "version": version, "up": cluster.running()}))
"""


def until(holds: Callable[[], bool], what: str, within_s: float = 60) -> None:
    """Wait until something holds; fails when it never does."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)


def ask(url: str, *statements: str) -> object:
    """The first value of the last of some statements, each on its own."""
    found = None
    told = conninfo(url).replace("dbname=patrolgrid", "dbname=postgres")
    with psycopg.connect(told, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
            found = cursor.fetchone() if cursor.description else None
    return found and found[0]


def server_pid(cluster: Cluster) -> int:
    """The server's process."""
    return int((cluster.folder / "postmaster.pid").read_text().split()[0])


@contextlib.contextmanager
def holder(cluster: Cluster) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lease."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(cluster.data_dir)],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that is not made yet, in a folder that is ours alone."""
    made = Cluster(data_dir=tmp_path / "data")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that is made once, for tests that leave it as it was: down."""
    made = Cluster(data_dir=tmp_path_factory.mktemp("kept") / "data")
    with made.lease():
        pass
    yield made
    made.stop()


def test_a_lease_starts_the_server_and_its_end_stops_it(cluster: Cluster) -> None:
    with cluster.lease() as url:
        assert cluster.running()
        assert ask(url, "SELECT 1") == 1
    assert not cluster.running()
    assert not (cluster.folder / "postmaster.pid").exists()


def test_what_was_written_is_there_at_the_next_lease(kept: Cluster) -> None:
    with kept.lease() as url:
        ask(url, "CREATE TABLE written (x int)", "INSERT INTO written VALUES (7)")
    with kept.lease() as url:
        assert ask(url, "SELECT x FROM written") == 7


def test_leases_share_one_server_and_the_last_one_out_stops_it(kept: Cluster) -> None:
    with kept.lease() as url:
        with holder(kept) as other:
            pid = server_pid(kept)
            with kept.lease() as again:
                assert again == url
            other.communicate("")
        assert server_pid(kept) == pid
        assert kept.running()
    assert not kept.running()


def test_the_server_of_a_killed_holder_is_adopted_and_stopped_by_the_next(kept: Cluster) -> None:
    with holder(kept) as other:
        pid = server_pid(kept)
        other.kill()
    assert kept.running()
    with kept.lease() as url:
        assert server_pid(kept) == pid
        assert ask(url, "SELECT 1") == 1
    assert not kept.running()


def test_a_killed_server_comes_up_again_with_what_was_committed(kept: Cluster) -> None:
    with kept.lease() as url:
        ask(url, "CREATE TABLE committed (x int)", "INSERT INTO committed VALUES (42)")
        os.kill(server_pid(kept), signal.SIGKILL)
        until(lambda: not kept.running(), "the killed server is gone")
        kept.ensure_running()
        assert kept.url == url
        assert ask(url, "SELECT x FROM committed") == 42
    assert not kept.running()


def test_a_server_killed_with_its_holder_is_no_obstacle(kept: Cluster) -> None:
    with holder(kept) as other:
        os.kill(server_pid(kept), signal.SIGKILL)
        other.kill()
    with kept.lease() as url:
        assert ask(url, "SELECT 1") == 1


def leave_behind(cluster: Cluster, pid: int) -> None:
    """What a killed server leaves: its two files, which hold its process's number."""
    with cluster.lease():
        left = cluster.folder / "postmaster.pid"
        note = left.read_text().split("\n")
        sockets = Path(note[4])
        locks = {lock: lock.read_text() for lock in sockets.glob(".s.PGSQL.*.lock")}
    assert locks
    sockets.mkdir()
    owner = cluster.folder.stat()
    for path, lines in [(left, note), *((lock, text.split("\n")) for lock, text in locks.items())]:
        path.write_text("\n".join([str(pid), *lines[1:]]))
    for path in (left, sockets, *locks):
        os.chown(path, owner.st_uid, owner.st_gid)


def test_a_stranger_with_the_dead_servers_number_is_not_taken_for_it(kept: Cluster) -> None:
    owner = kept.folder.stat()
    with subprocess.Popen(["sleep", "600"], user=owner.st_uid, group=owner.st_gid) as stranger:
        leave_behind(kept, stranger.pid)
        assert not kept.running()
        with kept.lease() as url:
            assert ask(url, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_a_killed_server_that_nobody_has_reaped_is_no_obstacle(kept: Cluster) -> None:
    """As in a container whose first process does not look after orphans."""
    owner = kept.folder.stat()
    with subprocess.Popen(["sleep", "600"], user=owner.st_uid, group=owner.st_gid) as zombie:
        zombie.kill()
        state = Path(f"/proc/{zombie.pid}/stat")
        until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", "it is a zombie")
        leave_behind(kept, zombie.pid)
        assert not kept.running()
        with kept.lease() as url:
            assert ask(url, "SELECT 1") == 1


def test_a_copy_of_a_running_folder_has_a_server_of_its_own(kept: Cluster, tmp_path: Path) -> None:
    copy = Cluster(data_dir=tmp_path / "copy")
    with kept.lease() as url:
        subprocess.run(["cp", "-a", str(kept.data_dir), str(copy.data_dir)], check=True)
        assert not copy.running()
        with copy.lease() as other:
            assert other != url
            assert server_pid(copy) != server_pid(kept)
            assert ask(other, "SELECT 1") == 1
        assert ask(url, "SELECT 1") == 1


def test_a_half_made_cluster_is_made_anew(cluster: Cluster) -> None:
    half = cluster.data_dir / "cluster.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15\n")
    with cluster.lease() as url:
        assert ask(url, "SELECT 1") == 1
    assert not half.exists()


def test_it_is_reached_by_its_own_user_through_one_socket_and_no_port(kept: Cluster) -> None:
    with kept.lease() as url:
        assert ask(url, "SHOW listen_addresses") == ""
        noted = (kept.folder / "postmaster.pid").read_text().split("\n")
        assert noted[5].strip() == "", "the server says that it listens at an address"
        sockets = Path(noted[4])
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700
        assert sockets.stat().st_uid == kept.folder.stat().st_uid
    assert not sockets.exists()


def test_the_systems_own_clusters_are_left_alone(kept: Cluster) -> None:
    def listed() -> str:
        return subprocess.run(["pg_lsclusters"], check=True, capture_output=True, text=True).stdout

    before = listed()
    with kept.lease():
        assert listed() == before
    assert listed() == before


def test_a_folder_that_only_root_may_enter_will_do(cluster: Cluster) -> None:
    cluster.data_dir.mkdir(mode=0o700)
    cluster.data_dir.parent.chmod(0o700)
    with cluster.lease() as url:
        assert ask(url, "SELECT 1") == 1
    others = stat.S_IMODE(cluster.data_dir.parent.stat().st_mode) & 0o007
    assert others == 0, "everybody was let in, not the server's user alone"


def test_an_ordinary_user_runs_a_cluster_that_is_all_their_own() -> None:
    name = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    home = Path(tempfile.mkdtemp(prefix="patrolgrid-ordinary-"))
    try:
        os.chown(home, pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid)
        done = subprocess.run(
            [sys.executable, "-c", ORDINARY, str(home), name],
            cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["uid"] == told["owner"] == pwd.getpwnam(name).pw_uid
        assert told["version"].startswith("PostgreSQL")
        assert not told["up"]
    finally:
        shutil.rmtree(home)


@pytest.mark.parametrize("below", ["", "/data"])
def test_a_data_folder_that_cannot_be_is_refused_in_one_line(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    refusal = pytest.raises(DatabaseUnavailableError, match="set PATROLGRID_DATA_DIR")
    with refusal as refused, Cluster(data_dir=Path(f"{file}{below}")).lease():
        pass
    assert "\n" not in str(refused.value)
