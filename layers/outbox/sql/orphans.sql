-- Pending deliveries that have no job: their worker died, or the job failed before it could tell.
SELECT d.id
FROM deliveries d
WHERE d.state = 'pending'
    AND NOT EXISTS (
        SELECT FROM procrastinate_jobs j
        WHERE j.queueing_lock = 'delivery ' || d.id AND j.status IN ('todo', 'doing')
    )
ORDER BY d.event
LIMIT :limit
FOR UPDATE OF d SKIP LOCKED
