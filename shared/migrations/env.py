"""Run by Alembic for each database: one transaction, and no long wait for a lock."""

from alembic import context
from sqlalchemy import create_engine, text

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "")
with engine.begin() as connection:
    connection.execute(text("SET lock_timeout = '2s'"))
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
