"""Whom the secrets shown of late stand for: no look into the table of tokens for each request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from anyio import to_thread

from api.http.answers import right_of
from layers.access import tokens
from layers.db.engine import Principal

#: After so long a token is looked up again, which notes that it was used.
_REMEMBER_S = 60.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, kw_only=True)
class Known:
    """Whom a secret stands for."""

    principal: Principal
    right: str
    ends_s: float  #: by the monotonic clock


class Rights:
    """Whom the secrets shown of late stand for; forgotten as soon as any token changes."""

    def __init__(self, authenticate: Callable[[str, list[tokens.Kind]], Principal | None]) -> None:
        self._authenticate = authenticate
        self._known: dict[bytes, Known] = {}

    def forget(self) -> None:
        """Some token changed."""
        self._known = {}

    async def whose(
        self, secret: str, kinds: list[tokens.Kind], fresh: Callable[[], Awaitable[None]]
    ) -> Known | None:
        """Whom a secret stands for at this moment; None: nobody.

        ``fresh`` returns when every change committed before now has been told. Raises
        DatabaseUnavailableError.
        """
        try:
            await fresh()
        except Exception:  # noqa: BLE001  told where it happened; the table itself can be asked
            return await self.look_up(secret, kinds)
        return self.of(secret, kinds) or await self.look_up(secret, kinds)

    def of(self, secret: str, kinds: list[tokens.Kind]) -> Known | None:
        """Whom a secret stands for, if that is remembered."""
        known = self._known.get(_digest(secret, kinds))
        return known if known is not None and known.ends_s > time.monotonic() else None

    async def look_up(self, secret: str, kinds: list[tokens.Kind]) -> Known | None:
        """Whom a secret stands for now."""
        before = self._known
        principal = await to_thread.run_sync(self._authenticate, secret, kinds)
        if principal is None:
            return None
        left_s = _REMEMBER_S
        if principal.until is not None:
            left_s = min(left_s, (principal.until - datetime.now(UTC)).total_seconds())
        found = Known(
            principal=principal, right=right_of(principal), ends_s=time.monotonic() + left_s
        )
        # What was looked up while a token changed may be what it was before.
        if before is self._known:
            if len(before) >= _MOST_REMEMBERED:
                before.clear()
            before[_digest(secret, kinds)] = found
        return found


def _digest(secret: str, kinds: list[tokens.Kind]) -> bytes:
    return blake2b(f"{kinds[0]} {secret}".encode("utf-8", "replace"), digest_size=16).digest()
