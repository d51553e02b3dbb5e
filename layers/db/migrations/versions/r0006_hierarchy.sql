-- Ground that no post looks after: of every grid the part outside all areas of posts, as a layer
-- that is computed where it is read. Grids wholly looked after are left out, and so is ground
-- narrower than a metre (twice its area over its perimeter): edges that were drawn twice.

-- Area in m² on the ellipsoid. Edges are straight in lon/lat, geography's are geodesics: they are
-- the same to 0.01 % once no edge is longer than 0.1°.
CREATE FUNCTION ground_m2(g public.geometry) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.ST_Area(public.geography(public.ST_Segmentize(g, 0.1)))
$$;

CREATE VIEW unattended WITH (security_invoker = true) AS
SELECT g.id, g.name, g.name_zh, g.name_mn, g.name_en, g.level, g.parent,
       figure.area_m2,
       least(figure.area_m2 / g.area_m2, 1) AS unattended_share,
       ground.geom::public.geometry(MultiPolygon, 4326) AS geom,
       mercator(ground.geom)::public.geometry(Geometry, 3857) AS geom_3857
FROM grids g
CROSS JOIN LATERAL (
    -- Subtracted together: areas of posts may overlap.
    SELECT public.ST_Union(a.geom) AS geom FROM post_areas a
    WHERE a.geom OPERATOR(public.&&) g.geom AND public.ST_Intersects(a.geom, g.geom)
) seen
CROSS JOIN LATERAL (
    SELECT CASE WHEN seen.geom IS NULL THEN g.geom ELSE public.ST_Multi(
        public.ST_CollectionExtract(public.ST_Difference(g.geom, seen.geom), 3)) END AS geom
    OFFSET 0  -- computed once a row
) ground
CROSS JOIN LATERAL (
    SELECT CASE WHEN seen.geom IS NULL THEN g.area_m2 ELSE ground_m2(ground.geom) END AS area_m2
    OFFSET 0
) figure
WHERE seen.geom IS NULL
   OR 2 * figure.area_m2 > public.ST_Perimeter(public.geography(ground.geom));

GRANT SELECT ON unattended TO patrolgrid_read, patrolgrid_write;
