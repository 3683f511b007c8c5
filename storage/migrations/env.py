"""Alembic's entry point: runs the migrations on the connection that ``migrate`` has opened."""

from alembic import context

from storage.migrations import HISTORY
from storage.tables import INCIDENTS

OURS = INCIDENTS.metadata


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """The durable engine keeps its tables in the same database; they are not ours to compare."""
    return kind != "table" or name in OURS.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=OURS,
    include_name=is_ours,
    version_table=HISTORY,
    transactional_ddl=True,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
