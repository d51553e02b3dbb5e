-- What a process that keeps tiles, or rights, in memory must hear of. It asks for the rows that
-- its last snapshot did not see, so neither the order of commits nor a lock matters, and prunes
-- nothing itself: the worker does, of what is older than any cache may be without asking.
CREATE TABLE cache_changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    layer text NOT NULL,
    ids text[],  -- null: too many to name, or all
    place public.geometry(Geometry, 3857),  -- before and after; null: anywhere
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON cache_changes (xid);
CREATE INDEX ON cache_changes (made_at);
GRANT SELECT ON cache_changes TO patrolgrid_gate;
GRANT SELECT, DELETE ON cache_changes TO patrolgrid_write;

CREATE FUNCTION tell_caches(changed text, ids text[], places public.geometry[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
    INSERT INTO cache_changes (layer, ids, place)
    SELECT changed,
           CASE WHEN cardinality(ids) <= 500 THEN ids END,
           CASE WHEN cardinality(ids) <= 500 THEN ST_Collect(places)
                ELSE ST_SetSRID((SELECT ST_Extent(g)::geometry FROM unnest(places) g), 3857) END
    WHERE cardinality(ids) > 0
$$;
REVOKE EXECUTE ON FUNCTION tell_caches(text, text[], public.geometry[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tell_caches(text, text[], public.geometry[]) TO patrolgrid_write;

-- Of many rows only their extent is told, so that a load gathers no geometries.
CREATE FUNCTION tell_caches_of_features() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    many bigint := 0;
    box public.geometry;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*) INTO many FROM came;
        IF many > 500 THEN
            SELECT public.ST_Extent(geom_3857)::public.geometry INTO box FROM came;
        ELSE
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text), array_agg(geom_3857)) FROM came;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT count(*) INTO many FROM gone;
        IF many > 500 THEN
            SELECT public.ST_Extent(geom_3857)::public.geometry INTO box FROM gone;
        ELSE
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text), array_agg(geom_3857)) FROM gone;
        END IF;
    ELSE
        -- An id that became another is in one of them only.
        SELECT count(*) INTO many FROM (
            SELECT FROM came c FULL JOIN gone g USING (id)
            WHERE c.* IS DISTINCT FROM g.* LIMIT 501
        ) different;
        IF many > 500 THEN
            SELECT public.ST_Extent(g)::public.geometry INTO box
            FROM (SELECT geom_3857 FROM came UNION ALL SELECT geom_3857 FROM gone) both_of (g);
        ELSE
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text),
                                array_agg(c.geom_3857) || array_agg(g.geom_3857))
            FROM came c FULL JOIN gone g USING (id)
            WHERE c.* IS DISTINCT FROM g.*;
        END IF;
    END IF;
    IF many > 500 THEN
        PERFORM tell_caches(TG_TABLE_NAME, array_fill(''::text, ARRAY[501]),
                            ARRAY[public.ST_SetSRID(box, 3857)]);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['grids', 'settlements', 'checkpoints', 'posts', 'post_areas',
                             'cameras', 'roads', 'border', 'fences', 'breaches'] LOOP
        EXECUTE format('CREATE TRIGGER tell_caches_of_new AFTER INSERT ON %I
            REFERENCING NEW TABLE AS came
            FOR EACH STATEMENT EXECUTE FUNCTION tell_caches_of_features()', t);
        EXECUTE format('CREATE TRIGGER tell_caches_of_changed AFTER UPDATE ON %I
            REFERENCING OLD TABLE AS gone NEW TABLE AS came
            FOR EACH STATEMENT EXECUTE FUNCTION tell_caches_of_features()', t);
        EXECUTE format('CREATE TRIGGER tell_caches_of_gone AFTER DELETE ON %I
            REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION tell_caches_of_features()', t);
    END LOOP;
END $$;

-- A right that ended, or is another now. When a token was used last is no such thing.
CREATE FUNCTION tell_caches_of_tokens() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
BEGIN
    INSERT INTO cache_changes (layer) VALUES ('tokens');
    RETURN NULL;
END $$;
CREATE TRIGGER tell_caches AFTER DELETE OR TRUNCATE
    OR UPDATE OF hash, kind, scopes, area, team, unit, expires_at, revoked_at ON tokens
    FOR EACH STATEMENT EXECUTE FUNCTION tell_caches_of_tokens();
