"""The database: the private cluster, the engine, roles, migrations, backup."""
