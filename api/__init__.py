"""Everything that starts: HTTP, the worker, the command line, the map page, settings."""
