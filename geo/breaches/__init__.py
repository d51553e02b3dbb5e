"""Breaches: which unit entered, left or crossed which fence, when, where, and how surely.

``judge`` is the reference: it takes whole histories. ``walked`` may stop at any fix and go on from
what lasts there; to the same rows, when the fix at which it stopped

- is settled and no lone outlier (the outlier rule looks at the stored fix before it and the one
  after it: the unit must not have come to it faster than it can, until the next fix is there),
- does not lie on a line (``Walked.on_line``): whether it is crossed is decided when it is left.
"""

from geo.breaches.engine import Walked, walked, walked_by
from geo.breaches.fences import Fences
from geo.breaches.judge import broken, in_order, judge, stays, table
from geo.breaches.possible import possible
from geo.breaches.presence import may_be_in, presence, presence_of, searched, without_gaps
from geo.breaches.warm import warm

__all__ = [
    "Fences", "Walked", "broken", "in_order", "judge", "may_be_in", "possible", "presence",
    "presence_of", "searched", "stays", "table", "walked", "walked_by", "warm",
    "without_gaps",
]  # fmt: skip
