-- One job for each pending delivery: now, or at its next_at. First attempts go before retries, so
-- that a receiver which is down does not hold up the others. The queueing lock lets one job a
-- delivery wait. A lock, to let one run at a time, would make fetching a job slow beyond bearing
-- when thousands are due (1.1 s with 5,000), and two at a time do no harm: the id is the same.
SELECT procrastinate_defer_jobs_v1(
    array_agg(
        CAST(
            ROW(
                :queue,
                :task,
                CASE WHEN attempts = 0 THEN 0 ELSE -1 END,
                NULL,
                'delivery ' || id,
                jsonb_build_object('delivery_id', id),
                next_at
            ) AS procrastinate_job_to_defer_v1
        )
        ORDER BY event, id
    )
)
FROM deliveries
WHERE id = ANY (:deliveries) AND state = 'pending'
HAVING count(*) > 0
