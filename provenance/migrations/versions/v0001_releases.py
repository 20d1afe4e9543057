"""Releases, and the soft bindings by which a copy finds them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of version 1."""
    op.create_table(
        "provenance_release",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("manifest_id", sa.Text, nullable=False, unique=True),
        sa.Column("sha256", sa.Text, nullable=False, index=True),
        sa.Column("store_sha256", sa.Text, nullable=False),
        sa.Column("fingerprint_alg", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("content_sha256", sa.Text, nullable=False),
    )
    op.create_table(
        "provenance_binding",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("manifest_id", sa.Text, sa.ForeignKey("provenance_release.manifest_id"), nullable=False),
        sa.Column("alg", sa.Text, nullable=False),
        sa.Column("value_sha256", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("start_ms", sa.Integer, nullable=False),
        sa.Column("end_ms", sa.Integer),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.create_index("provenance_binding_of_release", "provenance_binding", ["manifest_id"])
    # A fingerprint can be longer than an index row may be, so values are looked up by their digest.
    op.create_index("provenance_binding_by_value", "provenance_binding", ["alg", "value_sha256"])
