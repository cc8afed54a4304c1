"""create rooms"""

import sqlalchemy as sa
from alembic import op

revision = "1a01"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "rooms",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40), server_default=sa.text("'it''s; fine'")),
    )
