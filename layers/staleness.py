"""What caches in memory must hear of, and for how long it is told (table ``cache_changes``).

A row is dated when it is written, but it can be heard of only from the commit on, which may come
much later. So it is told until an hour after a moment at which it was seen to be committed: such
moments are rows of their own, with the snapshot of what was committed then.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_NOTE = """
SELECT tell_caches('snapshots', ARRAY[pg_current_snapshot()::text], ARRAY[]::public.geometry[])
WHERE NOT EXISTS (
    SELECT FROM cache_changes
    WHERE layer = 'snapshots' AND made_at > clock_timestamp() - interval '5 minutes')
"""
#: By the date, too, for rows of another server, whose numbers of transactions say nothing here.
_PRUNE = """
DELETE FROM cache_changes
WHERE made_at < clock_timestamp() - interval '1 hour'
  AND pg_visible_in_snapshot(xid, (
      SELECT ids[1]::pg_snapshot FROM cache_changes
      WHERE layer = 'snapshots' AND made_at < clock_timestamp() - interval '1 hour'
      ORDER BY made_at DESC LIMIT 1))
"""


def prune(connection: Connection) -> int:
    """Delete what every cache has heard of, or must forget for having been away; how many rows.

    Call it now and then: what it sees to be committed goes an hour later.
    """
    connection.execute(text(_NOTE))
    return connection.execute(text(_PRUNE)).rowcount
