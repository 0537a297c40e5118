"""Where the dialects differ: an insert that meets what is there, turns among writers, columns as bytes.

A statement that inserts "unless it is there" has no common form, so it is built once for each dialect and
chosen by the connection that runs it. SQLite lets one transaction write at a time by itself; elsewhere
whoever computes from what stands (a number, a hash, whether a key is taken) takes its turn first, and
nothing waits crosswise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Executable

__all__ = ["PerDialect", "TextBytes", "insert_for", "take_turn"]

_TURN = text("SELECT pg_advisory_xact_lock(:turn)")
_TURNS = {"turn": int.from_bytes(b"modgate")}


def insert_for(dialect: str) -> Callable[[Any], Any]:
    """The `insert` of a dialect, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415  not for SQLite

        return postgresql_insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert  # noqa: PLC0415  likewise

    return sqlite_insert


class PerDialect:
    """A statement that is built once for each dialect: building one costs more than running it.

    Args:
        build: Makes the statement with the `insert` that it is given.
    """

    def __init__(self, build: Callable[[Callable[[Any], Any]], Executable]) -> None:
        self._build = build
        self._built: dict[str, Executable] = {}

    def on(self, connection: Connection) -> Executable:
        """The statement for this connection."""
        name = connection.dialect.name
        if name not in self._built:
            self._built[name] = self._build(insert_for(name))
        return self._built[name]


def take_turn(connection: Connection) -> None:
    """Until this transaction ends, no other one that takes its turn runs."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TURN, _TURNS)


class TextBytes(FunctionElement[bytes]):
    """The bytes of a column of text or bytes, whatever was put there: a driver refuses to hand over what is
    not of the column's kind.
    """

    type = LargeBinary()
    inherit_cache = True
    name = "text_bytes"


@compiles(TextBytes)
def _as_blob(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(TextBytes, "postgresql")
def _as_bytea(element: Any, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    (clause,) = element.clauses
    return column if isinstance(clause.type, LargeBinary) else f"convert_to({column}, 'UTF8')"
