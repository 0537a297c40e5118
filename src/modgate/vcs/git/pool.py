"""The repositories in use, one for each address: its list of refs and its joined work are shared by all."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING

from modgate.vcs.eviction import keep_within
from modgate.vcs.git.joined import Joined
from modgate.vcs.git.repository import GitRepository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modgate.model.credentials import Credentials
    from modgate.model.egress import Egress
    from modgate.vcs.git.settings import GitSettings

__all__ = ["GitRepositories"]

_MIRROR = re.compile(r"[0-9a-f]{64}")
_LOOK = 60.0
"""Seconds between looks at what the mirrors hold."""


class GitRepositories:
    """Gives the repository of an address.

    At most `size` idle ones are remembered, and only so many that their lists of refs, which a server may
    make as long as it likes, hold `weight` refs together; mirrors stay on disk, within their bound.
    """

    def __init__(
        self,
        mirrors: Path,
        settings: GitSettings,
        clock: Callable[[], float],
        *,
        egress: Egress | None = None,
        credentials: Credentials | None = None,
        counted: Callable[[int], None] = lambda _: None,
        internal: frozenset[str] = frozenset(),
        size: int = 256,
        weight: int = 1_000_000,
    ) -> None:
        self._mirrors = mirrors.absolute()
        self._egress = egress
        self._credentials = credentials
        self._settings = settings
        self._clock = clock
        self._counted = counted
        self._internal = internal
        self._size = size
        self._weight = weight
        self._joined = Joined()
        self._looked: float | None = None
        self._open: OrderedDict[tuple[str, bool], GitRepository] = OrderedDict()

    def get(self, url: str, *, insecure: bool = False, local: bool = False) -> GitRepository:
        """The repository at an address. Raises Invalid for an address that is not taken."""
        key = (url, local)
        found = self._open.get(key)
        if found is None or (url.startswith("http://") and not insecure):
            found = GitRepository(
                url,
                self._mirrors,
                self._settings,
                self._clock,
                egress=self._egress,
                credentials=self._credentials,
                counted=self._counted,
                insecure=insecure,
                local=local,
                internal=self._internal,
            )
            self._open[key] = found
        self._open.move_to_end(key)
        self._forget()
        self._look()
        return found

    @property
    def weight(self) -> int:
        """How many refs are held in memory."""
        return sum(repository.weight for repository in self._open.values())

    @property
    def busy(self) -> bool:
        """Whether it looks at what the mirrors hold."""
        return self._joined.busy

    def _forget(self) -> None:
        # An idle one holds nothing but memory; one in use is left to its users.
        weight = self.weight
        for key, repository in list(self._open.items())[:-1]:
            if len(self._open) <= self._size and weight <= self._weight:
                return
            if not repository.busy:
                weight -= repository.weight
                del self._open[key]

    def _look(self) -> None:
        now = self._clock()
        if self._looked is None or now - self._looked >= _LOOK:
            self._looked = now
            self._joined.start(
                "look",
                lambda: keep_within(self._settings.max_mirrors, self._mirrors, _MIRROR, self._left),
            )

    def _left(self, folder: Path) -> bool:
        """Whether nobody uses a mirror; what is remembered of it is forgotten then."""
        users = [key for key, repository in self._open.items() if repository.folder == folder]
        if any(self._open[key].busy for key in users):
            return False
        for key in users:
            del self._open[key]
        return True

    async def close(self) -> None:
        """Close all of them."""
        await self._joined.close()
        while self._open:
            _, repository = self._open.popitem()
            await repository.close()
