-- What units did in hours and local days that are over, so that a window is read and not computed
-- (layers/coverage/keeping.py). A row is good for as long as ``basis`` and ``version`` are what they
-- would be if it were made now; others are made anew, and may be deleted at any time.
CREATE TABLE coverage_spells (
    begins timestamptz NOT NULL,
    ends timestamptz NOT NULL CHECK (ends > begins),
    basis text NOT NULL,  -- of which grids, swaths and time zone
    units int[] NOT NULL,  -- who has fixes in it
    ways bigint NOT NULL,  -- of what kind these are, and how their legs are told from gaps
    version text NOT NULL,  -- of which fixes
    content bytea NOT NULL,
    PRIMARY KEY (begins, ends)
);
-- It is packed already.
ALTER TABLE coverage_spells ALTER content SET STORAGE EXTERNAL;

GRANT SELECT ON coverage_spells TO patrolgrid_read, patrolgrid_write;
GRANT INSERT, UPDATE, DELETE ON coverage_spells TO patrolgrid_write;
