"""The demo region in the service: loaded once into an empty database, then replayed live."""
