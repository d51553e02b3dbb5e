"""The newest changes that a process heard of, numbered."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from layers.places import LAYERS
from layers.tiles.hearing import EVERYTHING, Change

#: Changes that are remembered; whoever lags behind by more reads anew.
_MOST = 2_000


class Log:
    """Changes in the order in which they were heard; safe among threads."""

    def __init__(self) -> None:
        self.heard = 0  #: how many changes there were
        self._newest: deque[tuple[int, Change]] = deque(maxlen=_MOST)
        self._lock = threading.Lock()

    def add(self, changes: Sequence[Change]) -> None:
        """Note changes."""
        with self._lock:
            for change in changes:
                self.heard += 1
                self._newest.append((self.heard, change))

    def since(self, heard: int) -> list[Change] | None:
        """What was heard after the first ``heard`` changes; None: not all of it is remembered."""
        with self._lock:
            if heard == self.heard:
                return []
            if not self._newest or self._newest[0][0] > heard + 1:
                return None
            return [change for number, change in self._newest if number > heard]

    def quiet(self, name: str, heard: int) -> bool:
        """Whether nothing of the layer changed since then."""
        changes = self.since(heard)
        return changes is not None and not any(touches(change, name) for change in changes)

    def ids(self, name: str, heard: int) -> frozenset[str] | None:
        """Which of the layer's features changed since then; None: it cannot be said."""
        changes = self.since(heard)
        own = [change for change in changes or () if touches(change, name)]
        if changes is None or any(c.ids is None or c.layer != name for c in own):
            return None
        return frozenset(feature_id for change in own for feature_id in change.ids or ())


def touches(change: Change, name: str) -> bool:
    """Whether a change is one of the layer: its own, or one of what it is made from."""
    if change.layer in {EVERYTHING, name}:
        return True
    return name in LAYERS and change.layer in LAYERS[name].sources
