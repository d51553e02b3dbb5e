-- The first schema. Names of tables and columns are the words of the interface.
-- NaN counts as more than Infinity, so `< 'Infinity'` keeps both out.

CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;

-- A geometry in the tiles' plane; what Web Mercator cannot show is cut off first.
CREATE FUNCTION mercator(g public.geometry) RETURNS public.geometry
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.ST_Transform(
        CASE WHEN public.ST_YMax(g) > 85.05 OR public.ST_YMin(g) < -85.05
             THEN public.ST_Intersection(g, public.ST_MakeEnvelope(-180, -85.05, 180, 85.05, 4326))
             ELSE g END, 3857)
$$;

CREATE FUNCTION on_earth(g public.geometry) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT NOT public.ST_IsEmpty(g)
       AND public.ST_XMin(g) >= -180 AND public.ST_XMax(g) <= 180
       AND public.ST_YMin(g) >= -90 AND public.ST_YMax(g) <= 90
$$;

-- Versions: one row a layer and shard of writers; data_version is their sum.
CREATE TABLE layer_versions (
    layer text NOT NULL,
    shard int NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (layer, shard)
);

-- Places ------------------------------------------------------------------------------------

CREATE TABLE grids (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    level text NOT NULL CHECK (level <> ''),
    parent text REFERENCES grids (id) DEFERRABLE INITIALLY DEFERRED CHECK (parent <> id),
    kind text NOT NULL DEFAULT 'rural' CHECK (kind IN ('rural', 'urban', 'dedicated')),
    team text,
    area_m2 double precision NOT NULL CHECK (area_m2 > 0 AND area_m2 < 'Infinity'),
    geom public.geometry(MultiPolygon, 4326) NOT NULL CHECK (on_earth(geom) AND public.ST_IsValid(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON grids USING gist (geom);
CREATE INDEX ON grids USING gist (geom_3857);
CREATE INDEX ON grids (level);
CREATE INDEX ON grids (parent);

CREATE TABLE settlements (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    households int CHECK (households >= 0),
    geom public.geometry(Point, 4326) NOT NULL CHECK (on_earth(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON settlements USING gist (geom);
CREATE INDEX ON settlements USING gist (geom_3857);

CREATE TABLE checkpoints (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    kind text NOT NULL DEFAULT 'staffed' CHECK (kind IN ('staffed', 'electronic')),
    last_heartbeat timestamptz,
    geom public.geometry(Point, 4326) NOT NULL CHECK (on_earth(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON checkpoints USING gist (geom);
CREATE INDEX ON checkpoints USING gist (geom_3857);

CREATE TABLE posts (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    team text,
    geom public.geometry(Point, 4326) NOT NULL CHECK (on_earth(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON posts USING gist (geom);
CREATE INDEX ON posts USING gist (geom_3857);

CREATE TABLE post_areas (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    post text REFERENCES posts (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    geom public.geometry(MultiPolygon, 4326) NOT NULL CHECK (on_earth(geom) AND public.ST_IsValid(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON post_areas USING gist (geom);
CREATE INDEX ON post_areas USING gist (geom_3857);

CREATE TABLE cameras (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    site text,
    bearing_deg double precision CHECK (bearing_deg >= 0 AND bearing_deg <= 360),
    fov_deg double precision CHECK (fov_deg > 0 AND fov_deg <= 360),
    range_m double precision CHECK (range_m > 0 AND range_m <= 100000),
    last_heartbeat timestamptz,
    geom public.geometry(Point, 4326) NOT NULL CHECK (on_earth(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON cameras USING gist (geom);
CREATE INDEX ON cameras USING gist (geom_3857);

CREATE TABLE roads (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    class text NOT NULL DEFAULT 'unclassified' CHECK (class <> ''),
    surface text,
    oneway text NOT NULL DEFAULT 'no' CHECK (oneway IN ('no', 'forward', 'backward')),
    speed_kmh double precision CHECK (speed_kmh > 0 AND speed_kmh <= 300),
    bridge boolean NOT NULL DEFAULT false,
    tunnel boolean NOT NULL DEFAULT false,
    geom public.geometry(LineString, 4326) NOT NULL CHECK (on_earth(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON roads USING gist (geom);
CREATE INDEX ON roads USING gist (geom_3857);

CREATE TABLE border (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    chainage_start_km double precision NOT NULL DEFAULT 0
        CHECK (abs(chainage_start_km) < 'Infinity'),
    geom public.geometry(LineString, 4326) NOT NULL CHECK (on_earth(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED
);
CREATE INDEX ON border USING gist (geom);
CREATE INDEX ON border USING gist (geom_3857);

CREATE TABLE fences (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    rule text NOT NULL CHECK (rule IN ('keep_out', 'keep_in', 'line', 'presence')),
    direction text NOT NULL DEFAULT 'any'
        CHECK (direction IN ('any', 'left_to_right', 'right_to_left')),
    margin_m double precision NOT NULL DEFAULT 0 CHECK (margin_m >= 0 AND margin_m <= 100000),
    dwell_s double precision NOT NULL DEFAULT 0 CHECK (dwell_s >= 0 AND dwell_s <= 31536000),
    active jsonb CHECK (jsonb_typeof(active) = 'object'),
    applies_to jsonb CHECK (jsonb_typeof(applies_to) = 'object'),
    severity text NOT NULL DEFAULT 'medium'
        CHECK (severity IN ('info', 'low', 'medium', 'high', 'critical')),
    valid_from timestamptz,
    version int NOT NULL DEFAULT 1,
    geom public.geometry(Geometry, 4326) NOT NULL CHECK (on_earth(geom) AND public.ST_IsValid(geom)),
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED,
    CHECK ((rule = 'line') = (public.GeometryType(geom) IN ('LINESTRING', 'MULTILINESTRING'))),
    CHECK (public.GeometryType(geom) IN
           ('LINESTRING', 'MULTILINESTRING', 'POLYGON', 'MULTIPOLYGON'))
);
CREATE INDEX ON fences USING gist (geom);
CREATE INDEX ON fences USING gist (geom_3857);

-- What happened is judged by the version in force at event time; a deleted fence keeps its past.
CREATE TABLE fence_versions (
    fence text NOT NULL,
    version int NOT NULL,
    valid_from timestamptz,  -- null: all the past
    valid_to timestamptz CHECK (valid_to >= valid_from),  -- null: in force
    name text,
    rule text NOT NULL,
    direction text NOT NULL,
    margin_m double precision NOT NULL,
    dwell_s double precision NOT NULL,
    active jsonb,
    applies_to jsonb,
    severity text NOT NULL,
    geom public.geometry(Geometry, 4326) NOT NULL,
    PRIMARY KEY (fence, version)
);

CREATE FUNCTION keep_fence_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    latest int;
BEGIN
    IF TG_OP = 'UPDATE' AND
       (NEW.name, NEW.rule, NEW.direction, NEW.margin_m, NEW.dwell_s, NEW.active, NEW.applies_to,
        NEW.severity) IS NOT DISTINCT FROM
       (OLD.name, OLD.rule, OLD.direction, OLD.margin_m, OLD.dwell_s, OLD.active, OLD.applies_to,
        OLD.severity)
       AND NEW.valid_from IS NOT DISTINCT FROM OLD.valid_from
       AND public.ST_AsBinary(NEW.geom) = public.ST_AsBinary(OLD.geom) THEN
        NEW.version := OLD.version;
        RETURN NEW;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        UPDATE fence_versions SET valid_to = greatest(coalesce(valid_from, moment), moment)
        WHERE fence = OLD.id AND version = OLD.version;
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    END IF;
    SELECT max(version) INTO latest FROM fence_versions WHERE fence = NEW.id;
    NEW.version := coalesce(latest, 0) + 1;
    INSERT INTO fence_versions (fence, version, valid_from, name, rule, direction, margin_m,
                                dwell_s, active, applies_to, severity, geom)
    VALUES (NEW.id, NEW.version,
            CASE WHEN latest IS NULL THEN NEW.valid_from ELSE moment END,
            NEW.name, NEW.rule, NEW.direction, NEW.margin_m, NEW.dwell_s, NEW.active,
            NEW.applies_to, NEW.severity, NEW.geom);
    RETURN NEW;
END $$;
CREATE TRIGGER keep_version BEFORE INSERT OR UPDATE OR DELETE ON fences
    FOR EACH ROW EXECUTE FUNCTION keep_fence_version();

-- Teams, units, fixes -----------------------------------------------------------------------

CREATE TABLE teams (
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    name text, name_zh text, name_mn text, name_en text,
    kind text NOT NULL DEFAULT 'team' CHECK (kind IN ('division', 'brigade', 'team')),
    parent text REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED CHECK (parent <> id),
    people int CHECK (people >= 0)
);

CREATE TABLE units (
    unit_no int GENERATED ALWAYS AS IDENTITY UNIQUE,
    id text PRIMARY KEY CHECK (id <> '' AND length(id) <= 200),
    call_sign text NOT NULL CHECK (call_sign <> ''),
    kind text NOT NULL CHECK (kind IN
        ('vehicle', 'motorcycle', 'horse', 'foot', 'drone', 'robot', 'collar', 'sensor')),
    team text REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED,
    max_gap_s double precision NOT NULL CHECK (max_gap_s > 0 AND max_gap_s < 'Infinity'),
    top_speed_ms double precision NOT NULL
        CHECK (top_speed_ms >= 0 AND top_speed_ms < 'Infinity'),
    accuracy_m double precision NOT NULL CHECK (accuracy_m > 0 AND accuracy_m < 'Infinity'),
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    disenrolled_at timestamptz
);

CREATE TABLE memberships (
    unit text NOT NULL REFERENCES units (id) ON DELETE CASCADE,
    team text NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    valid_from timestamptz,  -- null: all the past
    valid_to timestamptz CHECK (valid_to >= valid_from),  -- null: now
    UNIQUE NULLS NOT DISTINCT (unit, valid_from)
);

CREATE FUNCTION keep_membership() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.team IS NOT DISTINCT FROM OLD.team THEN RETURN NEW; END IF;
        UPDATE memberships SET valid_to = moment WHERE unit = NEW.id AND valid_to IS NULL;
    END IF;
    IF NEW.team IS NOT NULL THEN
        INSERT INTO memberships (unit, team, valid_from)
        VALUES (NEW.id, NEW.team, CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE moment END);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_membership AFTER INSERT OR UPDATE ON units
    FOR EACH ROW EXECUTE FUNCTION keep_membership();

-- Patrol identifiers are long and few: fixes carry their number.
CREATE TABLE patrols (
    patrol_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE CHECK (id <> '' AND length(id) <= 200)
);

CREATE TABLE fixes (
    unit_no int NOT NULL,
    time timestamptz NOT NULL,
    lon double precision NOT NULL CHECK (lon >= -180 AND lon <= 180),
    lat double precision NOT NULL CHECK (lat >= -90 AND lat <= 90),
    accuracy_m real CHECK (accuracy_m >= 0 AND accuracy_m < 'Infinity'),
    speed_ms real,
    heading_deg real,
    altitude_m real,
    battery real,
    patrol_no int,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (unit_no, time)
) PARTITION BY RANGE (time);

-- Made beside and attached: CREATE … PARTITION OF would lock every reader out.
CREATE FUNCTION ensure_fix_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = patrolgrid, public, pg_temp AS $$
DECLARE
    part text := 'fixes_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day < date '1900-01-01' OR day > date '2200-01-01' THEN
        RAISE EXCEPTION 'no partition is made for the day %', day;
    END IF;
    IF to_regclass('patrolgrid.' || part) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('patrolgrid partitions'));
    IF to_regclass('patrolgrid.' || part) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('CREATE TABLE patrolgrid.%I (LIKE patrolgrid.fixes INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE patrolgrid.fixes ATTACH PARTITION patrolgrid.%I FOR VALUES FROM (%L) TO (%L)',
                   part, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
END $$;

CREATE TABLE latest_fixes (
    unit_no int PRIMARY KEY,
    time timestamptz NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    accuracy_m real, speed_ms real, heading_deg real, altitude_m real, battery real,
    received_at timestamptz NOT NULL
);

CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    time timestamptz,
    lon double precision,
    lat double precision,
    accuracy_m double precision, speed_ms double precision, heading_deg double precision,
    altitude_m double precision, battery double precision,
    patrol_id text,
    reason text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at timestamptz,
    -- The same fix, doubted again for the same reason, is one row.
    UNIQUE NULLS NOT DISTINCT (unit, time, lon, lat, accuracy_m, reason)
);
CREATE INDEX ON quarantine (unit, time);

-- Of a stranger's fixes nothing is kept but how many there were.
CREATE TABLE strangers (
    day date PRIMARY KEY,
    fixes bigint NOT NULL
);

-- Breaches ----------------------------------------------------------------------------------

-- Every stay of a unit in (keep_in: outside) a fence, breach or not: where a replay may begin.
CREATE TABLE stays (
    unit_no int NOT NULL,
    fence text NOT NULL,
    entered_fix timestamptz NOT NULL,
    exited_fix timestamptz,  -- null: still there
    PRIMARY KEY (unit_no, fence, entered_fix)
);
CREATE INDEX ON stays (unit_no, exited_fix);

CREATE TABLE breaches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit text NOT NULL,
    fence text NOT NULL,
    fence_version int NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    direction text,
    visit text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'closed', 'withdrawn')),
    evidence text NOT NULL CHECK (evidence IN ('confirmed', 'probable')),
    entered_fix timestamptz NOT NULL,
    exited_fix timestamptz,
    entered_at timestamptz NOT NULL,
    entered_earliest timestamptz,
    entered_latest timestamptz,
    exited_at timestamptz,
    exited_earliest timestamptz,
    exited_latest timestamptz,
    unknown_s double precision NOT NULL DEFAULT 0,
    revision int NOT NULL DEFAULT 1,
    merged_into bigint REFERENCES breaches (id),
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    geom public.geometry(Point, 4326) NOT NULL,
    geom_3857 public.geometry(Geometry, 3857) GENERATED ALWAYS AS (mercator(geom)) STORED,
    CHECK ((state = 'open') <= (exited_at IS NULL)),
    CHECK (exited_at IS NULL OR exited_at >= entered_at)
);
CREATE INDEX ON breaches USING gist (geom);
CREATE INDEX ON breaches USING gist (geom_3857);
CREATE INDEX ON breaches ((id::text) COLLATE "C");
CREATE INDEX ON breaches (entered_at);
CREATE INDEX ON breaches (unit, entered_at);
CREATE INDEX ON breaches (fence, entered_at);

CREATE TABLE breach_revisions (
    breach bigint NOT NULL REFERENCES breaches (id) ON DELETE CASCADE,
    revision int NOT NULL,
    change text NOT NULL CHECK (change IN ('opened', 'amended', 'closed', 'withdrawn')),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    was jsonb NOT NULL,
    PRIMARY KEY (breach, revision)
);

-- Events and webhooks -----------------------------------------------------------------------

CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time timestamptz NOT NULL DEFAULT clock_timestamp(),
    type text NOT NULL,
    breach bigint REFERENCES breaches (id) ON DELETE CASCADE,
    data jsonb NOT NULL
);

CREATE TABLE subscriptions (
    id text PRIMARY KEY,
    url text NOT NULL,
    secret text NOT NULL,
    types text[] NOT NULL DEFAULT '{}',
    note text,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text
);

CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    event bigint NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts int NOT NULL DEFAULT 0,
    last_status int,
    last_error text,
    tried_at timestamptz,
    next_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (subscription, event)
);

-- A breach, an event and a subscription take what hangs on them along; the rescue looks for pending.
CREATE INDEX ON events (breach);
CREATE INDEX ON deliveries (event);
CREATE INDEX ON deliveries (id) WHERE state = 'pending';

-- Identity ----------------------------------------------------------------------------------

CREATE TABLE tokens (
    id text PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('api', 'link', 'session', 'device')),
    note text,
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'ingest', 'plan', 'admin']),
    area text,
    team text,
    unit text REFERENCES units (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

-- What the service knows of itself: whether the demo is in, and where its days end.
CREATE TABLE marks (
    name text PRIMARY KEY,
    value jsonb NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
