"""Pure computation on arrays and frames: no database, no HTTP, no environment."""
