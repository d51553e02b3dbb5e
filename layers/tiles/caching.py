"""Tiles for requests: kept ones while they hold, else made once however many ask."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cramjam
from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine

from layers import versions
from layers.db.engine import Principal, conninfo
from layers.tiles import reading
from layers.tiles.copies import Copies, Copy
from layers.tiles.hearing import Change, Hearing
from layers.tiles.log import Log, touches
from layers.tiles.store import Kept, Key, Store

#: Tiles that are made at one time: more would only wait for each other.
_AT_ONCE = 4
#: Readings of one layer at one time. Each layer has its own: while one is locked, as its first load
#: does for minutes, the others' tiles come, and connections are left for all else.
_READ_AT_ONCE = 2
#: How a tile is compressed; the levels are those after which little is gained for the time.
_CODED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    "gzip": lambda body: zlib.compress(body, 4, 31),
    "br": lambda body: bytes(cramjam.brotli.compress(body, level=4)),
    "zstd": lambda body: bytes(cramjam.zstd.compress(body, level=3)),
}
_Of = TypeVar("_Of")
_Made = TypeVar("_Made")


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A tile's bytes as they are before they are compressed."""

    body: bytes
    version: versions.DataVersion


class Tiles:
    """The tiles of a process: the database is looked into before each answer."""

    def __init__(
        self, engine: Engine, *, most_bytes: int, on_tokens: Callable[[], None] | None = None
    ) -> None:
        """Tiles up to ``most_bytes`` are kept (0: none); ``on_tokens`` hears of other rights."""
        self._log = Log()
        self._copies = Copies(engine, self._log)
        self.store = Store(most_bytes)
        self._on_tokens = on_tokens
        self.hearing = Hearing(
            conninfo(engine.url.render_as_string(hide_password=False)), self._heard
        )
        #: What is under way, by the number of changes that were known when it began: tiles as
        #: somebody is given them, and what these are compressed from, by who sees what.
        self._making: dict[tuple[Key, int], asyncio.Future[Kept]] = {}
        self._cutting: dict[tuple[Key, int], asyncio.Future[Cut]] = {}
        self._reading: dict[tuple[str, str], asyncio.Future[Copy]] = {}
        self._limits: dict[str, CapacityLimiter] = {}
        self.made = 0  #: how many tiles were made, however many codings each has

    async def close(self) -> None:
        """Let go of the connection."""
        await self.hearing.close()

    def _heard(self, changes: list[Change]) -> None:
        self._log.add(changes)
        self.store.forget(changes)
        if self._on_tokens is not None and any(touches(change, "tokens") for change in changes):
            self._on_tokens()

    async def get(self, principal: Principal, key: Key) -> Kept:
        """The tile as ``principal``, whose right the key names, may see it now.

        Requests for one tile that is not kept make it once; one that was begun before a change is
        not given to who came after it. Raises DatabaseUnavailableError, too where a layer is locked
        for long.
        """
        return (await self.ask(principal, key))[0]

    async def ask(self, principal: Principal, key: Key) -> tuple[Kept, bool]:
        """As ``get``, and whether the tile was kept: not made for this request or another's."""
        await self.hearing.fresh()
        kept = self.store.get(key)
        return kept or await self._make_once(principal, key), kept is not None

    async def _make_once(self, principal: Principal, key: Key) -> Kept:
        heard = self._log.heard
        return await _shared(self._making, (key, heard), lambda: self._make(principal, key, heard))

    async def _make(self, principal: Principal, key: Key, heard: int) -> Kept:
        # Tags are of the whole right; what is drawn is of what the principal sees, and scopes say
        # only what one may do.
        seen = replace(key, right=principal.sees, coding="")
        cut = await _shared(
            self._cutting, (seen, heard), lambda: self._cut_once(principal, seen, heard)
        )
        tile = await self._aside(_finished, cut, key)
        since = self._log.since(heard)
        if since is not None and not any(
            touches(change, name) for change in since for name in key.layers
        ):
            self.store.put(key, tile)
        return tile

    async def _cut_once(self, principal: Principal, key: Key, heard: int) -> Cut:
        copies = {name: await self._copy(principal, name, heard) for name in key.layers}
        cut = await self._aside(self._cut, copies, key)
        self.made += 1
        return cut

    async def _copy(self, principal: Principal, name: str, heard: int) -> Copy:
        """The layer as ``principal`` sees it; whoever waits for it keeps no thread."""
        own = (principal.sees, name)
        copy = self._copies.held(*own, heard)
        while copy is None or not (copy.heard >= heard or self._log.quiet(name, copy.heard)):
            # Joins a reading that is under way, which may have begun too early: then once more.
            copy = await _shared(self._reading, own, lambda: self._read(principal, name))
        return copy

    async def _read(self, principal: Principal, name: str) -> Copy:
        limit = self._limits.setdefault(name, CapacityLimiter(_READ_AT_ONCE))
        return await to_thread.run_sync(
            self._copies.get, principal, principal.sees, name, limiter=limit
        )

    async def _aside(self, work: Callable[[_Of, Key], _Made], of: _Of, key: Key) -> _Made:
        """Do what takes the processor, in a thread."""
        limit = self._limits.setdefault("", CapacityLimiter(_AT_ONCE))
        return await to_thread.run_sync(work, of, key, limiter=limit)

    def _cut(self, copies: Mapping[str, Copy], key: Key) -> Cut:
        share = reading.share((len(copy) for copy in copies.values()), beside=key.beside)
        body = b"".join(
            copy.layer(name, key.z, key.x, key.y, share) for name, copy in copies.items()
        )
        return Cut(body=body, version=versions.joined([copy.version for copy in copies.values()]))


def _finished(cut: Cut, key: Key) -> Kept:
    """The tile as somebody is given it: compressed, and with the tag of its right."""
    secret = hashlib.md5(key.right.encode(), usedforsecurity=False).digest()
    digest = hashlib.blake2b(cut.body, digest_size=12, key=secret).hexdigest()
    return Kept(
        body=_CODED[key.coding](cut.body) if cut.body else b"",
        etag=f'"{digest}{key.coding and "-"}{key.coding}"',
        version=cut.version,
    )


async def _shared(
    under_way: dict[_Of, asyncio.Future[_Made]], of: _Of, make: Callable[[], Awaitable[_Made]]
) -> _Made:
    """What is made of this once for all who ask while it is; it goes on when one of them goes."""
    making = under_way.get(of)
    if making is None or making.done():
        begun = making = under_way[of] = asyncio.ensure_future(make())

        def over(_: object) -> None:
            if under_way.get(of) is begun:
                del under_way[of]

        begun.add_done_callback(over)
    return await asyncio.shield(making)


def accepted(header: str, order: Sequence[str] = ("zstd", "br", "gzip")) -> str:
    """The content coding to use for an Accept-Encoding header: the first that it likes best.

    None where it takes none, or likes what is not packed better by name (``identity``).
    """
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, given = part.partition(";")
        weight = given.strip().removeprefix("q=")
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    taken = [name for name in order if weights.get(name, weights.get("*", 0.0)) > 0]
    best = max(taken, key=lambda name: weights.get(name, weights.get("*", 0.0)), default="")
    plainer = weights.get("identity", 0.0) > weights.get(best, weights.get("*", 0.0))
    return "" if plainer else best
