-- What a row costs on its way in: half of it was the plane of the tiles and two trees of boxes.

-- PostGIS moves a row's vertices one by one into the tiles' plane; a load moves all of them at once
-- and says so (patrolgrid.judged, as of validity). For every other writer a trigger does it.
CREATE FUNCTION project() RETURNS trigger
LANGUAGE plpgsql SET search_path = patrolgrid, public, pg_temp AS $$
BEGIN
    NEW.geom_3857 := mercator(NEW.geom);
    RETURN NEW;
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['grids', 'settlements', 'checkpoints', 'posts', 'post_areas', 'cameras',
                             'roads', 'border', 'fences'] LOOP
        EXECUTE format('ALTER TABLE %I ALTER geom_3857 DROP EXPRESSION', t);
        -- After the triggers of fences, which may change the shape: triggers run by name.
        EXECUTE format('CREATE TRIGGER zz_project BEFORE INSERT OR UPDATE OF geom, geom_3857 ON %I
            FOR EACH ROW WHEN (coalesce(current_setting(''patrolgrid.judged'', true), '''') <> ''on'')
            EXECUTE FUNCTION project()', t);
        -- A rectangle of the tiles' plane is one of degrees, too: one index serves both. And a tree of
        -- quarters takes a row in half the time that one of overlapping boxes needs.
        EXECUTE format('DROP INDEX %I', t || '_geom_3857_idx');
        EXECUTE format('DROP INDEX %I', t || '_geom_idx');
        EXECUTE format('CREATE INDEX ON %I USING spgist (geom)', t);
    END LOOP;
END $$;

-- Nobody asks for the children of nobody.
DROP INDEX grids_parent_idx;
CREATE INDEX ON grids (parent) WHERE parent IS NOT NULL;

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
