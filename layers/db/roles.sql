-- Roles belong to the whole server, so another database may have made them already, or be at it.
SELECT pg_advisory_xact_lock(hashtext('patrolgrid roles'));
DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['patrolgrid_read', 'patrolgrid_write', 'patrolgrid_gate'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', r);
        END IF;
        IF NOT pg_has_role(current_user, r, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', r);
        END IF;
    END LOOP;
END $$;
