-- Every change of a place layer moves the layer's version and is kept, in its own transaction:
--   a set     all that one transaction changed: when, by whom, and how (a load, an edit, an undo);
--   a step    one statement of it on one layer: how many rows it made, changed and took out, and
--             the layer's version from then on;
--   a change  one feature in a step: what became of it, and what it was before. What it was
--             after is what the next change of it was before, or the feature itself.
-- Triggers alone write these tables, and only add to them: an undo is a set of its own that names
-- what it undoes. Nothing is thrown away: an insertion keeps no image, and an update only those of
-- rows that differ, so that a layer that is loaded again grows its history by what changed.
-- A revision that adds a column without a default adds it to the images (changes.before), too.

CREATE TABLE change_sets (
    set_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- of its commit
    made_by text,  -- the principal: a token's id, or "system"; null: without the service
    how text NOT NULL CHECK (how IN ('load', 'edit', 'undo')),
    undoes bigint REFERENCES change_sets (set_no),
    undoes_layer text,
    undoes_feature text,  -- null: the whole set
    CHECK ((how = 'undo') = (undoes IS NOT NULL)),
    CHECK (undoes < set_no),
    CHECK ((undoes_layer IS NULL) = (undoes_feature IS NULL)),
    CHECK (undoes IS NOT NULL OR undoes_feature IS NULL)
);
CREATE INDEX ON change_sets (undoes) WHERE undoes IS NOT NULL;

CREATE TABLE change_steps (
    set_no bigint NOT NULL REFERENCES change_sets (set_no),
    step int NOT NULL,
    layer text NOT NULL,
    version bigint NOT NULL,
    created int NOT NULL,
    changed int NOT NULL,
    deleted int NOT NULL,
    features text[] NOT NULL,  -- the first ten
    PRIMARY KEY (set_no, step)
);
CREATE INDEX ON change_steps (layer, set_no DESC);

-- No foreign key to its step: checked row by row, it would cost a load more than all the rest.
CREATE TABLE changes (
    layer text COLLATE "C" NOT NULL,
    feature text COLLATE "C" NOT NULL,
    set_no bigint NOT NULL,
    step int NOT NULL,
    what text NOT NULL,  -- created, changed, deleted
    before jsonb,  -- its columns; neither geometry nor what is generated
    before_geom public.geometry(Geometry, 4326),
    CHECK ((what = 'created') = (before IS NULL)),
    CHECK ((before IS NULL) = (before_geom IS NULL)),
    PRIMARY KEY (layer, feature, set_no, step)
);
-- Sets are appended one after the other: a few bytes a range of pages find them.
CREATE INDEX ON changes USING brin (set_no) WITH (pages_per_range = 8, autosummarize = on);

-- Changes that stand: neither an undo's, nor undone.
CREATE VIEW standing_changes WITH (security_invoker = true) AS
SELECT c.* FROM changes c JOIN change_sets s USING (set_no)
WHERE s.how <> 'undo' AND NOT EXISTS (
    SELECT FROM change_sets u
    WHERE u.undoes = c.set_no
      AND (u.undoes_feature IS NULL
           OR (u.undoes_layer = c.layer AND u.undoes_feature = c.feature))
);

-- The set of this transaction, made when there is none. Its number is a setting of the transaction,
-- so that a savepoint that is rolled back takes both along. patrolgrid.act says how it comes about
-- (an edit, if nothing does); an undo says in patrolgrid.undoes, .undoes_layer, .undoes_feature what.
CREATE FUNCTION change_set() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    found bigint := nullif(current_setting('patrolgrid.change_set', true), '');
BEGIN
    IF found IS NULL THEN
        INSERT INTO change_sets (made_by, how, undoes, undoes_layer, undoes_feature)
        VALUES (nullif(current_setting('patrolgrid.principal', true), ''),
                coalesce(nullif(current_setting('patrolgrid.act', true), ''), 'edit'),
                nullif(current_setting('patrolgrid.undoes', true), '')::bigint,
                nullif(current_setting('patrolgrid.undoes_layer', true), ''),
                nullif(current_setting('patrolgrid.undoes_feature', true), ''))
        RETURNING set_no INTO found;
        PERFORM set_config('patrolgrid.change_set', found::text, true);
    END IF;
    RETURN found;
END $$;

-- As it is written at the commit: then the new state can be seen.
CREATE FUNCTION date_change_set() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    UPDATE change_sets SET made_at = moment WHERE set_no = NEW.set_no;
    UPDATE layer_versions SET changed_at = moment
    WHERE layer IN (SELECT layer FROM change_steps WHERE set_no = NEW.set_no);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER date_change_set AFTER INSERT ON change_sets
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION date_change_set();

-- Columns that are stored and no geometry, of the row that goes by an alias.
CREATE FUNCTION columns_of_image(layer regclass, alias text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(alias || '.' || quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = layer AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND atttypid <> 'public.geometry'::regtype
$$;

-- After a statement on a layer: rows_before and rows_after are all that it touched. Images are the
-- same whatever a session says of time zones and digits.
CREATE FUNCTION keep_history() RETURNS trigger
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
    INSERT INTO layer_versions AS v (layer, version) VALUES (TG_TABLE_NAME, 1)
    ON CONFLICT (layer, shard) DO UPDATE
    SET version = v.version + 1, changed_at = clock_timestamp();
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

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['grids', 'settlements', 'checkpoints', 'posts', 'post_areas', 'cameras',
                             'roads', 'border', 'fences'] LOOP
        EXECUTE format('CREATE TRIGGER keep_inserts AFTER INSERT ON %I REFERENCING NEW TABLE AS
            rows_after FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', t);
        EXECUTE format('CREATE TRIGGER keep_updates AFTER UPDATE ON %I REFERENCING OLD TABLE AS
            rows_before NEW TABLE AS rows_after FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', t);
        EXECUTE format('CREATE TRIGGER keep_deletes AFTER DELETE ON %I REFERENCING OLD TABLE AS
            rows_before FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', t);
        EXECUTE format('CREATE TRIGGER keep_truncation BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', t);
    END LOOP;
END $$;

-- Nobody but the triggers writes history, and nobody changes it.
GRANT SELECT ON change_sets, change_steps, changes, standing_changes
    TO patrolgrid_read, patrolgrid_write;
REVOKE EXECUTE ON FUNCTION change_set(), date_change_set(), keep_history() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_set() TO patrolgrid_write;
