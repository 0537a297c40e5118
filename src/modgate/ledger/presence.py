"""Who else is in a database, and whether two addresses lead to one: asked before a ledger moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, text

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from modgate.ledger.database import Database

__all__ = ["GATES", "gates_in", "identity"]

GATES = "modgate"
"""What a server calls the sessions of gates, where their address says nothing else."""

# Everybody may see the name of every session, if not what it does.
_GATES = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name IN :names"
).bindparams(bindparam("names", expanding=True))
_IDENTITY = text(
    "SELECT pg_postmaster_start_time()::text, oid::text FROM pg_database WHERE datname = current_database()"
)


def gates_in(database: Database, names: Collection[str]) -> bool:
    """Whether sessions of these names are in a PostgreSQL database; never in a SQLite file, where nobody can
    tell. Raises Unavailable.
    """

    def ask(connection: Connection) -> bool:
        if connection.dialect.name != "postgresql":
            return False
        return bool(connection.execute(_GATES, {"names": sorted(names)}).scalar())

    return database.look(ask)


def identity(database: Database) -> str:
    """What is the same for two addresses of one PostgreSQL database alone; empty for SQLite.

    Raises Unavailable.
    """

    def ask(connection: Connection) -> str:
        if connection.dialect.name != "postgresql":
            return ""
        return "/".join(connection.execute(_IDENTITY).one())

    return database.look(ask)
