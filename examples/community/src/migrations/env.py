"""Alembic's environment: which database, and what the code takes its tables to be."""

from __future__ import annotations

from logging.config import fileConfig

from alembic import context
from community.schema import metadata
from community.settings import setting
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)

# Each migration ends with a commit: where one fails, those before it stay.
OPTIONS = {"target_metadata": metadata, "transaction_per_migration": True}


def print_sql() -> None:
    """``alembic upgrade --sql``: needs no database."""
    context.configure(url=setting("DATABASE_URL"), literal_binds=True, dialect_opts={"paramstyle": "named"}, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


def migrate() -> None:
    """Everything else, with a connection."""
    engine = create_engine(setting("DATABASE_URL"), poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    print_sql()
else:
    migrate()
