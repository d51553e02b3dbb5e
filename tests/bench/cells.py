"""The conditions under which fixes are sent, and in which batches and order over which line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.bench.sending import ARROW, JSON, NDJSON
from tests.workload import Fixes

BATCH, WARM, SEED = 1_000, 0.1, 1


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One condition."""

    fences: int = 1_000
    processes: int = 1
    order: str = "in order"  #: or "half late", or "reversed": the newest batch first
    media_type: str = NDJSON
    shared: bool = False  #: every connection speaks of every unit

    @property
    def name(self) -> str:
        """Its condition in words."""
        form = {JSON: "JSON", NDJSON: "NDJSON", ARROW: "Arrow"}[self.media_type]
        return (
            f"{self.order}, {self.fences:,} fences, {self.processes} "
            f"process{'es' * (self.processes > 1)}, {form}{', shared units' * self.shared}"
        )


CELLS = (
    Cell(media_type=JSON), Cell(), Cell(media_type=ARROW), Cell(processes=2),
    Cell(processes=2, shared=True), Cell(order="half late"), Cell(order="half late", processes=2),
    Cell(order="reversed"), Cell(order="reversed", processes=2),
    Cell(fences=10_000), Cell(fences=10_000, processes=2),
)  # fmt: skip


def queues(cell: Cell, fixes: Fixes, connections: int) -> list[list[Fixes]]:
    """For each connection its batches of one round, in the order of sending: three or more."""
    rng = np.random.default_rng(SEED)
    of = np.arange(len(fixes)) if cell.shared else fixes.unit
    made = []
    for n in range(connections):
        own = fixes.take(np.flatnonzero(of % connections == n))
        size = int(np.clip(len(own) // 3, 20, BATCH))
        if cell.order == "half late":
            late = rng.random(len(own)) < 0.5
            after = np.arange(len(own)) + late * rng.uniform(0.5, 2.5, len(own)) * size
            own = own.take(np.argsort(after, kind="stable"))
        if cell.order == "reversed":
            own = own.take(slice(None, None, -1))
        made.append([own.take(slice(at, at + size)) for at in range(0, len(own), size)])
    return made


def rounds(fixes: Fixes, count: int) -> list[Fixes]:
    """The first to warm up, then ``count`` of equal size, in the order of time."""
    cuts = np.linspace(len(fixes) * WARM, len(fixes), count + 1).astype(int)
    return [fixes.take(slice(a, b)) for a, b in zip([0, *cuts], [*cuts, None], strict=False)][
        : count + 1
    ]


def whole(fixes: int, count: int) -> int:
    """How many fixes ``count`` rounds of so many have together with the one that warms up."""
    return int(fixes * count / (1 - WARM))
