"""The old column goes: only once no release that reads or writes it runs, or is kept to go back to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# steady: contract

revision = "0005_drop_name"
down_revision = "0004_fill_display_name"


def upgrade() -> None:
    op.drop_column("members", "name")


def downgrade() -> None:
    op.add_column("members", sa.Column("name", sa.Text))
    op.execute("UPDATE members SET name = display_name")
