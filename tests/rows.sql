-- One row and more of everything, at revision 0001: what a backup must bring back, and what an
-- upgrade must keep.
INSERT INTO layer_versions (layer, version) VALUES ('grids', 2), ('fixes', 3);
INSERT INTO grids (id, name, name_zh, name_mn, level, parent, area_m2, geom) VALUES
    ('banner', 'Banner', '边境旗', 'Хил хошуу', 'banner', NULL, 4e8,
     ST_GeomFromText('MULTIPOLYGON(((100 42,101 42,101 43,100 43,100 42)))', 4326)),
    ('cell', 'Cell', NULL, NULL, 'cell', 'banner', 1e6,
     ST_GeomFromText('MULTIPOLYGON(((100 42,100.1 42,100.1 42.1,100 42.1,100 42)))', 4326));
INSERT INTO settlements (id, name_zh, households, geom)
    VALUES ('s', '苏木', 412, ST_SetSRID(ST_MakePoint(100.5, 42.5), 4326));
INSERT INTO checkpoints (id, kind, last_heartbeat, geom)
    VALUES ('c', 'electronic', '2026-03-01 00:00Z', ST_SetSRID(ST_MakePoint(100.4, 42.5), 4326));
INSERT INTO posts (id, team, geom) VALUES ('p', 't', ST_SetSRID(ST_MakePoint(100.3, 42.5), 4326));
INSERT INTO post_areas (id, post, geom) VALUES
    ('pa', 'p', ST_GeomFromText('MULTIPOLYGON(((100 42,100.5 42,100.5 42.5,100 42.5,100 42)))', 4326));
INSERT INTO cameras (id, site, bearing_deg, fov_deg, range_m, geom)
    VALUES ('cam', 'mast', 45, 60, 1500, ST_SetSRID(ST_MakePoint(100.2, 42.5), 4326));
INSERT INTO roads (id, class, surface, oneway, speed_kmh, geom) VALUES
    ('r', 'track', 'sand', 'forward', 40, ST_GeomFromText('LINESTRING(100 42,100.2 42.1)', 4326));
INSERT INTO border (id, chainage_start_km, geom)
    VALUES ('b', 12.5, ST_GeomFromText('LINESTRING(100 43,101 43)', 4326));
INSERT INTO fences (id, name, rule, active, geom) VALUES
    ('f', 'Relics', 'keep_out', '{"weekly": [{"days": ["mon"], "from": "22:00", "to": "06:00"}]}',
     ST_GeomFromText('POLYGON((100.1 42.1,100.2 42.1,100.2 42.2,100.1 42.2,100.1 42.1))', 4326)),
    ('l', 'Strip', 'line', NULL, ST_GeomFromText('LINESTRING(100 42.9,101 42.9)', 4326));
UPDATE fences SET margin_m = 50 WHERE id = 'f';
INSERT INTO teams (id, name, kind, parent) VALUES
    ('d', 'Division', 'division', NULL), ('t', 'Team', 'team', 'd');
INSERT INTO units (id, call_sign, kind, team, max_gap_s, top_speed_ms, accuracy_m) VALUES
    ('u', 'Eagle 1', 'vehicle', 't', 600, 50, 15), ('h', 'Horse 1', 'horse', NULL, 600, 15, 15);
UPDATE units SET team = 't' WHERE id = 'h';
INSERT INTO patrols (id) VALUES ('morning');
SELECT ensure_fix_partition(date '2026-03-01'), ensure_fix_partition(date '2026-03-02');
INSERT INTO fixes (unit_no, time, lon, lat, accuracy_m, battery, patrol_no)
    SELECT 1, timestamptz '2026-03-01 20:00Z' + n * interval '1 min', 100.1 + n * 0.0001, 42.15, 8, 0.5, 1
    FROM generate_series(1, 600) n;
DO $$ BEGIN
    IF to_regclass('standings') IS NULL THEN  -- before revision 0015
        INSERT INTO latest_fixes (unit_no, time, lon, lat, received_at)
        VALUES (1, '2026-03-02 06:00Z', 100.16, 42.15, '2026-03-02 06:00Z');
    ELSE
        UPDATE standings SET time[2] = '2026-03-02 06:00Z', lon[2] = 100.16, lat[2] = 42.15,
            received_at[2] = '2026-03-02 06:00Z';
    END IF;
END $$;
INSERT INTO quarantine (unit, time, lon, lat, reason)
    VALUES ('u', '2026-03-02 07:00Z', 0, 0, 'outside the region');
INSERT INTO strangers (day, fixes) VALUES ('2026-03-02', 17);
DO $$ BEGIN
    IF to_regclass('walk_marks') IS NULL THEN  -- before revision 0014
        INSERT INTO stays (unit_no, fence, entered_fix) VALUES (1, 'f', '2026-03-01 20:01Z');
    ELSIF to_regclass('standings') IS NOT NULL THEN
        INSERT INTO walk_marks VALUES (1, '2026-03-01 20:00Z', 104, 41, 5, 7, '');
    END IF;
END $$;
INSERT INTO breaches (unit, fence, fence_version, rule, severity, visit, state, evidence,
                      entered_fix, entered_at, geom)
    VALUES ('u', 'f', 2, 'keep_out', 'medium', 'u/f/1', 'open', 'confirmed',
            '2026-03-01 20:01Z', '2026-03-01 20:00:30Z', ST_SetSRID(ST_MakePoint(100.1, 42.15), 4326));
INSERT INTO breach_revisions (breach, revision, change, was) VALUES (1, 1, 'opened', '{}');
INSERT INTO events (type, breach, data) VALUES ('breach.opened', 1, '{"unit": "u"}');
INSERT INTO subscriptions (id, url, secret) VALUES ('sub', 'https://example.org/hook', 'whsec_c2VjcmV0');
INSERT INTO deliveries (subscription, event) VALUES ('sub', 1);
INSERT INTO tokens (id, hash, kind, scopes, unit)
    VALUES ('tok', '\x0102', 'api', '{read,ingest}', 'u');
INSERT INTO marks (name, value) VALUES ('demo', '"ready"');

-- Of later revisions, where they are.
DO $$
BEGIN
    IF to_regclass('patrolgrid.rasters') IS NOT NULL THEN
        INSERT INTO rasters (name, crs, a, c, e, f, width, height, block, dtype, nodata, unit,
                             digest)
        VALUES ('elevation', 'EPSG:4326', 0.5, 100, -0.5, 43, 2, 2, 256, 'int16', -32768, 'm',
                decode(repeat('ab', 32), 'hex'));
        INSERT INTO raster_blocks (raster, block_row, block_col, data)
        VALUES ('elevation', 0, 0, '\x28b52ffd');
    END IF;
    IF to_regclass('patrolgrid.holds') IS NOT NULL THEN
        INSERT INTO holds (first_day, last_day, starts_at, ends_at, reason, placed_by)
        VALUES ('2026-03-01', '2026-03-02', '2026-02-28 16:00Z', '2026-03-02 16:00Z', 'case 7',
                'tok');
        INSERT INTO fix_retention (edge) VALUES ('2025-03-01 00:00Z');
    END IF;
END $$;
