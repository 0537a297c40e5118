"""When versions were first seen, what scanners said of them, and under which licences they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, select

from modgate.gomod.types import Version
from modgate.ledger import tables
from modgate.ledger.books.base import free, plain, readable, seconds, to_json
from modgate.ledger.books.chain import append_events
from modgate.ledger.dialect import PerDialect
from modgate.model.audit import Event
from modgate.model.sightings import ScanVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Executable

    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.ledger.books.base import Database
    from modgate.model.sightings import Sighting

__all__ = ["SqlSightingBook"]

_SEEN = tables.sighting.c
_SCAN = tables.scan_verdict.c
_OF_PATH = select(_SEEN.version, _SEEN.how, _SEEN.at).where(_SEEN.path == bindparam("of_path"))
_VERDICT = select(_SCAN.h1, _SCAN.scanner, _SCAN.clean, _SCAN.summary, _SCAN.at).where(
    _SCAN.h1 == bindparam("of_h1"), _SCAN.scanner == bindparam("of_scanner")
)
_LICENCES = select(tables.licence.c.found).where(
    tables.licence.c.path == bindparam("of_path"), tables.licence.c.version == bindparam("of_version")
)


def _earlier(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.sighting)
    at = statement.excluded.at
    result: Executable = statement.on_conflict_do_update(
        index_elements=["path", "version", "how"], set_={"at": at}, where=at < _SEEN.at
    )
    return result


def _judge(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.scan_verdict)
    new = {name: statement.excluded[name] for name in ("clean", "summary", "at")}
    result: Executable = statement.on_conflict_do_update(index_elements=["h1", "scanner"], set_=new)
    return result


def _find(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.licence)
    result: Executable = statement.on_conflict_do_update(
        index_elements=["path", "version"], set_={"found": statement.excluded.found}
    )
    return result


_SIGHT, _JUDGE, _FOUND = PerDialect(_earlier), PerDialect(_judge), PerDialect(_find)


class SqlSightingBook:
    """Keeps sightings and verdicts in a ledger, which it does not close."""

    def __init__(self, ledger: Database) -> None:
        self._ledger = ledger

    async def sight(self, sightings: Sequence[Sighting]) -> None:
        """Add those that are new: for one (version, how) the earliest time stands."""
        rows = [
            {
                "path": plain(each.path),
                "version": plain(each.version),
                "how": plain(each.how),
                "at": seconds(each.at),
            }
            for each in sightings
        ]

        def add(connection: Connection) -> None:
            connection.execute(_SIGHT.on(connection), rows)

        if rows:
            await self._ledger.transact(add)

    async def sightings(self, path: ModulePath) -> dict[Version, dict[str, float]]:
        """For each version of a module the time by `how`."""
        result: dict[Version, dict[str, float]] = {}
        for version, how, at in await self._ledger.query(_OF_PATH, {"of_path": plain(path)}):
            result.setdefault(Version(version), {})[how] = at
        return result

    async def verdict(self, h1: str, scanner: str) -> ScanVerdict | None:
        """What a scanner said of these bytes."""
        values = {"of_h1": plain(h1), "of_scanner": plain(scanner)}
        rows = await self._ledger.query(_VERDICT, values)
        return ScanVerdict(*tuple(rows[0])) if rows else None

    async def add_verdict(self, verdict: ScanVerdict, version: ModuleVersion) -> None:
        """Record it, with its row in the audit; a later one replaces it."""
        row = {
            "h1": plain(verdict.h1),
            "scanner": plain(verdict.scanner),
            "clean": verdict.clean,
            "summary": free(verdict.summary),
            "at": seconds(verdict.at),
        }
        facts = {name: row[name] for name in ("h1", "scanner", "clean", "summary")}
        event = Event(verdict.at, "scan", version.path, version.version, facts=facts)

        def judge(connection: Connection) -> None:
            connection.execute(_JUDGE.on(connection), row)
            append_events(connection, [event])

        await self._ledger.transact(judge)

    async def licences(self, version: ModuleVersion) -> tuple[str, ...] | None:
        """The SPDX ids found in its zip; None where nobody looked."""
        values = {"of_path": plain(version.path), "of_version": plain(version.version)}
        rows = await self._ledger.query(_LICENCES, values)
        with readable(f"the licence of {version}"):
            return tuple(msgspec.json.decode(rows[0][0])) if rows else None

    async def add_licences(self, version: ModuleVersion, found: tuple[str, ...]) -> None:
        """Record what was found."""
        row = {"path": plain(version.path), "version": plain(version.version), "found": to_json(list(found))}

        def add(connection: Connection) -> None:
            connection.execute(_FOUND.on(connection), row)

        await self._ledger.transact(add)
