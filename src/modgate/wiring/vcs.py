"""Version control as the configuration wants it: finder, guarded way out, credentials, git, the go command.

The hosts that the operator named need not have public addresses: those of vcs.internal_hosts, of
vcs.repositories and of the patterns of `direct` routes. No other host is let into the network. That, and the
credentials, is for the operator's own modules; everything else has a way out of its own (`source.confided`).
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.config.places import default_store
from modgate.config.routing import route_table
from modgate.gomod.patterns import match_prefix_patterns
from modgate.model.routes import DIRECT
from modgate.source.confided import AnonymousFinder, ConfidedSource, ReadersFinder
from modgate.source.direct import DirectSource
from modgate.source.gocmd import GoCommandSource
from modgate.transport.credentials.nobody import NoCredentials
from modgate.transport.egress import GuardedEgress
from modgate.transport.pages import Pages
from modgate.transport.reach import NOWHERE, Reach
from modgate.vcs.finder import Finder
from modgate.vcs.git import GitRepositories, GitSettings
from modgate.vcs.gocmd import GoCommand, Programs
from modgate.vcs.named import NamedRepository
from modgate.wiring.aside import log_aside
from modgate.wiring.credentials import certificates, credentials
from modgate.wiring.page_proxies import PageProxies
from modgate.wiring.routing import confided, host_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.config import Config
    from modgate.model import ModuleSource
    from modgate.model.credentials import Credentials
    from modgate.vcs.repository import Repository
    from modgate.vcs.roots import RepositoryRoot, RootFinder

__all__ = ["Named", "one_shot", "open_direct", "reach_of"]

_HOST = re.compile(r"(?:\*\.)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?")
_MIRRORS = 16
"""How many mirrors of the greatest size there is room for, before the oldest go."""


@dataclass(frozen=True, slots=True)
class Named:
    """The repository that a person named on the command line.

    Attributes:
        url: An address, or an absolute path where `local`.
        root: The module path of its root; empty to find it out.
        local: A folder on this machine.
    """

    url: str
    root: str = ""
    local: bool = False


def reach_of(config: Config, *more: str) -> Reach:
    """The hosts that the operator named, `host` or `*.suffix`, with a port where one was given."""
    names = {*config.vcs.internal_hosts, *more}
    names |= {host for url in config.vcs.repositories.values() if (host := host_of(url))}
    for rule in route_table(config).all_rules:
        if rule.source == DIRECT:
            # A pattern whose host is a glob of another form names no host.
            hosts = (pattern.partition("/")[0] for pattern in rule.patterns.split(","))
            names |= {host for host in hosts if _HOST.fullmatch(host) and "." in host}
    return Reach(names)


@asynccontextmanager
async def open_direct(
    config: Config, *, held: Credentials | None = None, cache: Path | None = None
) -> AsyncIterator[ModuleSource]:
    """Version control as one source, until the context ends.

    `held` are the credentials where somebody has made them already and closes them. `cache` is the folder
    of the mirrors where vcs.cache names none; None for the store's, or for a temporary one beside a store
    in memory. Raises Invalid for credentials that contradict each other.
    """
    async with AsyncExitStack() as stack:
        folder = cache or _folder(config, stack)
        known = _held(config, stack, held)
        inside = await _build(config, stack, folder, known, reach_of(config))
        outside = await _build(config, stack, folder / "anonymous", None, NOWHERE)
        yield ConfidedSource(inside, outside, confided(config))


@asynccontextmanager
async def one_shot(config: Config, named: Named | None) -> AsyncIterator[ModuleSource]:
    """Version control for one command of a person, whose mirrors are kept in the user's cache folder."""
    log_aside()
    folder = config.vcs.cache or default_store(os.environ).parent / "vcs"
    host = host_of(named.url) if named is not None and not named.local else ""
    async with AsyncExitStack() as stack:
        known = _held(config, stack, None)
        reach = reach_of(config, *filter(None, [host]))
        yield await _build(config, stack, folder, known, reach, named=named)


def _held(config: Config, stack: AsyncExitStack, held: Credentials | None) -> Credentials:
    if held is not None:
        return held
    known = credentials(config)
    stack.push_async_callback(known.close)
    return known


def _folder(config: Config, stack: AsyncExitStack) -> Path:
    if config.vcs.cache is not None:
        return config.vcs.cache
    if config.store.path is not None:
        return config.store.path / ".modgate" / "vcs"
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modgate-vcs-")))


async def _build(
    config: Config,
    stack: AsyncExitStack,
    folder: Path,
    held: Credentials | None,
    reach: Reach,
    *,
    named: Named | None = None,
) -> ModuleSource:
    """The parts, closed with the stack in the reverse order; without credentials, for anybody's modules."""
    vcs = config.vcs
    known = held or NoCredentials()
    egress = GuardedEgress(reach)
    stack.push_async_callback(egress.close)
    slots = asyncio.Semaphore(vcs.concurrency)
    repositories = GitRepositories(
        folder,
        GitSettings(
            program=vcs.git,
            timeout=vcs.timeout,
            max_repository=vcs.max_repository,
            max_mirrors=_MIRRORS * vcs.max_repository,
            slots=slots,
            per_host=max(1, vcs.concurrency - 2),
            ca_file=certificates(os.environ),
        ),
        time.monotonic,
        egress=egress,
        credentials=known,
    )
    stack.push_async_callback(repositories.close)
    insecure = ",".join(vcs.insecure)

    def open_git(root: RepositoryRoot) -> Repository:
        local = named is not None and named.local
        allowed = match_prefix_patterns(insecure, root.root)
        return repositories.get(root.url, insecure=allowed, local=local)

    finder: RootFinder
    if named is None:
        finder = _finder(config, reach, known)
        if held is None:
            finder = AnonymousFinder(finder)
        stack.push_async_callback(finder.close)
    else:
        finder = NamedRepository(named.url, open_git, root=named.root)
    command = GoCommand(
        Programs(os.environ, go=vcs.go),
        egress,
        cache=folder,
        credentials=known,
        slots=slots,
        timeout=vcs.timeout,
        max_repository=vcs.max_repository,
        max_mirrors=_MIRRORS * vcs.max_repository,
    )
    other = GoCommandSource(finder, command, clock=time.monotonic, trusted=reach, insecure=insecure)
    proxies = PageProxies(config, reach, known)
    stack.push_async_callback(proxies.close)
    return DirectSource(
        finder, open_git, other=other, proxies=proxies.at, clock=time.monotonic, scratch=folder
    )


def _finder(config: Config, reach: Reach, known: Credentials) -> RootFinder:
    table = route_table(config)
    insecure, mapped = ",".join(config.vcs.insecure), ",".join(config.vcs.repositories)
    finder = Finder(
        Pages(reach, credentials=known),
        clock=time.monotonic,
        repositories=config.vcs.repositories,
        private=table.is_private,
        insecure=lambda path: match_prefix_patterns(insecure, path),
        reach=reach,
    )
    return ReadersFinder(finder, table, lambda path: match_prefix_patterns(mapped, path))
