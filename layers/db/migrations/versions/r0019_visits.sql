-- When units were at places that the plan speaks of, in local days that are over, so that it is
-- read and not computed (layers/plan/days.py). A row is good for as long as ``version`` is what it
-- would be if it were made now; others are made anew, and may be deleted at any time.
CREATE TABLE visit_days (
    asked bytea NOT NULL,  -- by what it is known what was asked: of which places, units and rights
    begins timestamptz NOT NULL,
    ends timestamptz NOT NULL CHECK (ends > begins),
    version text NOT NULL,  -- of which fixes
    content bytea NOT NULL,
    PRIMARY KEY (asked, begins, ends)
);
-- It is packed already.
ALTER TABLE visit_days ALTER content SET STORAGE EXTERNAL;

GRANT SELECT ON visit_days TO patrolgrid_read, patrolgrid_write;
GRANT INSERT, UPDATE, DELETE ON visit_days TO patrolgrid_write;
