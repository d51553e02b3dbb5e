"""Big batches go into the table before their units are locked.

What is new of them is known from what this process remembers of their units. So whoever waits for
the same units in another process waits for the judging and not for the copying. What
has changed meanwhile is seen under the lock: a fix that is not the newest any more is a late one
that is stored; one that is there already ends the transaction, and it begins again in order.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from layers import standings
from layers.fixes import days, placing, store
from layers.fixes.batch import Batch
from layers.fixes.placing import Arrived
from layers.fixes.sorting import Rules, sort_out
from layers.standings import MovedError

#: Of smaller batches there is little to win.
LEAST_FIXES = 2_000


def arrived_ahead(connection: Connection, whole: Batch, rules: Rules) -> Arrived | None:
    """Copy what is new of a batch, then lock its units; None, and nothing is done, where it is
    small or too little is remembered.

    Raises MovedError where its units changed meanwhile.
    """
    names = whole.unit.names
    peeked = standings.peek(connection.engine, names) if len(whole) >= LEAST_FIXES else None
    if peeked is None:
        return None
    stand, places = peeked
    given = sort_out(connection, whole, stand, places, rules)
    wanted = placing.patrols_of(given)
    patrols = store.known_patrols(connection, wanted)
    # Neither is made here: others would have to wait for it who hold the units.
    if len(patrols) < len(wanted) or days.unmade(connection.engine, given.days):
        return None
    arrived = placing.copy_new(connection, placing.arrive(given, patrols), rules.moment)
    locked, places_now = standings.enlist(connection, names)
    if not (locked.same_units(stand) and (places_now == places).all()):
        raise MovedError("units of these fixes changed meanwhile")
    return replace(arrived, given=replace(given, standings=locked))
