"""What every way in ends in: a batch is stored on somebody's behalf, and counted."""

from __future__ import annotations

from prometheus_client import Counter
from sqlalchemy import Engine

from api.settings import Settings
from layers.db.engine import Principal
from layers.fixes.batch import Batch
from layers.fixes.intake import Receipt
from layers.fixes.together import Terms, group
from layers.region import Region

FIXES = Counter("patrolgrid_fixes", "Fixes at the door, by what became of them", ["outcome"])
#: By the field of a receipt; those in quarantine are a list.
_COUNTERS = {name: FIXES.labels(name) for name in ("accepted", "duplicate", "refused")}
_QUARANTINED = FIXES.labels("quarantined")


async def take(
    engine: Engine, principal: Principal, batch: Batch, region: Region, settings: Settings
) -> Receipt:
    """Store a batch; who may write one unit alone is a stranger to all others."""
    if principal.unit is not None:
        batch = batch.only(principal.unit)
    receipt = await group(engine, region).stored(
        batch,
        Terms(
            principal=principal,
            clock_skew_s=settings.clock_skew_s,
            retention_days=settings.kept_days(region.retention_days),
        ),
    )
    for outcome, counter in _COUNTERS.items():
        counter.inc(getattr(receipt, outcome))
    _QUARANTINED.inc(len(receipt.quarantined))
    return receipt


def told(receipt: Receipt) -> dict[str, object]:
    """What became of a batch, in the words of the interface."""
    return {
        "accepted": receipt.accepted,
        "duplicate": receipt.duplicate,
        "refused": receipt.refused,
        "quarantined": [{"index": q.index, "reason": q.reason} for q in receipt.quarantined],
        "breaches": receipt.breaches,
    }
