"""Response on what is stored: the road network, the sources, who can be where and when."""

from layers.response.network import network, speeds_of
from layers.response.reach import (
    Reach,
    SettlementTimes,
    Source,
    Sources,
    areas,
    field_of,
    settlement_times,
    sources,
)
from layers.response.units import nearest

__all__ = [
    "Reach", "SettlementTimes", "Source", "Sources", "areas", "field_of", "nearest", "network",
    "settlement_times", "sources", "speeds_of",
]  # fmt: skip
