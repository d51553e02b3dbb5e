-- Rasters as they came: native CRS and values, in blocks, so that a part is read by its blocks and
-- a backup holds them. Rasters are replaced as a whole.
CREATE TABLE rasters (
    name text PRIMARY KEY CHECK (name IN ('elevation', 'speed', 'land_cover')),
    crs text NOT NULL CHECK (crs <> ''),  -- WKT
    -- x = a·column + c, y = e·row + f at a pixel's corner: north up or south up, never rotated.
    a double precision NOT NULL CHECK (a > 0 AND a < 'Infinity'),
    c double precision NOT NULL CHECK (c > '-Infinity' AND c < 'Infinity'),
    e double precision NOT NULL CHECK (e <> 0 AND e > '-Infinity' AND e < 'Infinity'),
    f double precision NOT NULL CHECK (f > '-Infinity' AND f < 'Infinity'),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    block integer NOT NULL CHECK (block > 0),  -- pixels of a block's side
    dtype text NOT NULL CHECK (dtype IN ('uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32',
                                         'float32', 'float64')),
    nodata double precision,  -- as it stands in the blocks
    -- A value is scale·what stands in the blocks + shift, in this unit.
    scale double precision NOT NULL DEFAULT 1
        CHECK (scale <> 0 AND scale > '-Infinity' AND scale < 'Infinity'),
    shift double precision NOT NULL DEFAULT 0
        CHECK (shift > '-Infinity' AND shift < 'Infinity'),
    unit text,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32)  -- of all the above and every value
);
-- Row by row, little-endian, zstd; at the right and lower edge as small as the raster's rest. A
-- block of nodata alone is not there.
CREATE TABLE raster_blocks (
    -- Blocks come first: what the raster's row says of them is known at the end.
    raster text NOT NULL REFERENCES rasters ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    block_row integer NOT NULL CHECK (block_row >= 0),
    block_col integer NOT NULL CHECK (block_col >= 0),
    data bytea NOT NULL CHECK (octet_length(data) > 0),
    PRIMARY KEY (raster, block_row, block_col)
);
-- It is compressed already.
ALTER TABLE raster_blocks ALTER COLUMN data SET STORAGE EXTERNAL;
GRANT SELECT ON rasters, raster_blocks TO patrolgrid_read, patrolgrid_write;
GRANT INSERT, DELETE ON rasters TO patrolgrid_write;
GRANT INSERT ON raster_blocks TO patrolgrid_write;
