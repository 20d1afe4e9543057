"""The repository's database schema, one migration a version. Released migrations never change."""
