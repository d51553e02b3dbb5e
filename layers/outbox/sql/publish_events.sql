-- Store events in the order in which they are given, and call the last of them out; their ids,
-- ascending. No row is there without the lock, so that the numbers are drawn under it.
WITH alone AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtext('patrolgrid events'))
), made AS (
    INSERT INTO events (type, breach, data)
    SELECT type, nullif(breach, 0), CAST(data AS jsonb)
    FROM alone, unnest(%(types)s::text[], %(breaches)s::bigint[], %(data)s::text[])
        WITH ORDINALITY AS given (type, breach, data, place)
    ORDER BY place
    RETURNING id
)
SELECT array_agg(id ORDER BY id), pg_notify(%(channel)s, max(id)::text)
FROM made
