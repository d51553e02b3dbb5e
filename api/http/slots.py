"""How many downloads are under way: none waits long for clients that take nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from starlette.types import Message, Send

#: A client that took nothing for so long gives way to one that waits.
STALLED_S = 10.0
#: Who holds no slot waits so long for one: until those that took nothing give way.
WAIT_S = 15.0
_LOOK_S = 0.2


@dataclass(eq=False, kw_only=True)
class Slot:
    """The place of one download."""

    name: str  #: whose it is
    #: Ends the download; set by it.
    end: Callable[[], None] = field(default=lambda: None)
    ended: bool = False  #: whether it had to give way
    sending_since: float | None = (
        None  #: by the monotonic clock; None: nothing waits for the client
    )

    def stalled_s(self) -> float:
        """For how long the client has taken nothing of what is there for it."""
        return 0.0 if self.sending_since is None else time.monotonic() - self.sending_since

    def watched(self, send: Send) -> Send:
        """``send`` with a note of when it began."""

        async def noted(message: Message) -> None:
            self.sending_since = time.monotonic()
            try:
                await send(message)
            finally:
                self.sending_since = None

        return noted


class Slots:
    """Of ``most`` places one principal has half at most, so that others find some.

    For one event loop, whose steps do not cut into each other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: list[Slot] = []

    @property
    def most_of_one(self) -> int:
        """How many one principal may hold."""
        return max(1, self._most // 2)

    def take(self, name: str) -> Slot | None:
        """A slot for that principal; None where there is none for it."""
        if len(self._held) >= self._most or self.holds_all(name):
            return None
        slot = Slot(name=name)
        self._held.append(slot)
        return slot

    def holds_all(self, name: str) -> bool:
        """Whether a principal holds as many as it may."""
        return sum(one.name == name for one in self._held) >= self.most_of_one

    def give_back(self, slot: Slot) -> None:
        """The download is over."""
        if slot in self._held:
            self._held.remove(slot)

    async def wait(self, name: str) -> Slot | None:
        """A slot as soon as there is one, if need be that of a client that takes nothing.

        None where there is none for ``WAIT_S``, and at once for who holds as many as it may.
        """
        until = time.monotonic() + WAIT_S
        while True:
            slot = self.take(name)
            if slot is None and self._make_room(name):
                slot = self.take(name)
            if slot is not None or self.holds_all(name) or time.monotonic() >= until:
                return slot
            await anyio.sleep(_LOOK_S)

    def _make_room(self, name: str) -> bool:
        """End the download that stalled longest, of those whose end makes room for ``name``."""
        own = self.holds_all(name)
        stalled = [
            one for one in self._held
            if one.stalled_s() >= STALLED_S and (one.name == name or not own)
        ]  # fmt: skip
        if not stalled:
            return False
        longest = max(stalled, key=Slot.stalled_s)
        longest.ended = True
        self.give_back(longest)
        longest.end()
        return True
