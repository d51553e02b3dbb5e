-- The receiver is back: what waits for it is due now. Rows that somebody else is at are left.
UPDATE deliveries
SET next_at = clock_timestamp()
WHERE id IN (
    SELECT id
    FROM deliveries
    WHERE subscription = :subscription
        AND state = 'pending'
        AND next_at > clock_timestamp() + interval '1 second'
    ORDER BY event
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
RETURNING id
