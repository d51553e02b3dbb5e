-- Breaches that are not withdrawn, in the words of /api/breaches: the collection `breaches`.
SELECT b.id::text COLLATE "C" AS id, b.unit, u.call_sign, coalesce(v.name, b.fence) AS fence,
       b.fence AS fence_id, b.rule, b.severity, b.direction, b.state, b.evidence, b.fence_version,
       b.entered_at, b.entered_earliest, b.entered_latest,
       b.exited_at, b.exited_earliest, b.exited_latest, b.unknown_s, b.revision,
       b.geom
FROM breaches b
LEFT JOIN fence_versions v ON v.fence = b.fence AND v.version = b.fence_version
LEFT JOIN units u ON u.id = b.unit
WHERE b.state <> 'withdrawn'
