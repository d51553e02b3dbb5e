"""Breaches: decided from the stored fixes, kept under stable ids, told with every revision."""

from layers.breaches.decide import decide, recompute
from layers.breaches.query import breach, history, listed
from layers.breaches.replay import NEVER_US, Came

__all__ = ["NEVER_US", "Came", "breach", "decide", "history", "listed", "recompute"]
