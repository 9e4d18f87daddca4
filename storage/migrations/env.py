"""Alembic's entry: runs the revisions on the connection, and in the transaction, that the caller has begun."""

from alembic import context

from storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
