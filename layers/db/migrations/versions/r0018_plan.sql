-- The plan's duties: what is to be visited how often, and when (layers/plan/duties.py).
CREATE TABLE plan_duties (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text,
    name_zh text,
    name_mn text,
    name_en text,
    layer text NOT NULL CHECK (layer IN ('grids', 'checkpoints', 'posts')),
    level text,  -- of grids; null: as ids and kind say
    kind text,  -- null: every kind
    ids text[] CHECK (cardinality(ids) > 0),  -- null: all of that level and kind
    rounds int NOT NULL CHECK (rounds BETWEEN 1 AND 100),
    per text NOT NULL CHECK (per IN ('day', 'week', 'month')),
    apart_s float8 NOT NULL CHECK (apart_s BETWEEN 0 AND 86400),
    stay_s float8 NOT NULL CHECK (stay_s BETWEEN 0 AND 86400),
    within_m float8 NOT NULL CHECK (within_m > 0 AND within_m <= 10000),
    active jsonb,  -- as a fence's; null: always
    applies_to jsonb,  -- as a fence's; null: visits of every unit count
    edited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    edited_by text NOT NULL
);

CREATE FUNCTION move_version_of_plan() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
BEGIN
    INSERT INTO layer_versions AS v (layer, shard, version) VALUES ('plan', 0, 1)
    ON CONFLICT (layer, shard) DO UPDATE
    SET version = v.version + 1, changed_at = clock_timestamp();
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION move_version_of_plan() FROM public;
CREATE TRIGGER move_version_of_plan AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON plan_duties
    FOR EACH STATEMENT EXECUTE FUNCTION move_version_of_plan();

GRANT SELECT ON plan_duties TO patrolgrid_read, patrolgrid_write;
GRANT INSERT, UPDATE, DELETE ON plan_duties TO patrolgrid_write;
