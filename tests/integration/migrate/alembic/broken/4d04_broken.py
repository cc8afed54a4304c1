"""broken, and only online: it reads the database"""

import sqlalchemy as sa
from alembic import op

revision = "4d04"
down_revision = "3c03"


def upgrade() -> None:
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    rooms = op.get_bind().execute(sa.text("select count(*) from rooms")).scalar()
    op.execute(f"insert into nowhere values ({rooms})")
