"""PostgreSQL as a ledger's database, by psycopg, in the ledger's own threads.

- Everything that writes takes one advisory lock first, as SQLite's `BEGIN IMMEDIATE` does: gates that share a
  database write one after the other, in groups, and none sees half of what another does. The server ends a
  session that holds it and says nothing, and whoever waits for it is told so after `lock` seconds.
- Reading is one statement, without a transaction around it.
- A server that is dead, stopped or behind a silent network is noticed here, not by what it would answer:
  connecting and each whole transaction have an end that this side keeps.
- `synchronous_commit=off` is not taken from the server's settings: what was written must be there.
- The password is read when a connection is made, so a changed file is followed; it is in no text.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, event

from modgate.errors import Invalid, Unavailable
from modgate.ledger.database import Database
from modgate.ledger.dialect import take_turn
from modgate.ledger.presence import GATES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import Connection

    from modgate.model.credentials import Secret

__all__ = ["Patience", "postgres"]

T = TypeVar("T")

_THREADS = 3  # one writes, two read
_LONG = 600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        connect: For a connection; the driver waits two at least.
        statement: For the answer to one statement.
        lock: For another writer.
        grace: For which a transaction may go on longer than both, before this side ends it.
        pause: For which a database is left alone after it could not be reached.
    """

    connect: float = 5.0
    statement: float = 10.0
    lock: float = 5.0
    grace: float = 5.0
    pause: float = 1.0


class TransactionTooLong(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed."""


class _Connection(psycopg.Connection[Any]):
    """A connection whose transactions end, whatever the server does."""

    until = inf
    each = 0.0  # seconds for each answer, where a transaction may take as many of them as it likes

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if self.each:
            self.until = time.monotonic() + self.each
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and time.monotonic() > self.until:
                    self.pgconn.finish()
                    raise TransactionTooLong("the server does not answer")
                state = gen.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value


def postgres(
    url: str,
    *,
    password: Callable[[], Secret] | None = None,
    patience: Patience | None = None,
    name: str = "",
) -> Database:
    """A database at `postgresql://user@host:port/name?…`, with whatever else libpq takes.

    `name` is what the server calls these sessions, whatever the address says. Raises Invalid for what is no
    such address.
    """
    patience = patience or Patience()
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        # Without what libpq says, which may quote a password.
        raise Invalid(
            "the database's address cannot be read",
            where="ledger.url",
            next_step="It is postgresql://user@host:port/name.",
        ) from None
    where = _shown(url)
    limit = patience.statement + patience.lock + patience.grace
    params: dict[str, Any] = {
        **given,
        "connect_timeout": max(2, round(patience.connect)),
        "tcp_user_timeout": round(limit * 1000),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "application_name": name or given.get("application_name", GATES),
        "client_encoding": "utf8",
    }

    def connect() -> _Connection:
        secret: dict[str, Any] = {} if password is None else {"password": password().reveal()}
        connection = _Connection.connect(**params, **secret)
        connection.until = time.monotonic() + limit
        try:
            _check(connection, where)
            _settle(connection, patience)
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=_THREADS,
        max_overflow=0,
        use_native_hstore=False,
    )

    def checkout(connection: Any, *_: Any) -> None:
        connection.until, connection.each = time.monotonic() + limit, 0.0

    event.listen(engine, "checkout", checkout)
    event.listen(engine, "begin", _begin)
    reading = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Database(
        reading,
        engine.execution_options(writes=True),
        where,
        outside="the ledger",  # where a database is, is nobody's business but the operator's
        readers=_THREADS - 1,
        pause=patience.pause,
    )


def _shown(url: str) -> str:
    """The address without a password and without parameters, which may hold one."""
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.replace(f':{parts.password}@', '@')}{parts.path}"


def _check(connection: _Connection, where: str) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise Unavailable(
            f"the database's encoding is {encoding}, which cannot hold every text",
            where=where,
            next_step="Make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
            kind="bad-answer",
        )


def _settle(connection: _Connection, patience: Patience) -> None:
    """What holds for the whole session, in one trip."""
    settings = {
        "statement_timeout": _ms(patience.statement),
        "lock_timeout": _ms(patience.lock),
        "idle_in_transaction_session_timeout": _ms(3 * patience.statement),
        "default_transaction_isolation": "read committed",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    calls = [f"set_config('{name}', '{value}', false)" for name, value in settings.items()]
    calls.append(
        "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
        "ELSE current_setting('synchronous_commit') END, false)"
    )
    connection.execute(f"SELECT {', '.join(calls)}")
    connection.commit()


def _ms(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("writes"):
        return
    if options.get("patient"):
        driver: Any = connection.connection.dbapi_connection
        driver.each = _LONG
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_ms(_LONG)}")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_ms(_LONG / 2)}")
        # It may wait for another database meanwhile; a process that is gone is noticed by its connection.
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    take_turn(connection)
