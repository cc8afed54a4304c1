"""drop nights"""

from alembic import op

revision = "3c03"
down_revision = "2b02"


def upgrade() -> None:
    op.drop_column("rooms", "nights")
