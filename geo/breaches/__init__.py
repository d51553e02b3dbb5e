"""Breaches: which unit entered, left or crossed which fence, when, where, and how surely.

``judge`` is the reference: it takes whole histories. It may also be given the tail of a unit's
history, and says the same of that tail, when the tail begins at a stored fix s at which

- settling is done and s is no lone outlier (the outlier rule needs the stored fix before s and
  the one after it; s stays when neither neighbour changes, so choose s two stored fixes before
  the first new one);
- no stay in a keep_out fence spans s, s lies inside every keep_in fence that speaks of the unit
  or in its margin during a stay (then say so in ``known_inside``), and s does not lie on a line.

The state after fix p is exactly the rows with ``entered_fix <= p < exited_fix``.
"""

from geo.breaches.fences import Fences
from geo.breaches.judge import judge, stays
from geo.breaches.possible import possible
from geo.breaches.presence import presence
from geo.breaches.warm import warm

__all__ = ["Fences", "judge", "possible", "presence", "stays", "warm"]
