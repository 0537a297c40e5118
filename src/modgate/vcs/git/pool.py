"""The repositories in use, one for each address: its list of refs and its joined work are shared by all."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from modgate.vcs.git.repository import GitRepository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modgate.model.credentials import Credentials
    from modgate.model.egress import Egress
    from modgate.vcs.git.settings import GitSettings

__all__ = ["GitRepositories"]


class GitRepositories:
    """Gives the repository of an address.

    At most `size` idle ones are remembered, and only so many that their lists of refs, which a server may
    make as long as it likes, hold `weight` refs together; mirrors stay on disk.
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
        self._mirrors = mirrors
        self._egress = egress
        self._credentials = credentials
        self._settings = settings
        self._clock = clock
        self._counted = counted
        self._internal = internal
        self._size = size
        self._weight = weight
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
        return found

    @property
    def weight(self) -> int:
        """How many refs are held in memory."""
        return sum(repository.weight for repository in self._open.values())

    def _forget(self) -> None:
        # An idle one holds nothing but memory; one in use is left to its users.
        weight = self.weight
        for key, repository in list(self._open.items())[:-1]:
            if len(self._open) <= self._size and weight <= self._weight:
                return
            if not repository.busy:
                weight -= repository.weight
                del self._open[key]

    async def close(self) -> None:
        """Close all of them."""
        while self._open:
            _, repository = self._open.popitem()
            await repository.close()
