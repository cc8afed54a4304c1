"""add nights

steady: expand
"""

import sqlalchemy as sa
from alembic import op

revision = "2b02"
down_revision = "1a01"


def upgrade() -> None:
    op.add_column("rooms", sa.Column("nights", sa.Integer))
