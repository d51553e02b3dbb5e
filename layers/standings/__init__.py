"""Where units stand: the newest fix of each, and what it was doing at the fences then."""

from layers.standings.block import SLOTS as SLOTS
from layers.standings.names import NOBODY as NOBODY
from layers.standings.names import MovedError as MovedError
from layers.standings.names import enlist as enlist
from layers.standings.names import peek as peek
from layers.standings.store import Standings as Standings
from layers.standings.store import lock as lock
