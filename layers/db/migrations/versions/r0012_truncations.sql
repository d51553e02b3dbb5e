-- TRUNCATE fires no trigger of rows and none of DELETE, so each that has to hear of it has its own.

-- Whatever was kept of the table is of no use: all ids, anywhere.
CREATE FUNCTION tell_caches_of_truncation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    filled boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', TG_TABLE_NAME) INTO filled;
    IF filled THEN
        INSERT INTO cache_changes (layer) VALUES (TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;

-- Of what is no place: those have their history, which moves their versions. A partition is named
-- by what it is part of.
CREATE FUNCTION move_version_of_truncated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    filled boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', TG_TABLE_NAME) INTO filled;
    IF filled THEN
        INSERT INTO layer_versions AS v (layer, version) VALUES (TG_ARGV[0], 1)
        ON CONFLICT (layer, shard) DO UPDATE
        SET version = v.version + 1, changed_at = clock_timestamp();
    END IF;
    RETURN NULL;
END $$;

-- As where each of them is deleted: what has begun ends now, what was to come never holds.
CREATE FUNCTION end_fence_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    UPDATE fence_versions v SET valid_to = greatest(coalesce(v.valid_from, moment), moment)
    FROM fences f
    WHERE v.fence = f.id AND (v.valid_to IS NULL OR v.valid_to > moment);
    RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION tell_caches_of_truncation(), move_version_of_truncated(),
    end_fence_versions() FROM PUBLIC;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['grids', 'settlements', 'checkpoints', 'posts', 'post_areas', 'cameras',
                             'roads', 'border', 'fences', 'breaches'] LOOP
        EXECUTE format('CREATE TRIGGER tell_caches_of_truncation BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION tell_caches_of_truncation()', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['breaches', 'teams', 'units'] LOOP
        EXECUTE format('CREATE TRIGGER move_version_of_truncated BEFORE TRUNCATE ON %1$I
            FOR EACH STATEMENT EXECUTE FUNCTION move_version_of_truncated(%1$L)', t);
    END LOOP;
    -- Each partition may be truncated by itself, and all of them are with the whole.
    FOR t IN SELECT relid::regclass::text FROM pg_partition_tree('fixes') WHERE isleaf LOOP
        EXECUTE format('CREATE TRIGGER move_version_of_truncated BEFORE TRUNCATE ON %s
            FOR EACH STATEMENT EXECUTE FUNCTION move_version_of_truncated(''fixes'')', t);
    END LOOP;
END $$;
CREATE TRIGGER end_versions BEFORE TRUNCATE ON fences
    FOR EACH STATEMENT EXECUTE FUNCTION end_fence_versions();

CREATE OR REPLACE FUNCTION ensure_fix_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    part text := 'fixes_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day < date '1900-01-01' OR day > date '2200-01-01' THEN
        RAISE EXCEPTION 'no partition is made for the day %', day;
    END IF;
    IF to_regclass('patrolgrid.' || part) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('patrolgrid partitions'));
    IF to_regclass('patrolgrid.' || part) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE patrolgrid.%I (LIKE patrolgrid.fixes INCLUDING ALL)', part);
    EXECUTE format('CREATE TRIGGER move_version_of_truncated BEFORE TRUNCATE ON patrolgrid.%I
        FOR EACH STATEMENT EXECUTE FUNCTION patrolgrid.move_version_of_truncated(''fixes'')', part);
    EXECUTE format('ALTER TABLE patrolgrid.fixes ATTACH PARTITION patrolgrid.%I FOR VALUES FROM (%L) TO (%L)',
                   part, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
END $$;
