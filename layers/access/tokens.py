"""Tokens: prefixed, kept as a hash, scoped, expiring, revocable.

A token is ``pg_`` and 43 characters that carry 256 random bits, so one round of SHA-256 keeps it
safe at rest. Sign-in links and the sessions of the page are tokens of another kind.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, text

from layers.db.engine import Principal
from layers.errors import BadScopeError, NoSuchTokenError

SCOPES = ("read", "ingest", "plan", "admin")
PREFIX = "pg_"
Kind = Literal["api", "link", "session", "device"]


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A token at the only moment when it is known."""

    id: str
    secret: str  #: what the holder shows; it is not kept
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is kept of a token."""

    id: str
    kind: str
    note: str | None
    scopes: list[str]
    area: str | None
    team: str | None
    unit: str | None  #: whose fixes alone it may write
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def create(
    connection: Connection,
    scopes: Sequence[str],
    *,
    kind: Kind = "api",
    note: str | None = None,
    lifetime: timedelta | None = None,
    area: str | None = None,
    team: str | None = None,
    unit: str | None = None,
) -> NewToken:
    """Make a token; raises BadScopeError for a scope that there is not.

    A ``device`` token is of one ``unit``, whose fixes it may write, and no more: it is shown in
    addresses, which others may record. Raises NoSuchUnitError where there never was such a unit.
    """
    wrong = sorted(set(scopes) - set(SCOPES))
    if wrong or not scopes:
        raise BadScopeError(
            f"scope {', '.join(wrong) or '(none)'}: give some of {', '.join(SCOPES)}"
        )
    if kind == "device" and (set(scopes) != {"ingest"} or unit is None):
        raise BadScopeError("a device's credential has the scope ingest alone, and a unit")
    token_id = f"tok_{secrets.token_hex(6)}"
    secret = PREFIX + secrets.token_urlsafe(32)
    expires_at = connection.execute(
        text(
            "INSERT INTO tokens (id, hash, kind, note, scopes, area, team, unit, expires_at)"
            " VALUES (:id, :hash, :kind, :note, :scopes, :area, :team, :unit,"
            " clock_timestamp() + CAST(:lifetime AS interval)) RETURNING expires_at"
        ),
        {
            "id": token_id,
            "hash": _hash(secret),
            "kind": kind,
            "note": note,
            "scopes": sorted(set(scopes)),
            "area": area,
            "team": team,
            "unit": unit,
            "lifetime": lifetime,
        },
    ).scalar_one()
    return NewToken(id=token_id, secret=secret, expires_at=expires_at)


def authenticate(connection: Connection, secret: str, kinds: Sequence[Kind]) -> Principal | None:
    """Whom ``secret`` stands for, if it is a token of one of ``kinds`` and in force now."""
    row = connection.execute(
        text(
            "SELECT id, scopes, area, team, unit, expires_at, last_used_at IS NULL"
            "  OR last_used_at < clock_timestamp() - interval '1 minute' AS stale"
            " FROM tokens WHERE hash = :hash AND kind = ANY(:kinds) AND revoked_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > clock_timestamp())"
        ),
        {"hash": _hash(secret), "kinds": list(kinds)},
    ).one_or_none()
    if row is None:
        return None
    if row.stale:
        # SKIP LOCKED: noting the last use must never make a request wait.
        connection.execute(
            text(
                "UPDATE tokens SET last_used_at = clock_timestamp() WHERE id IN"
                " (SELECT id FROM tokens WHERE id = :id FOR UPDATE SKIP LOCKED)"
            ),
            {"id": row.id},
        )
    return Principal(
        name=row.id,
        scopes=frozenset(row.scopes),
        area=row.area,
        team=row.team,
        unit=row.unit,
        until=row.expires_at,
    )


def list_tokens(connection: Connection, kinds: Sequence[Kind] = ("api", "device")) -> list[Token]:
    """The tokens of some kinds, newest first; never their secrets."""
    rows = connection.execute(
        text(
            "SELECT id, kind, note, scopes, area, team, unit, created_at, expires_at, revoked_at,"
            " last_used_at FROM tokens WHERE kind = ANY(:kinds) ORDER BY created_at DESC, id"
        ),
        {"kinds": list(kinds)},
    ).mappings()
    return [Token(**row) for row in rows]


def revoke(connection: Connection, token_id: str) -> None:
    """End a token now; raises NoSuchTokenError."""
    done = connection.execute(
        text("UPDATE tokens SET revoked_at = clock_timestamp() WHERE id = :id RETURNING id"),
        {"id": token_id},
    ).one_or_none()
    if done is None:
        raise NoSuchTokenError(f"{token_id}: no such token; `patrolgrid token list` shows them")


def forget_expired(connection: Connection) -> int:
    """Delete links and sessions that ended more than a day ago; how many."""
    return connection.execute(
        text(
            "DELETE FROM tokens WHERE kind IN ('link', 'session')"
            " AND coalesce(revoked_at, expires_at) < clock_timestamp() - interval '1 day'"
        )
    ).rowcount
