-- One tile. Each layer is cut only when it is asked for; layers of a tile are concatenated, which is
-- what the format defines. The search envelope is wider by the buffer (64 of 4096), or features at
-- a tile's edge go missing.
WITH bounds AS MATERIALIZED (
    SELECT ST_TileEnvelope(:z, :x, :y) AS tile,
           ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096) AS wide
)
SELECT
    CASE WHEN 'grids' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'grids', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.level, t.parent, t.kind, t.team, t.area_m2
            FROM grids t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'post_areas' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'post_areas', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.post
            FROM post_areas t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'roads' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'roads', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.class, t.surface, t.oneway, t.speed_kmh
            FROM roads t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'border' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'border', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.chainage_start_km
            FROM border t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'fences' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'fences', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.rule, t.direction, t.severity, t.margin_m, t.dwell_s, t.version
            FROM fences t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'settlements' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'settlements', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.households
            FROM settlements t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'posts' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'posts', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.team
            FROM posts t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'checkpoints' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'checkpoints', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.kind, to_char(t.last_heartbeat AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS"Z"') AS last_heartbeat
            FROM checkpoints t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'cameras' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'cameras', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id, t.name, t.name_zh, t.name_mn, t.name_en,
                   t.site, t.bearing_deg, t.fov_deg, t.range_m, to_char(t.last_heartbeat AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS"Z"') AS last_heartbeat
            FROM cameras t, bounds b WHERE t.geom_3857 && b.wide ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END ||
    CASE WHEN 'breaches' = ANY(:layers) THEN coalesce((
        SELECT ST_AsMVT(m, 'breaches', 4096, 'geom') FROM (
            SELECT ST_AsMVTGeom(t.geom_3857, b.tile, 4096, 64, true) AS geom,
                   t.id::text AS id, coalesce(v.name, t.fence) AS name, t.unit,
                   coalesce(v.name, t.fence) AS fence, t.rule, t.severity, t.state, t.evidence,
                   to_char(t.entered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS"Z"') AS entered_at,
                   to_char(t.exited_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\:MI\:SS"Z"') AS exited_at
            FROM breaches t
            LEFT JOIN fence_versions v ON v.fence = t.fence AND v.version = t.fence_version, bounds b
            WHERE t.geom_3857 && b.wide AND t.state <> 'withdrawn' ORDER BY t.id
        ) m WHERE m.geom IS NOT NULL), '') ELSE '' END
AS mvt
