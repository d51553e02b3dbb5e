-- One delivery for each of the new events and each subscription that wants it.
-- FOR KEY SHARE waits for a subscription that is being deleted and then passes it over: else its
-- foreign key would fail and take the breach with it.
INSERT INTO deliveries (subscription, event)
SELECT wanted.subscription, wanted.event
FROM (
    SELECT s.id AS subscription, e.id AS event
    FROM subscriptions s
    JOIN events e ON cardinality(s.types) = 0 OR e.type = ANY (s.types)
    WHERE s.active AND e.id = ANY (:events)
    FOR KEY SHARE OF s
) AS wanted
ORDER BY wanted.event, wanted.subscription
RETURNING id
