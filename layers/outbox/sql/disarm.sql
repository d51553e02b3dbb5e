-- Take back the jobs that wait for these deliveries, before they are given others.
DELETE FROM procrastinate_jobs
WHERE status = 'todo'
    AND queueing_lock IN (SELECT 'delivery ' || id FROM unnest(CAST(:deliveries AS bigint[])) AS id)
