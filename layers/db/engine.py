"""Connections: one engine a process, and one place that opens a transaction as somebody."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

import layers.db.arrays  # noqa: F401  a connection takes what is known when it is made
from layers.errors import DatabaseUnavailableError

SCHEMA = "patrolgrid"
#: Makes the roles where there are none; they belong to the server, so no backup holds them.
ROLES = Path(__file__).with_name("roles.sql")
#: What a transaction may do; each is a PostgreSQL role without login that owns nothing.
Role = Literal["patrolgrid_read", "patrolgrid_write", "patrolgrid_gate"]

_OPTIONS = f"-c search_path={SCHEMA},public -c timezone=UTC -c statement_timeout=120000"


_AWAY = "the database does not answer; it is tried again with your next request"


@dataclass(frozen=True, kw_only=True)
class Principal:
    """On whose behalf a transaction runs."""

    name: str  #: token id, or "system" for the service's own work
    scopes: frozenset[str] = field(default_factory=frozenset)
    area: str | None = None  #: id of the grid whose subtree may be seen; None: the whole region
    team: str | None = None  #: id of the team whose subtree may be seen; None: every team
    unit: str | None = None  #: the only unit whose fixes may be written; None: every unit
    until: datetime | None = None  #: when the identity ends; None: until it is taken back

    @property
    def sees(self) -> str:
        """What may be seen, as part of a key: the same for all who see the same, and no others."""
        # Quoted: an area that is called None is not the whole region.
        return repr((self.area, self.team))


SYSTEM = Principal(name="system", scopes=frozenset({"read", "ingest", "plan", "admin"}))


def parsed_url(url: str) -> URL:
    """``url`` as SQLAlchemy takes it, with psycopg 3 as the driver and our schema first."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The URL may hold a password: it is not repeated.
        raise DatabaseUnavailableError(
            "PATROLGRID_DATABASE_URL: this is no URL; give postgresql://USER@HOST/DATABASE"
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise DatabaseUnavailableError(
            f"PATROLGRID_DATABASE_URL: {parsed.get_backend_name()} is not PostgreSQL; "
            "give postgresql://USER@HOST/DATABASE"
        )
    parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.update_query_dict({"options": _OPTIONS, "application_name": "patrolgrid"})


def conninfo(url: str) -> str:
    """The same connection for psycopg and libpq's own programs."""
    parsed = parsed_url(url)
    named = {
        "host": parsed.host, "port": parsed.port, "user": parsed.username,
        "password": parsed.password, "dbname": parsed.database,
    }  # fmt: skip
    # Not as a URL: SQLAlchemy writes a space as +, which libpq does not read so.
    given = {name: str(value) for name, value in named.items() if value is not None}
    return make_conninfo("", **{**given, **{k: str(v) for k, v in parsed.query.items()}})


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine whose broken connections are replaced before they are used."""
    return create_engine(
        parsed_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=20,
    )


@contextlib.contextmanager
def acting(
    engine: Engine, principal: Principal, role: Role, *, patience_s: float | None = None
) -> Iterator[Connection]:
    """A transaction on behalf of ``principal`` under the unprivileged ``role``.

    Every transaction that answers or changes something comes through here; row-level security
    reads ``patrolgrid.principal``, ``.area`` and ``.team``. Commits at the end, rolls back on
    any exception. ``patience_s``: how long it waits for a lock; None: as the server says. Raises
    DatabaseUnavailableError when no connection can be had, or it is lost on the way: whether the
    transaction was committed is then unknown.
    """
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise DatabaseUnavailableError(_AWAY) from error
    try:
        with _transaction(connection, principal, role, patience_s):
            yield connection
    except (DBAPIError, psycopg.Error) as error:
        if _lost(error):
            raise DatabaseUnavailableError(_AWAY) from error
        raise


def _lost(error: DBAPIError | psycopg.Error) -> bool:
    """Whether the connection went away; what libpq says of itself has no SQLSTATE."""
    beneath = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(beneath, psycopg.OperationalError):
        return False
    return beneath.sqlstate is None or beneath.sqlstate.startswith(("08", "57P"))


@contextlib.contextmanager
def _transaction(
    connection: Connection, principal: Principal, role: Role, patience_s: float | None
) -> Iterator[None]:
    # A reader sees one state of the data from its first statement to its last.
    isolation = "REPEATABLE READ" if role == "patrolgrid_read" else "READ COMMITTED"
    with connection.execution_options(isolation_level=isolation), connection.begin():
        told = [role, principal.name, principal.area or "", principal.team or ""]
        if patience_s is None:
            raw(connection).execute(_AS, told)
        else:
            raw(connection).execute(_AS_PATIENT, [*told, f"{round(patience_s * 1000)}ms"])
        yield


_AS = (
    "SELECT set_config('role', %s, true), set_config('patrolgrid.principal', %s, true),"
    " set_config('patrolgrid.area', %s, true), set_config('patrolgrid.team', %s, true),"
    # What is answered is durable, whatever the server's own setting.
    " set_config('synchronous_commit', 'on', true)"
)
_AS_PATIENT = f"{_AS}, set_config('lock_timeout', %s, true)"


def raw(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The psycopg connection beneath, in the same transaction: for COPY and for procrastinate."""
    beneath = connection.connection.driver_connection
    assert isinstance(beneath, psycopg.Connection)
    return beneath
