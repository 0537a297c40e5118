"""A database is brought to the schema that this modgate knows.

1. What stands is asked first, without a lock: nearly always it is the present schema, and that is all.
2. Else in one transaction that writes, in which it is asked again: two processes that start at once take
   turns, and the second finds it done. A backup sees the database before or after, never between.
3. An empty database is given the tables as they are now; an older one is led through `migrations`, by
   alembic, which is loaded only then; a newer one is refused untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, update

from modgate.errors import Unavailable
from modgate.ledger import schema, tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modgate.ledger.database import Database

__all__ = ["bring_up", "lift", "revision", "standing", "upgrade"]

_ = tables  # what it defines belongs to the metadata
_VERSION = select(schema.meta.c.value).where(schema.meta.c.key == "schema")


def bring_up(database: Database) -> None:
    """Make or lift the tables. Raises Unavailable, also for a ledger of a newer modgate."""
    if database.look(standing) == str(schema.SCHEMA_VERSION):
        return

    database.write(lambda connection: lift(connection, database.where), patient=True)


def lift(connection: Connection, where: str) -> None:
    """Make or lift the tables in a transaction that writes; `where` is for the error about a newer ledger.

    Raises Unavailable.
    """
    found = standing(connection)
    if found == str(schema.SCHEMA_VERSION):
        return
    if found is None:
        schema.metadata.create_all(connection)
        connection.execute(insert(schema.meta).values(key="schema", value=str(schema.SCHEMA_VERSION)))
        connection.execute(insert(schema.alembic_version).values(version_num=revision(schema.SCHEMA_VERSION)))
        return
    if not _is_known(found):
        raise Unavailable(
            f"the ledger has schema {found}, and this modgate knows {schema.SCHEMA_VERSION}",
            where=where,
            next_step="Run the modgate that wrote it, or name another file.",
            kind="bad-answer",
        )
    upgrade(connection, int(found))


def upgrade(connection: Connection, found: int) -> None:
    """Lead a database of an older schema (0: an empty one) through the steps to the present one."""
    from modgate.ledger import migrations  # noqa: PLC0415  alembic is for the day of an update

    migrations.run(connection, None if found == 0 else revision(found))
    version = str(schema.SCHEMA_VERSION)
    if found == 0:
        connection.execute(insert(schema.meta).values(key="schema", value=version))
    else:
        connection.execute(update(schema.meta).where(schema.meta.c.key == "schema").values(value=version))


def revision(number: int) -> str:
    """The name of a schema's revision."""
    return f"{number:04d}"


def standing(connection: Connection) -> str | None:
    """The schema that stands; None where there is no ledger."""
    if not inspect(connection).has_table("meta"):
        return None
    found = connection.execute(_VERSION).scalar()
    return None if found is None else str(found)


def _is_known(version: str) -> bool:
    """Whether a ledger of this schema can be lifted."""
    return version.isascii() and version.isdecimal() and 1 <= int(version) <= schema.SCHEMA_VERSION
