"""Alembic's entry point: it runs the migrations on the connection that `migrate` hands over."""

from alembic import context
from sqlalchemy import text

from workflows.schema.migrate import VERSION_TABLE
from workflows.schema.tables import metadata

_LOCK = 4_915_277_001

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # Two processes that start at once take their turn; the lock goes with the transaction.
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
