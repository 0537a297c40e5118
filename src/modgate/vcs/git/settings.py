"""What an operator may choose about git, in one value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["GitSettings"]


def _four() -> asyncio.Semaphore:
    return asyncio.Semaphore(4)


def _eight() -> asyncio.Semaphore:
    return asyncio.Semaphore(8)


@dataclass(frozen=True, slots=True)
class GitSettings:
    """How git is run.

    Attributes:
        program: The git program; a name is looked up in PATH.
        timeout: Seconds that one run may take from start to end.
        max_repository: Bytes that one fetch may bring, and that a mirror may hold.
        max_mirrors: Bytes that all mirrors of the folder may hold together.
        refs_ttl: Seconds for which a list of refs is good.
        absent_ttl: Seconds for which "no such repository" and "no such revision" are remembered.
        slots: Shared by all repositories: how many network runs are under way at a time.
        patience: Seconds to wait for a turn to use the network.
        per_host: How many of them one host may have, so that one that is silent leaves room for others.
        hosts: Shared by all repositories: the turns of each host in use.
        runs: Shared by all repositories: how many runs over mirrors are under way at a time.
        unpacked: Shared by all repositories: how many trees are unpacked at a time, each up to gigabytes.
        ca_file: Certificates to trust for https instead of git's own.
    """

    program: str = "git"
    timeout: float = 600.0
    max_repository: int = 4 << 30
    max_mirrors: int = 64 << 30
    refs_ttl: float = 60.0
    absent_ttl: float = 15.0
    slots: asyncio.Semaphore = field(default_factory=_eight)
    patience: float = 60.0
    per_host: int = 6
    hosts: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    runs: asyncio.Semaphore = field(default_factory=_eight)
    unpacked: asyncio.Semaphore = field(default_factory=_four)
    ca_file: Path | None = None

    def turn_of(self, host: str) -> asyncio.Semaphore:
        """The turns of a host, for as long as somebody holds them."""
        turn = self.hosts.get(host)
        if turn is None:
            turn = self.hosts[host] = asyncio.Semaphore(self.per_host)
        return turn
