-- Loads of many rows: the same promises at less cost.

-- Not STRICT: PostgreSQL writes the body of a strict function into no expression unless all of it
-- is strict, and a call a row costs as much as the work. Missing is missing all the same.
CREATE OR REPLACE FUNCTION mercator(g public.geometry) RETURNS public.geometry
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT public.ST_Transform(
        CASE WHEN public.ST_YMax(g) > 85.05 OR public.ST_YMin(g) < -85.05
             THEN public.ST_Intersection(g, public.ST_MakeEnvelope(-180, -85.05, 180, 85.05, 4326))
             ELSE g END, 3857)
$$;

CREATE OR REPLACE FUNCTION on_earth(g public.geometry) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT NOT public.ST_IsEmpty(g)
       AND public.ST_XMin(g) >= -180 AND public.ST_XMax(g) <= 180
       AND public.ST_YMin(g) >= -90 AND public.ST_YMax(g) <= 90
$$;

-- Whoever has judged every shape of a statement with GEOS says so for that statement
-- (patrolgrid.judged: the loads do); of all others, backups among them, PostGIS judges each.
-- The rows that are there were judged by the stricter rule.
SET LOCAL patrolgrid.judged = 'on';
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['grids', 'post_areas', 'fences'] LOOP
        EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I CHECK (
            on_earth(geom) AND (coalesce(current_setting(''patrolgrid.judged'', true), '''') = ''on''
                                OR public.ST_IsValid(geom)))', t, t || '_geom_check');
    END LOOP;
END $$;
SET LOCAL patrolgrid.judged = 'off';

-- As before, but what a statement touched is counted and measured in one scan of it.
CREATE OR REPLACE FUNCTION tell_caches_of_features() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    many bigint := 0;
    box public.geometry;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*), public.ST_Extent(geom_3857)::public.geometry INTO many, box FROM came;
        IF many <= 500 THEN
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text), array_agg(geom_3857)) FROM came;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT count(*), public.ST_Extent(geom_3857)::public.geometry INTO many, box FROM gone;
        IF many <= 500 THEN
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text), array_agg(geom_3857)) FROM gone;
        END IF;
    ELSE
        SELECT count(*) INTO many FROM came;
        IF many > 500 THEN
            SELECT public.ST_Extent(g)::public.geometry INTO box
            FROM (SELECT geom_3857 FROM came UNION ALL SELECT geom_3857 FROM gone) both_of (g);
        ELSE
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(c.id::text),
                                array_agg(c.geom_3857) || array_agg(g.geom_3857))
            FROM came c JOIN gone g USING (id)
            WHERE c.* IS DISTINCT FROM g.*;
        END IF;
    END IF;
    IF many > 500 THEN
        PERFORM tell_caches(TG_TABLE_NAME, array_fill(''::text, ARRAY[501]),
                            ARRAY[public.ST_SetSRID(box, 3857)]);
    END IF;
    RETURN NULL;
END $$;
