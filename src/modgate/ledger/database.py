"""One database behind a ledger: whole transactions, in whatever thread calls, on SQLite and PostgreSQL alike.

1. One transaction writes at a time: by SQLite's write lock, by an advisory lock on PostgreSQL. So a step may
   read what stands and write what follows from it (a number, a hash, a lease) on both.
2. A connection that died while nobody used it is no news: the work is done once more on a new one, unless its
   commit had begun, of which nobody knows how it ended.
3. A database that cannot be reached is left alone for a moment, and whoever comes meanwhile is told so at
   once: otherwise each of many callers would wait for a time-out of its own, one after the other.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import DBAPIError

from modgate.errors import ModgateError, Unavailable
from modgate.ledger.failures import FOREIGN, explain, is_timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Engine, Row

__all__ = ["Database"]

T = TypeVar("T")


@dataclass(slots=True)
class _Trip:
    """How far a piece of work is."""

    connected: bool = False
    committing: bool = False


@dataclass(slots=True)
class _Outage:
    """What the last one who could not reach the database was told, and until when that holds."""

    until: float = 0.0
    error: Unavailable | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Database:
    """Made by `sqlite_file`, `sqlite_memory` and `postgres`. Every method blocks.

    Args:
        engine: For reading.
        writing: The same with what begins a transaction that writes.
        where: For error texts while it is opened: no secret.
        outside: For error texts afterwards, which clients of the gate read; None: the same.
        readers: How many threads may read beside the one that writes; 0: all work is done by that one.
        present: Raises Unavailable where what SQLite has open is no longer what its path names.
        free: Gives some pages back that hold nothing, and says whether there may be more; None where that
            is the server's business.
        settle: Takes out of the log what was overwritten; None where that is the server's business.
        pause: Seconds for which it is left alone after it could not be reached.
    """

    def __init__(
        self,
        engine: Engine,
        writing: Engine,
        where: str,
        *,
        outside: str | None = None,
        readers: int = 2,
        present: Callable[[], None] = lambda: None,
        free: Callable[[Connection], bool] | None = None,
        settle: Callable[[Any], None] | None = None,
        pause: float = 0.0,
    ) -> None:
        self.engine = engine
        self.where = where
        self._outside = outside
        self.readers = readers
        self.present = present
        self._free = free
        self._settle = settle
        self._writing = writing
        self._pause = pause
        self._outage = _Outage()

    def write(self, work: Callable[[Connection], T], *, patient: bool = False, keep: bool = True) -> T:
        """Do the work in a transaction that writes; durable when it returns. Raises what the work raises, and
        Unavailable for what the database says.

        `patient` is for work that may take minutes, such as a new schema; without `keep` it is undone.
        """

        def go(trip: _Trip) -> T:
            engine = self._writing.execution_options(patient=True) if patient else self._writing
            with engine.connect() as connection:
                trip.connected = True
                with connection.begin() as transaction:
                    result = work(connection)
                    if keep:
                        trip.committing = True
                        transaction.commit()
                    else:
                        transaction.rollback()
            return result

        return self._go(go)

    def read(self, query: Any, values: Mapping[str, object] | None = None) -> Sequence[Row[Any]]:
        """The rows of a query."""

        def go(trip: _Trip) -> Sequence[Row[Any]]:
            with self.engine.connect() as connection:
                trip.connected = True
                return connection.execute(query, values).all()

        return self._go(go)

    def look(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""

        def go(trip: _Trip) -> T:
            with self.engine.connect() as connection:
                trip.connected = True
                return work(connection)

        return self._go(go)

    def opened(self) -> None:
        """From now on texts may reach clients of the gate."""
        self.where = self._outside or self.where

    def free_some(self) -> bool:
        """Give some pages back that hold nothing; whether there may be more."""
        free = self._free
        return free is not None and self.write(free)

    def settle(self) -> None:
        """Leave nothing in the write-ahead log of what was deleted."""
        settle = self._settle

        def go(trip: _Trip) -> None:
            driver = self.engine.raw_connection()
            try:
                trip.connected = True
                if settle is not None:
                    settle(driver)
            finally:
                driver.close()

        if settle is not None:
            self._go(go)

    def close(self) -> None:
        """Close what is not in use."""
        self.engine.dispose()

    def _go(self, work: Callable[[_Trip], T]) -> T:
        self._check_outage()
        self.present()
        trip = _Trip()
        try:
            try:
                return work(trip)
            except DBAPIError as error:
                if not error.connection_invalidated or trip.committing or is_timeout(error):
                    raise
            trip = _Trip()
            return work(trip)
        except ModgateError:
            raise
        except FOREIGN as error:
            told = explain(error, self.where, committing=trip.committing)
            if not trip.connected or (isinstance(error, DBAPIError) and error.connection_invalidated):
                self._begin_outage(told)
            raise told from error

    def _check_outage(self) -> None:
        outage = self._outage
        with outage.lock:
            error = outage.error if time.monotonic() < outage.until else None
        if error is not None:
            raise Unavailable(
                error.what, where=error.where, next_step=error.next_step, kind=error.kind, retry_after=1.0
            )

    def _begin_outage(self, told: Unavailable) -> None:
        if self._pause:
            with self._outage.lock:
                self._outage.until, self._outage.error = time.monotonic() + self._pause, told
