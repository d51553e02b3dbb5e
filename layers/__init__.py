"""What is kept: PostGIS tables, their loading and reading. No HTTP and no environment."""
