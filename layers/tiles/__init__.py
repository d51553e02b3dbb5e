"""Vector tiles of the layers, cut by PostGIS."""
