"""The few entries of a Go vulnerability database that concern given modules, as govulncheck asks for them.

`index/modules.json.gz` says which ids concern a module, `ID/<id>.json.gz` holds an entry. Source:
go.dev/doc/security/vuln/database.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable
from modgate.feeds.advisories.entries import MAX_ENTRY, Entry
from modgate.feeds.advisories.gzipped import inflated
from modgate.model.context import Context

if TYPE_CHECKING:
    from collections.abc import Collection

    from modgate.model import Upstream

__all__ = ["INDEX", "entries_about"]

INDEX = "index/modules.json.gz"
_MAX_INDEX = 64 << 20
_AT_ONCE = 16
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CONTEXT = Context(background=True)


async def entries_about(database: Upstream, modules: Collection[str]) -> list[Entry]:
    """The entries that name any of these modules (`stdlib` and `toolchain` too).

    Raises Unavailable for a database that is broken, Absent for an address that is none.
    """
    raw = await database.get(_CONTEXT, INDEX, limit=_MAX_INDEX)
    wanted = _wanted(_inflated(raw, _MAX_INDEX, INDEX), set(modules))
    slots = asyncio.Semaphore(_AT_ONCE)

    async def entry(identifier: str) -> Entry:
        path = f"ID/{identifier}.json.gz"
        async with slots:
            data = await database.get(_CONTEXT, path, limit=MAX_ENTRY)
        return Entry(identifier, _inflated(data, MAX_ENTRY, path), path)

    return list(await asyncio.gather(*map(entry, sorted(wanted))))


def _wanted(index: bytes, modules: set[str]) -> set[str]:
    try:
        told = json.loads(index)
        return {
            identifier
            for module in told
            if module["path"] in modules
            for vuln in module["vulns"]
            if _ID.fullmatch(identifier := str(vuln["id"]))
        }
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unavailable("this is no index of modules", where=INDEX, kind="bad-answer") from error


def _inflated(data: bytes, limit: int, where: str) -> bytes:
    """A document that a database gave. Raises Unavailable."""
    try:
        return inflated(data, limit, where)
    except Invalid as error:
        raise Unavailable(error.what, where=where, kind="bad-answer") from None
