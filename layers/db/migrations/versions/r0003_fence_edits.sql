-- When a fence's edit holds from, and what is shown of it:
--   from valid_from, where it names a moment that lies ahead or after the beginning of the version
--     that it replaces;
--   else from the beginning of a version that has not begun yet, which it replaces altogether;
--   else from now.
-- A feature put back as it was got, or a file loaded again, is no edit: valid_from alone, not later
-- than the one shown and not ahead, changes nothing. The row shows from when its version holds.
CREATE OR REPLACE FUNCTION keep_fence_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    present timestamptz := clock_timestamp();
    moment timestamptz := present;
    latest int;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.valid_from IS DISTINCT FROM OLD.valid_from AND NEW.valid_from IS NOT NULL
           AND (NEW.valid_from > coalesce(OLD.valid_from, '-infinity') OR NEW.valid_from > present)
        THEN
            moment := NEW.valid_from;
        ELSIF (NEW.name, NEW.rule, NEW.direction, NEW.margin_m, NEW.dwell_s, NEW.active,
               NEW.applies_to, NEW.severity) IS NOT DISTINCT FROM
              (OLD.name, OLD.rule, OLD.direction, OLD.margin_m, OLD.dwell_s, OLD.active,
               OLD.applies_to, OLD.severity)
              AND public.ST_AsBinary(NEW.geom) = public.ST_AsBinary(OLD.geom) THEN
            NEW.version := OLD.version;
            NEW.valid_from := OLD.valid_from;
            RETURN NEW;
        ELSIF OLD.valid_from > present THEN
            moment := OLD.valid_from;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.valid_from > present THEN
        -- It never held; the one before it goes on until the new one begins.
        UPDATE fence_versions SET valid_to = greatest(coalesce(valid_from, moment), moment)
        WHERE fence = OLD.id AND version <> OLD.version AND valid_to = OLD.valid_from
          AND valid_from IS DISTINCT FROM valid_to;
        UPDATE fence_versions SET valid_to = valid_from
        WHERE fence = OLD.id AND version = OLD.version;
    ELSIF TG_OP IN ('UPDATE', 'DELETE') THEN
        UPDATE fence_versions SET valid_to = greatest(coalesce(valid_from, moment), moment)
        WHERE fence = OLD.id AND (valid_to IS NULL OR valid_to > moment);
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    SELECT max(version) INTO latest FROM fence_versions WHERE fence = NEW.id;
    IF TG_OP = 'UPDATE' THEN
        NEW.valid_from := moment;
    ELSIF latest IS NOT NULL THEN
        -- One that was deleted is made again: its past stays.
        NEW.valid_from := greatest(moment, coalesce(NEW.valid_from, moment));
    END IF;
    NEW.version := coalesce(latest, 0) + 1;
    INSERT INTO fence_versions (fence, version, valid_from, name, rule, direction, margin_m,
                                dwell_s, active, applies_to, severity, geom)
    VALUES (NEW.id, NEW.version, NEW.valid_from,
            NEW.name, NEW.rule, NEW.direction, NEW.margin_m, NEW.dwell_s, NEW.active,
            NEW.applies_to, NEW.severity, NEW.geom);
    RETURN NEW;
END $$;
ALTER TABLE fences DISABLE TRIGGER keep_version;
UPDATE fences f SET valid_from = v.valid_from FROM fence_versions v
WHERE v.fence = f.id AND v.version = f.version AND v.valid_from IS DISTINCT FROM f.valid_from;
ALTER TABLE fences ENABLE TRIGGER keep_version;
