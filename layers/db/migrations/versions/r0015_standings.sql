-- Where units stand: the newest fix of each, and what it was doing at the fences then. Sixteen
-- units (by number) share a row, so that a batch of thousands of units writes few rows; the row's
-- lock is that of its units. In arrays '-infinity' and NaN stand for what is missing.
CREATE TABLE standings (
    block int PRIMARY KEY,  -- unit_no / 16
    stamp bigint NOT NULL,  -- another with every change: who knows it knows the row
    units_stamp bigint NOT NULL,  -- another with every change of the units themselves
    time timestamptz[] NOT NULL DEFAULT array_fill('-infinity'::timestamptz, ARRAY[16]),
    lon double precision[] NOT NULL DEFAULT array_fill('NaN'::double precision, ARRAY[16]),
    lat double precision[] NOT NULL DEFAULT array_fill('NaN'::double precision, ARRAY[16]),
    accuracy_m real[] NOT NULL DEFAULT array_fill('NaN'::real, ARRAY[16]),
    speed_ms real[] NOT NULL DEFAULT array_fill('NaN'::real, ARRAY[16]),
    heading_deg real[] NOT NULL DEFAULT array_fill('NaN'::real, ARRAY[16]),
    altitude_m real[] NOT NULL DEFAULT array_fill('NaN'::real, ARRAY[16]),
    battery real[] NOT NULL DEFAULT array_fill('NaN'::real, ARRAY[16]),
    received_at timestamptz[] NOT NULL DEFAULT array_fill('-infinity'::timestamptz, ARRAY[16]),
    walked boolean[] NOT NULL DEFAULT array_fill(false, ARRAY[16]),  -- records go up to that fix
    sure boolean[] NOT NULL DEFAULT array_fill(false, ARRAY[16]),  -- no: the next fix settles it
    since_mark int[] NOT NULL DEFAULT array_fill(0, ARRAY[16]),  -- fixes since the last walk_mark
    fences_at bigint[] NOT NULL DEFAULT array_fill(0::bigint, ARRAY[16]),  -- version of the fences
    layout int NOT NULL DEFAULT 0,  -- of the records
    records bytea NOT NULL DEFAULT ''  -- the visits that last
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- A row and its next version are to fit into one page.
ALTER TABLE standings
    ALTER time SET STORAGE PLAIN, ALTER lon SET STORAGE PLAIN, ALTER lat SET STORAGE PLAIN,
    ALTER accuracy_m SET STORAGE PLAIN, ALTER speed_ms SET STORAGE PLAIN,
    ALTER heading_deg SET STORAGE PLAIN, ALTER altitude_m SET STORAGE PLAIN,
    ALTER battery SET STORAGE PLAIN, ALTER received_at SET STORAGE PLAIN,
    ALTER walked SET STORAGE PLAIN, ALTER sure SET STORAGE PLAIN,
    ALTER since_mark SET STORAGE PLAIN, ALTER fences_at SET STORAGE PLAIN,
    ALTER records SET STORAGE MAIN;

INSERT INTO standings (block, stamp, units_stamp, time, lon, lat, accuracy_m, speed_ms,
                       heading_deg, altitude_m, battery, received_at)
SELECT b.block, 0, 0,
    array_agg(coalesce(f.time, '-infinity') ORDER BY slot),
    array_agg(coalesce(f.lon, 'NaN') ORDER BY slot), array_agg(coalesce(f.lat, 'NaN') ORDER BY slot),
    array_agg(coalesce(f.accuracy_m, 'NaN') ORDER BY slot),
    array_agg(coalesce(f.speed_ms, 'NaN') ORDER BY slot),
    array_agg(coalesce(f.heading_deg, 'NaN') ORDER BY slot),
    array_agg(coalesce(f.altitude_m, 'NaN') ORDER BY slot),
    array_agg(coalesce(f.battery, 'NaN') ORDER BY slot),
    array_agg(coalesce(f.received_at, '-infinity') ORDER BY slot)
FROM (SELECT DISTINCT unit_no / 16 AS block FROM units) b
CROSS JOIN generate_series(0, 15) AS slot
LEFT JOIN latest_fixes f ON f.unit_no = b.block * 16 + slot
GROUP BY b.block;

DROP TABLE latest_fixes;
CREATE VIEW latest_fixes AS
SELECT s.block * 16 + w.slot::int - 1 AS unit_no, w.time, w.lon, w.lat,
    nullif(w.accuracy_m, 'NaN') AS accuracy_m, nullif(w.speed_ms, 'NaN') AS speed_ms,
    nullif(w.heading_deg, 'NaN') AS heading_deg, nullif(w.altitude_m, 'NaN') AS altitude_m,
    nullif(w.battery, 'NaN') AS battery, w.received_at
FROM standings s, unnest(s.time, s.lon, s.lat, s.accuracy_m, s.speed_ms, s.heading_deg,
    s.altitude_m, s.battery, s.received_at) WITH ORDINALITY
    AS w (time, lon, lat, accuracy_m, speed_ms, heading_deg, altitude_m, battery, received_at, slot)
WHERE w.time > '-infinity';

-- Records name fence versions by number.
ALTER TABLE fence_versions ADD number int GENERATED ALWAYS AS IDENTITY UNIQUE;

DROP TABLE walks;
DELETE FROM walk_marks;
ALTER TABLE walk_marks DROP terms, DROP fences;

-- Whoever changes units waits for the batches that are being stored of them, and they for it.
CREATE FUNCTION note_units() RETURNS trigger LANGUAGE plpgsql
SET search_path = patrolgrid, public, pg_temp AS $$
BEGIN
    INSERT INTO standings AS s (block, stamp, units_stamp)
    SELECT block, drawn, drawn
    FROM (SELECT DISTINCT unit_no / 16 AS block FROM changed) c,
        LATERAL (SELECT (random() * 9007199254740991)::bigint + 0 * block AS drawn) r
    ORDER BY block
    ON CONFLICT (block) DO UPDATE
        SET stamp = excluded.stamp, units_stamp = excluded.units_stamp;
    RETURN NULL;
END $$;

-- What was walked as something else is walked anew.
CREATE FUNCTION note_other_units() RETURNS trigger LANGUAGE plpgsql
SET search_path = patrolgrid, public, pg_temp AS $$
BEGIN
    WITH other AS (
        SELECT unit_no FROM was JOIN changed USING (unit_no)
        WHERE (was.id, was.kind, was.team, was.max_gap_s, was.top_speed_ms, was.accuracy_m)
            IS DISTINCT FROM (changed.id, changed.kind, changed.team, changed.max_gap_s,
                changed.top_speed_ms, changed.accuracy_m)
    ), forgotten AS (
        DELETE FROM walk_marks m USING other WHERE m.unit_no = other.unit_no
    )
    UPDATE standings s SET walked = (
        SELECT array_agg(w AND NOT s.block * 16 + slot::int - 1 = ANY (o.units) ORDER BY slot)
        FROM unnest(s.walked) WITH ORDINALITY AS k (w, slot))
    FROM (SELECT unit_no / 16 AS block, array_agg(unit_no) AS units FROM other GROUP BY 1) o
    WHERE s.block = o.block;
    RETURN NULL;
END $$;

CREATE TRIGGER note_enrolled AFTER INSERT ON units REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_units();
CREATE TRIGGER note_changed AFTER UPDATE ON units REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_units();
CREATE TRIGGER note_changed_kind AFTER UPDATE ON units
    REFERENCING OLD TABLE AS was NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_other_units();
CREATE TRIGGER note_deleted AFTER DELETE ON units REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_units();

GRANT SELECT ON standings, latest_fixes TO patrolgrid_read, patrolgrid_write;
GRANT INSERT, UPDATE, DELETE ON standings TO patrolgrid_write;
