-- Count an attempt, before it is made: one that kills its worker counts too.
-- A delivery of a subscription that was switched off fails; replay brings it back.
UPDATE deliveries d
SET attempts = d.attempts + CASE WHEN s.active THEN 1 ELSE 0 END,
    tried_at = CASE WHEN s.active THEN clock_timestamp() ELSE d.tried_at END,
    state = CASE WHEN s.active THEN d.state ELSE 'failed' END,
    last_error = CASE WHEN s.active THEN d.last_error ELSE 'the subscription is switched off' END,
    next_at = NULL
FROM events e, subscriptions s
WHERE d.id = :delivery AND d.state = 'pending' AND e.id = d.event AND s.id = d.subscription
RETURNING d.id, d.attempts, s.active, s.id AS subscription, s.url, s.secret,
    e.id AS event, e.type, e.time, e.breach, e.data
