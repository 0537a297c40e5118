"""Telling the ledger: verdicts for people, and the history of tree heads. Never in anybody's way.

The ledger may be locked, dead or slow; a checksum database that stopped for it would be the worse
failure. So everything is written on the side, and what fails is only logged.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from modgate.checksumdb.bounded import Bounded
from modgate.errors import ModgateError
from modgate.model.ledger import Alert, TreeHead

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from modgate.model.ledger import Ledger
    from modgate.sumdb.records import Tree

__all__ = ["Alarms"]

_log = structlog.get_logger(__name__)

_REMEMBERED = 256
_REPEAT = 3600.0


class Alarms:
    """Writes alerts (the same one once an hour) and tree heads of one database to the ledger."""

    def __init__(self, ledger: Ledger, database: str, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._database = database
        self._clock = clock
        self._said: Bounded[tuple[str, str], float] = Bounded(_REMEMBERED)
        self._tasks: set[asyncio.Task[None]] = set()

    def alert(self, kind: str, text: str) -> None:
        """Tell people: `kind` is `sumdb-fork`, `sumdb-rollback`, `sumdb-tampered` or `sumdb-bitrot`."""
        now = self._clock()
        last = self._said.get((kind, text))
        if last is not None and 0 <= now - last < _REPEAT:
            return
        self._said.put((kind, text), now)
        _log.error("sumdb_alert", kind=kind, database=self._database, text=text)
        self._soon(self._ledger.add_alert(Alert(kind, self._database, text, now)))

    def head(self, tree: Tree) -> None:
        """Add a verified head to the history."""
        self._soon(self._ledger.add_tree_head(TreeHead(self._database, tree.n, tree.hash, self._clock())))

    async def flush(self) -> None:
        """Wait until everything is written or has failed."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    def _soon(self, write: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(write))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, write: Coroutine[Any, Any, None]) -> None:
        try:
            await write
        except ModgateError as error:
            _log.warning("ledger_not_written", database=self._database, error=str(error))
