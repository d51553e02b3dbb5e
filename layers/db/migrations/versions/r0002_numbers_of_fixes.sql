-- NaN counts as more than Infinity, so it fails every test for being small enough.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['fixes', 'latest_fixes'] LOOP
        EXECUTE format($update$
            UPDATE %I SET
                speed_ms = CASE WHEN speed_ms >= 0 AND speed_ms < 'Infinity' THEN speed_ms END,
                heading_deg = CASE WHEN heading_deg >= 0 AND heading_deg <= 360 THEN heading_deg END,
                altitude_m = CASE WHEN abs(altitude_m) < 'Infinity' THEN altitude_m END,
                battery = CASE WHEN battery >= 0 AND battery <= 100 THEN battery END
            WHERE NOT (speed_ms >= 0 AND speed_ms < 'Infinity')
               OR NOT (heading_deg >= 0 AND heading_deg <= 360)
               OR NOT (abs(altitude_m) < 'Infinity')
               OR NOT (battery >= 0 AND battery <= 100)
            $update$, t);
        EXECUTE format($constraints$
            ALTER TABLE %I
                ADD CHECK (speed_ms >= 0 AND speed_ms < 'Infinity'),
                ADD CHECK (heading_deg >= 0 AND heading_deg <= 360),
                ADD CHECK (abs(altitude_m) < 'Infinity'),
                ADD CHECK (battery >= 0 AND battery <= 100)
            $constraints$, t);
    END LOOP;
END $$;
ALTER TABLE latest_fixes
    ADD CHECK (lon >= -180 AND lon <= 180),
    ADD CHECK (lat >= -90 AND lat <= 90),
    ADD CHECK (accuracy_m >= 0 AND accuracy_m < 'Infinity');
