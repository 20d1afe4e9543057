"""Alembic's entry: migrations run over the connection that the repository opens, inside its transaction."""

from alembic import context

VERSION_TABLE = "provenance_version"

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
