"""Passage for the server's user through folders that belong to root.

PostgreSQL refuses to run as root, and reaches its files by an absolute path: each folder above
them must let its user pass. Where one does not (``/root``, a temporary folder), that one user is
given ``x``, which passes but does not list, by a POSIX access control list; nobody else gains.
"""

from __future__ import annotations

import errno
import logging
import os
import pwd
import struct
import subprocess
from pathlib import Path

from layers.errors import DatabaseUnavailableError

logger = logging.getLogger("patrolgrid.db")

_XATTR = "system.posix_acl_access"
_VERSION = 2
_NO_ID = 0xFFFFFFFF
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20  # linux/posix_acl.h
_PASS = 1


def grant_passage(folder: Path, account: pwd.struct_passwd) -> None:
    """Let ``account`` pass through ``folder`` and the folders above it; needs root.

    Raises DatabaseUnavailableError where the file system keeps no access control lists.
    """
    for step in [*reversed(folder.resolve().parents), folder.resolve()]:
        if not _may_pass(step, account):
            _allow(step, account)


def _may_pass(folder: Path, account: pwd.struct_passwd) -> bool:
    done = subprocess.run(
        ["test", "-x", str(folder)],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
        cwd="/",
        check=False,
    )
    return done.returncode == 0


def _allow(folder: Path, account: pwd.struct_passwd) -> None:
    entries = _entries(folder)
    entries[_USER, account.pw_uid] = entries.get((_USER, account.pw_uid), 0) | _PASS
    classes = [p for (tag, _), p in entries.items() if tag in (_USER, _GROUP_OBJ)]
    mask = 0
    for permission in classes:
        mask |= permission
    entries[_MASK, _NO_ID] = entries.get((_MASK, _NO_ID), 0) | mask
    packed = struct.pack("<I", _VERSION) + b"".join(
        struct.pack("<HHI", tag, permission, who)
        for (tag, who), permission in sorted(entries.items())
    )
    try:
        os.setxattr(folder, _XATTR, packed)
    except OSError as error:
        raise DatabaseUnavailableError(
            f"the database's user {account.pw_name} cannot pass through {folder} "
            f"({error.strerror}): run `chmod o+x {folder}`, or set PATROLGRID_DATA_DIR elsewhere"
        ) from error
    logger.info("the database's user %s may pass through %s now", account.pw_name, folder)


def _entries(folder: Path) -> dict[tuple[int, int], int]:
    """The folder's access control list, from its mode where it has none."""
    try:
        packed = os.getxattr(folder, _XATTR)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOTSUP):
            raise
        mode = folder.stat().st_mode
        return {
            (_USER_OBJ, _NO_ID): mode >> 6 & 7,
            (_GROUP_OBJ, _NO_ID): mode >> 3 & 7,
            (_OTHER, _NO_ID): mode & 7,
        }
    return {(tag, who): perm for tag, perm, who in struct.iter_unpack("<HHI", packed[4:])}
