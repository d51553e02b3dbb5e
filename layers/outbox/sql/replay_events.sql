-- Every event of its types is delivered (again), whatever became of it before.
INSERT INTO deliveries AS d (subscription, event)
SELECT s.id, e.id
FROM subscriptions s
JOIN events e ON cardinality(s.types) = 0 OR e.type = ANY (s.types)
WHERE s.id = :subscription
    AND e.id > :after
    AND (CAST(:since AS timestamptz) IS NULL OR e.time >= CAST(:since AS timestamptz))
ORDER BY e.id
ON CONFLICT (subscription, event) DO UPDATE
SET state = 'pending', attempts = 0, last_status = NULL, last_error = NULL, next_at = NULL
RETURNING d.id
