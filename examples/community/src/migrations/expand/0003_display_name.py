"""A new column for what members are called: nullable and without a default, so nothing is rewritten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# steady: expand

revision = "0003_display_name"
down_revision = "0002_jobs"


def upgrade() -> None:
    op.add_column("members", sa.Column("display_name", sa.Text))


def downgrade() -> None:
    op.drop_column("members", "display_name")
