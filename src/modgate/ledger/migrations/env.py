"""What alembic runs to reach the database: the connection that it was handed, and nothing of its own."""

from __future__ import annotations

from alembic import context

from modgate.ledger import schema, tables

_ = tables  # what it defines belongs to the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    transactional_ddl=True,
)
context.run_migrations()
