-- Reading, writing and the gate (identity) each see what they need and own nothing.
GRANT USAGE ON SCHEMA patrolgrid TO patrolgrid_read, patrolgrid_write, patrolgrid_gate;
GRANT SELECT ON layer_versions, grids, settlements, checkpoints, posts, post_areas, cameras, roads,
    border, fences, fence_versions, teams, units, memberships, patrols, fixes, latest_fixes,
    quarantine, strangers, stays, breaches, breach_revisions, events, deliveries, marks
    TO patrolgrid_read, patrolgrid_write;
-- A subscription's secret is for those who write it and for the worker.
GRANT SELECT (id, url, types, note, active, created_at, created_by) ON subscriptions
    TO patrolgrid_read;
GRANT SELECT ON subscriptions TO patrolgrid_write;
GRANT INSERT, UPDATE, DELETE ON layer_versions, grids, settlements, checkpoints, posts, post_areas,
    cameras, roads, border, fences, fence_versions, teams, units, memberships, fixes, latest_fixes,
    quarantine, strangers, stays, breaches, subscriptions, deliveries, marks TO patrolgrid_write;
GRANT INSERT ON patrols, breach_revisions, events TO patrolgrid_write;
GRANT SELECT, INSERT, UPDATE, DELETE ON tokens TO patrolgrid_gate;
GRANT EXECUTE ON FUNCTION ensure_fix_partition(date) TO patrolgrid_write;
REVOKE EXECUTE ON FUNCTION ensure_fix_partition(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_fix_partition(date) TO patrolgrid_write;

DO $$
DECLARE t text;
BEGIN
    FOR t IN SELECT tablename FROM pg_tables
             WHERE schemaname = 'patrolgrid' AND tablename LIKE 'procrastinate%' LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON patrolgrid.%I TO patrolgrid_write', t);
    END LOOP;
END $$;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA patrolgrid TO patrolgrid_write;
