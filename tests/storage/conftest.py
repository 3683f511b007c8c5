"""Storage tests run on real databases of both kinds."""

from tests.fixtures.database import (  # noqa: F401 - pytest finds fixtures by their names here
    database,
    database_url,
    empty_database_url,
    empty_postgresql_url,
    enqueuer,
    migrated_postgresql_url,
    postgresql_server,
    postgresql_template,
    sqlite_template,
)
