"""Whom a secret stands for is remembered while nothing changes, and else asked for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from api.http.rights import Rights
from layers.access import tokens
from layers.db.engine import Principal
from layers.errors import DatabaseUnavailableError

KINDS: list[tokens.Kind] = ["api"]


class Table:
    """The table of tokens, with one at most."""

    def __init__(self, principal: Principal | None) -> None:
        self.principal, self.looks = principal, 0

    def look(self, _: str, __: list[tokens.Kind]) -> Principal | None:
        self.looks += 1
        return self.principal


async def heard() -> None:
    """Everything was heard."""


async def whose(rights: Rights, shown: str = "pg_a", kinds: list[tokens.Kind] = KINDS) -> object:
    found = await rights.whose(shown, kinds, heard)
    return found and found.principal


def test_a_secret_is_looked_up_once_until_some_token_changes() -> None:
    table = Table(Principal(name="a"))
    rights = Rights(table.look)

    async def ask() -> None:
        for looks in (1, 1, 1):
            assert await whose(rights) == table.principal
            assert table.looks == looks
        rights.forget()
        table.principal = None
        assert await whose(rights) is None
        assert await whose(rights) is None
        assert table.looks == 3  # who is a stranger is not remembered

    asyncio.run(ask())


def test_the_same_secret_shown_as_another_kind_is_another() -> None:
    table = Table(Principal(name="a"))
    rights = Rights(table.look)

    async def ask() -> None:
        await whose(rights)
        table.principal = None
        assert await whose(rights, kinds=["session"]) is None
        assert await whose(rights, "pg_b") is None
        assert await whose(rights) is not None

    asyncio.run(ask())


def test_an_identity_ends_with_its_time() -> None:
    table = Table(Principal(name="a", until=datetime.now(UTC) - timedelta(seconds=1)))
    rights = Rights(table.look)

    async def ask() -> None:
        await whose(rights)
        table.principal = None
        assert await whose(rights) is None

    asyncio.run(ask())


@pytest.mark.parametrize("fault", [DatabaseUnavailableError("away"), AssertionError("a fault")])
def test_where_changes_cannot_be_heard_of_nothing_that_is_remembered_counts(
    fault: Exception,
) -> None:
    table = Table(Principal(name="a"))
    rights = Rights(table.look)

    async def deaf() -> None:
        raise fault

    async def ask() -> None:
        assert await whose(rights) is not None
        table.principal = None
        assert await rights.whose("pg_a", KINDS, deaf) is None
        assert table.looks == 2

    asyncio.run(ask())


def test_what_was_looked_up_while_a_token_changed_is_not_remembered() -> None:
    table = Table(Principal(name="a"))

    def changes_meanwhile(secret: str, kinds: list[tokens.Kind]) -> Principal | None:
        found = table.look(secret, kinds)
        rights.forget()
        return found

    rights = Rights(changes_meanwhile)

    async def ask() -> None:
        await whose(rights)
        await whose(rights)
        assert table.looks == 2

    asyncio.run(ask())
