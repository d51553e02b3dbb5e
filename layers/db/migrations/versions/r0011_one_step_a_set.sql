-- A set of changes moves the version of each layer that it touches by one, however many statements
-- it is made of: an edit and the neighbours that follow it, a load in parts, an undo. Who reads sees
-- all of a set or none, so one number is enough for it; its steps say the same one. A savepoint that
-- is rolled back takes its steps and the version's move along.

-- After a statement on a layer: rows_before and rows_after are all that it touched. Images are the
-- same whatever a session says of time zones and digits.
CREATE OR REPLACE FUNCTION keep_history() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp
SET timezone = 'UTC' SET extra_float_digits = 1 AS $$
DECLARE
    own text := columns_of_image(TG_RELID, 'o');
    image text := format('to_jsonb((SELECT i FROM (SELECT %s) i))', own);
    source text;
    differs boolean;
    at_set bigint;
    at_step int;
    moved bigint;
    touched bigint;
    firsts text[];
BEGIN
    -- To the last bit: = would call two geometries the same that are written differently.
    source := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT n.id, ''created'', NULL::jsonb, NULL::public.geometry FROM rows_after n'
        WHEN 'UPDATE' THEN format(
            'SELECT o.id, ''changed'', %s, o.geom
             FROM rows_before o JOIN rows_after n USING (id) WHERE o *<> n', image)
        WHEN 'DELETE' THEN format('SELECT o.id, ''deleted'', %s, o.geom FROM rows_before o', image)
        ELSE format('SELECT o.id, ''deleted'', %s, o.geom FROM %I.%I o', image, TG_TABLE_SCHEMA, TG_TABLE_NAME)
    END;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE 'SELECT EXISTS (SELECT id FROM rows_after EXCEPT SELECT id FROM rows_before)'
        INTO differs;
        IF differs THEN
            RAISE EXCEPTION 'an id is for ever: delete the feature and make another';
        END IF;
    END IF;
    EXECUTE format('SELECT EXISTS (%s)', source) INTO differs;
    IF NOT differs THEN RETURN NULL; END IF;
    -- The first step of a set moves the version, and holds its row until the commit: nobody else
    -- moves it between this set's steps. Moved before the set has a number, so that on one layer
    -- later sets have higher ones.
    IF NOT EXISTS (
        SELECT FROM change_steps
        WHERE set_no = nullif(current_setting('patrolgrid.change_set', true), '')::bigint
          AND layer = TG_TABLE_NAME
    ) THEN
        INSERT INTO layer_versions AS v (layer, version) VALUES (TG_TABLE_NAME, 1)
        ON CONFLICT (layer, shard) DO UPDATE
        SET version = v.version + 1, changed_at = clock_timestamp();
    END IF;
    SELECT sum(version) INTO moved FROM layer_versions WHERE layer = TG_TABLE_NAME;
    at_set := change_set();
    SELECT coalesce(max(step), 0) + 1 INTO at_step FROM change_steps WHERE set_no = at_set;
    EXECUTE format(
        'INSERT INTO changes (layer, feature, set_no, step, what, before, before_geom)
         SELECT $1, s.id, $2, $3, s.what, s.before, s.geom FROM (%s) AS s (id, what, before, geom)',
        source) USING TG_TABLE_NAME, at_set, at_step;
    GET DIAGNOSTICS touched = ROW_COUNT;
    EXECUTE format('SELECT ARRAY(SELECT s.id FROM (%s) AS s (id) LIMIT 10)', source) INTO firsts;
    INSERT INTO change_steps (set_no, step, layer, version, created, changed, deleted, features)
    VALUES (at_set, at_step, TG_TABLE_NAME, moved,
            CASE WHEN TG_OP = 'INSERT' THEN touched ELSE 0 END,
            CASE WHEN TG_OP = 'UPDATE' THEN touched ELSE 0 END,
            CASE WHEN TG_OP IN ('DELETE', 'TRUNCATE') THEN touched ELSE 0 END, firsts);
    RETURN NULL;
END $$;
