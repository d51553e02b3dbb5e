-- An index of geometry that grows row by row takes longer than the rows do; made of rows that are
-- there it is sorted, in a small part of that time.

-- Take a layer's away for a load into it. False, and nothing happened, if the layer has rows, if
-- somebody is reading it just now (whoever comes later waits for the load), or if this transaction
-- has changed it before.
CREATE FUNCTION put_index_off(layer text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp
SET lock_timeout = '100ms' AS $$
DECLARE
    filled boolean;
BEGIN
    -- Without lock first: nobody is to wait for a layer that has rows.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', layer) INTO filled;
    IF filled THEN RETURN false; END IF;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', layer);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', layer) INTO filled;
    IF filled THEN RAISE object_in_use; END IF;
    EXECUTE format('DROP INDEX %I', layer || '_geom_idx');
    RETURN true;
EXCEPTION WHEN object_in_use OR lock_not_available OR deadlock_detected THEN
    RETURN false;  -- and the lock is let go of
END $$;

-- Make it again. What the rows refer to must be there by now.
CREATE FUNCTION make_index(layer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    name text;
BEGIN
    -- No index is made while rows wait for their foreign keys to be looked at.
    FOR name IN SELECT quote_ident(conname) FROM pg_constraint
                WHERE conrelid = format('%I', layer)::regclass AND condeferrable LOOP
        EXECUTE format('SET CONSTRAINTS %s IMMEDIATE', name);
        EXECUTE format('SET CONSTRAINTS %s DEFERRED', name);
    END LOOP;
    EXECUTE format('CREATE INDEX %I ON %I USING gist (geom)', layer || '_geom_idx', layer);
END $$;

REVOKE EXECUTE ON FUNCTION put_index_off(text), make_index(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION put_index_off(text), make_index(text) TO patrolgrid_write;

-- Whoever writes a layer by SQL may have another search_path.
ALTER FUNCTION keep_fence_version() SET search_path = patrolgrid, public, pg_temp;
ALTER FUNCTION keep_membership() SET search_path = patrolgrid, public, pg_temp;
ALTER FUNCTION tell_caches_of_features() SET search_path = patrolgrid, public, pg_temp;
