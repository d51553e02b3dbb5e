-- Who let a quarantined fix through.
ALTER TABLE quarantine ADD COLUMN released_by text;

-- Fixes before the edge are gone, but for days that a hold keeps; it never goes back.
CREATE TABLE fix_retention (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    edge timestamptz NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION keep_the_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.edge < OLD.edge THEN
        RAISE EXCEPTION 'what was dropped stays dropped: the edge of retention does not go back';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_the_edge BEFORE UPDATE OR DELETE ON fix_retention
    FOR EACH ROW EXECUTE FUNCTION keep_the_edge();

-- For an investigation: whose days are not dropped. Rows stay when a hold ends: its history.
CREATE TABLE holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_day date NOT NULL,
    last_day date NOT NULL CHECK (last_day >= first_day),
    starts_at timestamptz NOT NULL,  -- the days' ends in the region's time zone
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    reason text NOT NULL CHECK (reason <> ''),
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz,  -- null: until it is released
    released_at timestamptz,
    released_by text
);

GRANT SELECT ON fix_retention, holds TO patrolgrid_read, patrolgrid_write;
GRANT INSERT, UPDATE ON fix_retention TO patrolgrid_write;
GRANT INSERT ON holds TO patrolgrid_write;
GRANT UPDATE (released_at, released_by) ON holds TO patrolgrid_write;
GRANT USAGE ON SEQUENCE holds_id_seq TO patrolgrid_write;

-- Days of this year and the three before it are a partition each, months of the ten before these,
-- else years: clocks that are wrong say any day since 1970, and each partition costs every plan.
-- A span is made only where no smaller one lies in it.
CREATE FUNCTION fix_partition_is_there(part text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = patrolgrid, public, pg_temp AS $$
    -- Not by to_regclass: its cache may not know yet what another has made meanwhile.
    SELECT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                   WHERE c.relname = part AND i.inhparent = 'patrolgrid.fixes'::regclass
                   AND NOT i.inhdetachpending)
$$;
CREATE FUNCTION fix_partition_lies_in(span text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = patrolgrid, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                   WHERE i.inhparent = 'patrolgrid.fixes'::regclass AND starts_with(c.relname, span))
$$;

CREATE OR REPLACE FUNCTION ensure_fix_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    of_day text := 'fixes_' || to_char(day, 'YYYYMMDD');
    of_month text := 'fixes_' || to_char(day, 'YYYYMM');
    of_year text := 'fixes_' || to_char(day, 'YYYY');
    years int := extract(year FROM current_date) - extract(year FROM day);
    part text := of_day;
    first date := day;
    past date := day + 1;
BEGIN
    IF day < date '1900-01-01' OR day > date '2200-01-01' THEN
        RAISE EXCEPTION 'no partition is made for the day %', day;
    END IF;
    IF fix_partition_is_there(of_day) OR fix_partition_is_there(of_month)
       OR fix_partition_is_there(of_year) THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('patrolgrid partitions'));
    IF fix_partition_is_there(of_day) OR fix_partition_is_there(of_month)
       OR fix_partition_is_there(of_year) THEN RETURN; END IF;
    IF day < (SELECT (edge AT TIME ZONE 'UTC')::date FROM fix_retention) THEN
        RAISE EXCEPTION 'fixes of % are no longer kept: the edge of retention has passed it', day;
    END IF;
    IF years > 13 AND NOT fix_partition_lies_in(of_year) THEN
        part := of_year;
        first := date_trunc('year', day);
        past := first + interval '1 year';
    ELSIF years > 3 AND NOT fix_partition_lies_in(of_month) THEN
        part := of_month;
        first := date_trunc('month', day);
        past := first + interval '1 month';
    END IF;
    EXECUTE format('CREATE TABLE patrolgrid.%I (LIKE patrolgrid.fixes INCLUDING ALL)', part);
    EXECUTE format('CREATE TRIGGER move_version_of_truncated BEFORE TRUNCATE ON patrolgrid.%I
        FOR EACH STATEMENT EXECUTE FUNCTION patrolgrid.move_version_of_truncated(''fixes'')', part);
    EXECUTE format('ALTER TABLE patrolgrid.fixes ATTACH PARTITION patrolgrid.%I FOR VALUES FROM (%L) TO (%L)',
                   part, first::timestamp AT TIME ZONE 'UTC', past::timestamp AT TIME ZONE 'UTC');
END $$;

-- Pages of breaches: what overlaps a window (open ones have no end), and the few of a state.
CREATE INDEX breaches_span ON breaches USING gist (tstzrange(entered_at, exited_at, '[]'));
CREATE INDEX breaches_open ON breaches ((id::text) COLLATE "C") WHERE state = 'open';
CREATE INDEX breaches_withdrawn ON breaches ((id::text) COLLATE "C") WHERE state = 'withdrawn';
