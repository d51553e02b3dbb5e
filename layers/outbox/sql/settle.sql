-- How an attempt ended.
UPDATE deliveries
SET state = :state,
    last_status = :status,
    last_error = :error,
    next_at = clock_timestamp() + CAST(:pause AS interval)
WHERE id = :delivery AND state = 'pending'
RETURNING subscription
