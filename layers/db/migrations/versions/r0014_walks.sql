-- Where the walk of each unit past the fences stopped, and what it was doing there. It follows
-- from the fixes and fence versions: where it is missing, or of another layout, they are walked
-- from the beginning.
CREATE TABLE walks (
    unit_no int PRIMARY KEY,
    time timestamptz NOT NULL,  -- of the last fix that was walked, and where
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    accuracy_m real,
    sure boolean NOT NULL,  -- false: what that fix did is decided with the next one
    since_mark int NOT NULL,  -- fixes walked since the last mark
    fences_at text NOT NULL,  -- the version of the fences that were walked past
    layout int NOT NULL,
    terms text NOT NULL,  -- what the unit was, as that counts at fences
    fences text NOT NULL,  -- id@version of the fence that each record is of, one a line
    records bytea NOT NULL
) WITH (fillfactor = 60);

-- The same at earlier fixes, so that a late fix is walked from a little before it.
CREATE TABLE walk_marks (
    unit_no int NOT NULL,
    time timestamptz NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    accuracy_m real,
    layout int NOT NULL,
    terms text NOT NULL,
    fences text NOT NULL,
    records bytea NOT NULL,
    PRIMARY KEY (unit_no, time)
);

-- Small ones stay in the row.
ALTER TABLE walks ALTER records SET STORAGE MAIN;
ALTER TABLE walk_marks ALTER records SET STORAGE MAIN;

GRANT SELECT ON walks, walk_marks TO patrolgrid_read, patrolgrid_write;
GRANT INSERT, UPDATE, DELETE ON walks, walk_marks TO patrolgrid_write;

DROP TABLE stays;

-- What a replay looks at: breaches of a unit that end after a moment, or last.
CREATE INDEX breaches_unit_end ON breaches (unit, exited_fix);
