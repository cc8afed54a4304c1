"""Every member has the new column filled, and the old one may stay empty: the code before still writes both."""

from __future__ import annotations

from alembic import op

# steady: expand
# steady: allow opaque: a few thousand rows at a time, and each time a commit
# steady: allow drop-not-null: the release before reads the old column only where the new one is empty

revision = "0004_fill_display_name"
down_revision = "0003_display_name"

# In parts with a commit after each, so that no row stays locked for longer than its part takes.
FILL = """
DO $$
BEGIN
    LOOP
        UPDATE members SET display_name = name
        WHERE id IN (SELECT id FROM members WHERE display_name IS NULL AND name IS NOT NULL LIMIT 5000);
        EXIT WHEN NOT FOUND;
        COMMIT;
    END LOOP;
END
$$
"""


def upgrade() -> None:
    # First, so that whatever is written meanwhile fits both.
    op.alter_column("members", "name", nullable=True)
    # A block that commits may not be inside a transaction.
    with op.get_context().autocommit_block():
        op.execute(FILL)


def downgrade() -> None:
    op.execute("UPDATE members SET name = display_name WHERE name IS NULL")
    op.alter_column("members", "name", nullable=False)
