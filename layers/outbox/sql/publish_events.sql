-- Store events in the order in which they are given; their ids, ascending.
INSERT INTO events (type, breach, data)
SELECT type, breach, data
FROM unnest(CAST(:types AS text[]), CAST(:breaches AS bigint[]), CAST(:data AS jsonb[]))
    WITH ORDINALITY AS given (type, breach, data, place)
ORDER BY place
RETURNING id
