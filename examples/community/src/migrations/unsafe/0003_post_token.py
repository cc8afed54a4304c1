"""What not to do: both lock the table for as long as they work through all of its rows.

A default that differs from row to row rewrites the table, and nobody reads or writes it meanwhile. An index that is not
built concurrently lets nobody write.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_post_token"
down_revision = "0002_jobs"


def upgrade() -> None:
    op.add_column("posts", sa.Column("token", sa.Uuid, server_default=sa.text("gen_random_uuid()"), nullable=False))
    op.create_index("posts_created_at", "posts", ["created_at"])


def downgrade() -> None:
    op.drop_index("posts_created_at", "posts")
    op.drop_column("posts", "token")
