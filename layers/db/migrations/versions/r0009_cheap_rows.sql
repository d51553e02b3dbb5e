-- What a row costs on its way in, made half.

-- Tiles are cut from copies in memory, which hold the plane of the tiles; a second geometry in the
-- table made a row twice as long, and it and its index took nearly half of the time of storing it.
DROP VIEW unattended;
CREATE VIEW unattended WITH (security_invoker = true) AS
SELECT g.id, g.name, g.name_zh, g.name_mn, g.name_en, g.level, g.parent,
       figure.area_m2,
       least(figure.area_m2 / g.area_m2, 1) AS unattended_share,
       ground.geom::public.geometry(MultiPolygon, 4326) AS geom
FROM grids g
CROSS JOIN LATERAL (
    -- Subtracted together: areas of posts may overlap.
    SELECT public.ST_Union(a.geom) AS geom FROM post_areas a
    WHERE a.geom OPERATOR(public.&&) g.geom AND public.ST_Intersects(a.geom, g.geom)
) seen
CROSS JOIN LATERAL (
    SELECT CASE WHEN seen.geom IS NULL THEN g.geom ELSE public.ST_Multi(
        public.ST_CollectionExtract(public.ST_Difference(g.geom, seen.geom), 3)) END AS geom
    OFFSET 0  -- computed once a row
) ground
CROSS JOIN LATERAL (
    SELECT CASE WHEN seen.geom IS NULL THEN g.area_m2 ELSE ground_m2(ground.geom) END AS area_m2
    OFFSET 0
) figure
WHERE seen.geom IS NULL
   OR 2 * figure.area_m2 > public.ST_Perimeter(public.geography(ground.geom));
GRANT SELECT ON unattended TO patrolgrid_read, patrolgrid_write;

-- (SP-GiST would take a row in half of GiST's time, but PostGIS 3.3 answers an index-only scan of it
-- with a crash, and a count(*) is one.)
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['grids', 'settlements', 'checkpoints', 'posts', 'post_areas', 'cameras',
                             'roads', 'border', 'fences', 'breaches'] LOOP
        EXECUTE format('ALTER TABLE %I DROP COLUMN geom_3857', t);
    END LOOP;
END $$;

-- Nobody asks for the children of nobody; and levels are few, so that an index finds little
-- sooner than reading all grids does.
DROP INDEX grids_parent_idx, grids_level_idx;
CREATE INDEX ON grids (parent) WHERE parent IS NOT NULL;

-- Caches are told places in the plane of the tiles, as before.
CREATE OR REPLACE FUNCTION tell_caches_of_features() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    many bigint := 0;
    box public.geometry;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*) INTO many FROM (SELECT FROM came LIMIT 501) few;
        IF many > 500 THEN
            SELECT public.ST_Extent(geom)::public.geometry INTO box FROM came;
        ELSE
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text),
                                array_agg(patrolgrid.mercator(geom))) FROM came;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT count(*) INTO many FROM (SELECT FROM gone LIMIT 501) few;
        IF many > 500 THEN
            SELECT public.ST_Extent(geom)::public.geometry INTO box FROM gone;
        ELSE
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text),
                                array_agg(patrolgrid.mercator(geom))) FROM gone;
        END IF;
    ELSE
        -- An id that became another is in one of them only.
        SELECT count(*) INTO many FROM (
            SELECT FROM came c FULL JOIN gone g USING (id)
            WHERE c.* IS DISTINCT FROM g.* LIMIT 501
        ) different;
        IF many > 500 THEN
            SELECT public.ST_Extent(g)::public.geometry INTO box
            FROM (SELECT geom FROM came UNION ALL SELECT geom FROM gone) both_of (g);
        ELSE
            PERFORM tell_caches(TG_TABLE_NAME, array_agg(id::text),
                                array_agg(patrolgrid.mercator(c.geom))
                                || array_agg(patrolgrid.mercator(g.geom)))
            FROM came c FULL JOIN gone g USING (id)
            WHERE c.* IS DISTINCT FROM g.*;
        END IF;
    END IF;
    IF many > 500 THEN
        PERFORM tell_caches(TG_TABLE_NAME, array_fill(''::text, ARRAY[501]),
                            ARRAY[patrolgrid.mercator(public.ST_SetSRID(box, 4326))]);
    END IF;
    RETURN NULL;
END $$;

-- The box that an area carries says where it is; it is wider than the area by less than the last
-- digit of a float, in which 180 and 90 are whole. (A box says nothing of NaN: whoever judges
-- validity does, so points and lines keep on_earth.) The rows that are there were judged.
SET LOCAL patrolgrid.judged = 'on';
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['grids', 'post_areas', 'fences'] LOOP
        EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT %2$I, ADD CONSTRAINT %2$I CHECK (
            NOT public.ST_IsEmpty(geom)
            AND geom OPERATOR(public.@) public.ST_MakeEnvelope(-180, -90, 180, 90, 4326)
            AND (coalesce(current_setting(''patrolgrid.judged'', true), '''') = ''on''
                 OR public.ST_IsValid(geom)))', t, t || '_geom_check');
    END LOOP;
END $$;
SET LOCAL patrolgrid.judged = 'off';
