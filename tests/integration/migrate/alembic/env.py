import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import URL, create_engine

fileConfig(context.config.config_file_name)
DRIVER = {"postgresql": "postgresql+psycopg2", "mariadb": "mariadb+pymysql"}[os.environ["DB_ENGINE"]]
url = URL.create(DRIVER, "rooms", os.environ["DB_PASSWORD"], "127.0.0.1", int(os.environ["DB_PORT"]), "rooms")

if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
