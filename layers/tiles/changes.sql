-- What the last snapshot did not see, and the snapshot that sees it; one row even if there is none.
SELECT pg_current_snapshot()::text, extract(epoch FROM clock_timestamp())::float8,
       c.layer, c.ids, ST_AsBinary(c.place)
FROM (SELECT 1) AS always
LEFT JOIN cache_changes c
    ON c.xid >= pg_snapshot_xmin($1::pg_snapshot)
    AND NOT pg_visible_in_snapshot(c.xid, $1::pg_snapshot)
    AND c.layer <> 'snapshots'  -- what pruning goes by
