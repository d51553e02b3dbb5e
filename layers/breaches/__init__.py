"""Breaches: decided from the stored fixes, kept under stable ids, told with every revision."""

from layers.breaches.decide import decide, recompute
from layers.breaches.query import breach, history, listed
from layers.breaches.replay import Came

__all__ = ["Came", "breach", "decide", "history", "listed", "recompute"]
