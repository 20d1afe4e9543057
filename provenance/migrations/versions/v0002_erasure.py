"""Erasure (the digests stay, so that proofs over them still hold), and values bound to a release later."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the date of erasure, and which bindings were added later."""
    op.add_column("provenance_release", sa.Column("erased_at", sa.Text, nullable=True))
    op.add_column("provenance_binding", sa.Column("added", sa.Boolean, nullable=True))
