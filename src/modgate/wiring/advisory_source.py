"""Advisories for a command on this machine: those of a file or folder, or of a database what is needed."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from modgate.client.machine.goenv import read_go_settings
from modgate.errors import Absent, Invalid, ModgateError
from modgate.feeds.advisories import ratings
from modgate.feeds.advisories.entries import gather
from modgate.feeds.advisories.few import INDEX, entries_about
from modgate.feeds.advisories.kept import kept_packs
from modgate.feeds.advisories.local import read_local
from modgate.gomod.proxylist import EntryKind, parse_proxy_list, redacted
from modgate.model.context import Context
from modgate.policy.advisories import AdvisoryIndex
from modgate.wiring.client import upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from modgate.client.machine.host import Host
    from modgate.config import Config
    from modgate.model import Upstream

__all__ = ["KnownAdvisories", "kept_index", "open_known"]

_PUBLIC = "https://vuln.go.dev"
_SECONDS = 30.0
_ALWAYS = ("stdlib", "toolchain")


class KnownAdvisories:
    """What is known of the modules that are asked for. Made by `open_known`."""

    def __init__(self, name: str, index: AdvisoryIndex | None, database: Upstream | None) -> None:
        self.name = name
        self._index = index
        self._database = database
        self._asked: set[str] = set()

    async def about(self, modules: Sequence[str]) -> AdvisoryIndex:
        """The index of what concerns these modules, at least. Raises Unavailable, Absent."""
        wanted = {*modules, *_ALWAYS}
        if self._database is not None and (self._index is None or not wanted <= self._asked):
            self._asked |= wanted
            entries = await entries_about(self._database, self._asked)
            self._index = (
                AdvisoryIndex(gather(entries, source=self.name).advisories) if entries else AdvisoryIndex()
            )
        assert self._index is not None
        return self._index


def kept_index(config: Config) -> tuple[str, AdvisoryIndex, int]:
    """What the configured store keeps of the configured databases: their names, the index, how many entries.

    Blocks. Raises Absent where nothing is kept, Invalid and Unavailable where that cannot be read.
    """
    sources = config.advisories.sources
    folder = config.store.path
    packs = kept_packs(folder / ".modgate" / "advisories", sources) if folder is not None and sources else []
    if not packs:
        raise Absent(
            "no advisories are kept in the store" if sources else "no database of advisories is configured",
            where=str(folder or "memory:"),
            next_step="Name one with --db, or set advisories.sources and run `modgate advisories sync`.",
        )
    advisories, entries = [], 0
    for pack in packs:
        for identifier in pack.entries:
            entries += 1
            with suppress(Invalid):
                advisories.append(ratings.parse(pack.read(identifier), source=pack.source, name=identifier))
    return ", ".join(redacted(pack.source) for pack in packs), AdvisoryIndex(advisories), entries


@asynccontextmanager
async def open_known(host: Host, source: str | None) -> AsyncIterator[KnownAdvisories]:
    """Open a source: an address, a path; None: the gate in GOPROXY, GOVULNDB, the public database.

    Raises Invalid for what is no source, Unavailable.
    """
    if source is not None and not re.match(r"https?://", source):
        path = Path(source.removeprefix("file://"))
        if not path.is_absolute():
            path = Path(str(host.cwd)) / path
        gathered = await asyncio.to_thread(lambda: gather(read_local(path), source=source))
        yield KnownAdvisories(source, AdvisoryIndex(gathered.advisories), None)
        return
    address = source if source is not None else await _usual(host)
    if address.startswith("file://"):
        async with open_known(host, address.removeprefix("file://")) as known:
            yield known
        return
    _check(address)
    database = upstream(address.rstrip("/"), seconds=_SECONDS)
    try:
        yield KnownAdvisories(redacted(address), None, database)
    finally:
        await database.close()


async def _usual(host: Host) -> str:
    """The mirror of the first gate in GOPROXY that has one, else GOVULNDB, else the public database."""
    settings = await read_go_settings(host)
    for entry in parse_proxy_list(settings["GOPROXY"] or "off"):
        if entry.kind is EntryKind.PROXY and entry.url.startswith(("http://", "https://")):
            mirror = f"{entry.url.rstrip('/')}/vulndb"
            if await _serves(mirror):
                return mirror
    return host.environ.get("GOVULNDB") or _PUBLIC


async def _serves(mirror: str) -> bool:
    database = upstream(mirror, seconds=5.0)
    try:
        await database.head(Context(background=True), INDEX)
    except ModgateError:
        return False
    finally:
        await database.close()
    return True


def _check(address: str) -> None:
    parts = urlsplit(address)
    if not parts.hostname or parts.query or parts.fragment:
        raise Invalid(
            "this is no address of a vulnerability database", where=redacted(urlunsplit(parts))[:200]
        )
