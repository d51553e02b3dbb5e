-- Failed deliveries start again from their first attempt.
UPDATE deliveries
SET state = 'pending', attempts = 0, last_status = NULL, last_error = NULL, next_at = NULL
WHERE subscription = :subscription AND state = 'failed'
RETURNING id
