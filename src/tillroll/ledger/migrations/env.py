"""Alembic's entry: runs the migrations on the connection it is handed (see ledger/migrate.py)."""

from alembic import context

from tillroll.ledger.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite"
)
with context.begin_transaction():
    context.run_migrations()
