"""Local features of a release: where they are kept, and those by which it is looked up. Old ones have none."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the digest of the kept landmarks, and the features that are indexed."""
    op.add_column("provenance_release", sa.Column("landmarks_sha256", sa.Text, nullable=True))
    op.add_column("provenance_release", sa.Column("landmark_features", sa.LargeBinary, nullable=True))
