"""Backup and restore: everything in one file, by PostgreSQL's own programs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import Engine, text

from layers.db.cluster import server_programs
from layers.db.engine import ROLES, SCHEMA, conninfo
from layers.errors import BackupError

_MAGIC = b"PGDMP"
#: Where there is a row in one of these, a restore would let something go.
_DATA = (
    "grids", "settlements", "checkpoints", "posts", "post_areas", "cameras", "roads", "border",
    "fences", "fence_versions", "teams", "units", "fixes", "subscriptions",
    "change_sets", "rasters",
)  # fmt: skip

#: Before what is there goes: the versions that answers were told under.
_REMEMBER = f"""
CREATE TEMP TABLE told_versions (layer text, shard int, version bigint) ON COMMIT DROP;
DO $$ BEGIN
    IF to_regclass('{SCHEMA}.layer_versions') IS NOT NULL THEN
        INSERT INTO told_versions SELECT layer, shard, version FROM {SCHEMA}.layer_versions;
    END IF;
END $$;
"""
#: After a restore every cache is of other data, and no version is told again for other data.
_FORGET = f"""
INSERT INTO {SCHEMA}.layer_versions AS v (layer, shard, version)
SELECT layer, shard, version + 1000 FROM told_versions  -- writers may still tell some more
ON CONFLICT (layer, shard) DO UPDATE
SET version = greatest(v.version + 1, excluded.version), changed_at = excluded.changed_at;
DO $$ BEGIN
    IF to_regclass('{SCHEMA}.cache_changes') IS NOT NULL THEN
        INSERT INTO {SCHEMA}.cache_changes (layer) VALUES ('*');
    END IF;
END $$;
"""


def backup(url: str, file: Path) -> int:
    """Write all of patrolgrid's data to ``file``, whole or not at all; its size in bytes."""
    file = file.absolute()
    if not file.parent.is_dir():
        raise BackupError(f"{file}: there is no folder {file.parent}")
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        _run(
            "pg_dump", "--format=custom", "--compress=6", "--no-owner", f"--schema={SCHEMA}",
            # Its rows name transactions of this very server.
            f"--exclude-table-data={SCHEMA}.cache_changes",
            f"--file={draft}", f"--dbname={conninfo(url)}",
        )  # fmt: skip
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def restore(url: str, engine: Engine, file: Path, *, replace: bool = False) -> None:
    """Bring the data of ``file`` back, in one transaction; services may run meanwhile.

    Into a database with data only when ``replace`` says that it may go; versions then go on from
    those that were there. Raises BackupError.
    """
    if not file.is_file():
        raise BackupError(f"{file}: there is no such file")
    with file.open("rb") as opened:
        if opened.read(len(_MAGIC)) != _MAGIC:
            raise BackupError(f"{file}: this is no backup of `patrolgrid db backup`")
    try:
        listing = _run("pg_restore", "--list", str(file))
    except BackupError as error:
        raise BackupError(_not_whole(file, str(error))) from error
    if f" TABLE {SCHEMA} fixes " not in listing:
        raise BackupError(f"{file}: this backup holds nothing of patrolgrid")
    if not replace and _has_data(engine):
        raise BackupError(
            "the database holds data: restore into an empty one, or let it go with --replace"
        )
    engine.dispose()
    _replay(url, file)


def _replay(url: str, file: Path) -> None:
    """Stream the backup's script into psql; it commits only when the whole of it was read."""
    programs = server_programs()
    head = (
        f"BEGIN;\n{ROLES.read_text()}\n{_REMEMBER}\nDROP SCHEMA IF EXISTS {SCHEMA} CASCADE;\n"
        "CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;\n"
    )
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [str(programs / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1",
             "--output=/dev/null", f"--dbname={conninfo(url)}"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints,
        ) as psql,
        subprocess.Popen(
            [str(programs / "pg_restore"), "--no-owner", "--file=-", str(file)],
            stdout=subprocess.PIPE, stderr=complaints,
        ) as script,
    ):  # fmt: skip
        assert psql.stdin is not None
        assert script.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            psql.stdin.write(head.encode())
            shutil.copyfileobj(script.stdout, psql.stdin, 1 << 20)
            if script.wait() == 0:
                psql.stdin.write(_FORGET.encode() + b"\nCOMMIT;\n")
            psql.stdin.close()
        script.stdout.close()
        if psql.wait() or script.wait():
            complaints.seek(0)
            reason = _reason(complaints.read().decode())
            unread = reason.startswith("pg_restore:")
            raise BackupError(
                _not_whole(file, reason) if unread else f"{file}: {reason}; nothing was changed"
            )


def _not_whole(file: Path, reason: str) -> str:
    return f"{file}: it is not whole, or damaged ({reason}): take another copy; nothing was changed"


def _has_data(engine: Engine) -> bool:
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('patrolgrid.grids')")).scalar_one() is None:
            return False
        return bool(
            connection.execute(
                text("SELECT " + " OR ".join(f"EXISTS (SELECT FROM {name})" for name in _DATA))
            ).scalar_one()
        )


def _reason(complaints: str) -> str:
    """The first of what programs wrote that is no mere notice."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    wrong = [line for line in lines if re.search("error|fatal", line, re.IGNORECASE)]
    return (wrong or lines or ["it failed"])[0]


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(server_programs() / program), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"{program}: {_reason(done.stderr)}")
    return done.stdout
