"""What became of the jobs that the bot was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

# steady: expand

revision = "0002_jobs"
down_revision = "0001_members_and_posts"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        # How often it was begun: more than once where a bot was killed meanwhile.
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("bot", sa.Text),
        sa.Column("version", sa.Text),
        sa.Column("queued_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
    )


def downgrade() -> None:
    op.drop_table("jobs")
