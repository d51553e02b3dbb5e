-- An edit holds from now on, or from a later valid_from than that of the version before. Without one,
-- or with the one that was shown (a file loaded again, a feature put back), it is now; the row then
-- shows the moment from which its version holds.
CREATE OR REPLACE FUNCTION keep_fence_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    latest int;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.valid_from IS NOT NULL AND NEW.valid_from > coalesce(OLD.valid_from, '-infinity')
           AND NEW.valid_from IS DISTINCT FROM OLD.valid_from THEN
            moment := NEW.valid_from;
        ELSIF (NEW.name, NEW.rule, NEW.direction, NEW.margin_m, NEW.dwell_s, NEW.active,
               NEW.applies_to, NEW.severity) IS NOT DISTINCT FROM
              (OLD.name, OLD.rule, OLD.direction, OLD.margin_m, OLD.dwell_s, OLD.active,
               OLD.applies_to, OLD.severity)
              AND public.ST_AsBinary(NEW.geom) = public.ST_AsBinary(OLD.geom) THEN
            NEW.version := OLD.version;
            NEW.valid_from := OLD.valid_from;
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        -- A version that was to hold from later on never does.
        UPDATE fence_versions SET valid_to = greatest(coalesce(valid_from, moment), moment)
        WHERE fence = OLD.id AND (valid_to IS NULL OR valid_to > moment);
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        NEW.valid_from := moment;
    END IF;
    SELECT max(version) INTO latest FROM fence_versions WHERE fence = NEW.id;
    IF latest IS NOT NULL AND TG_OP = 'INSERT' THEN
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
