"""A host as one consumer sees it: the same machine with that consumer's variables.

go is asked only once for an explanation, so what it alone knows beside its settings (the system it runs on)
is asked for in the same breath and kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from modgate.client.machine.host import FileStatus, Host, Ran, System

__all__ = ["SeenHost"]

_GO_ENV = ("go", "env", "-json")
_ALSO = ("GOHOSTOS", "GOHOSTARCH")


class SeenHost:
    """The host with another environment."""

    def __init__(self, host: Host, environ: Mapping[str, str]) -> None:
        self._host = host
        self.system: System = host.system
        self.environ: Mapping[str, str] = environ
        self.home: PurePath = host.home
        self.cwd: PurePath = host.cwd
        self.runs_on: tuple[str, str] = (host.system.value, "")

    def path(self, text: str) -> PurePath:
        """As Host says."""
        return self._host.path(text)

    def read(self, path: PurePath) -> bytes | None:
        """As Host says."""
        return self._host.read(path)

    def status(self, path: PurePath) -> FileStatus | None:
        """As Host says."""
        return self._host.status(path)

    def listdir(self, path: PurePath) -> tuple[str, ...]:
        """As Host says."""
        return self._host.listdir(path)

    def which(self, program: str) -> PurePath | None:
        """As Host says, by the PATH of this shell."""
        return self._host.which(program)

    async def run(
        self, argv: Sequence[str], *, limit: float = 5.0, environ: Mapping[str, str] | None = None
    ) -> Ran:
        """As Host says; of `go env -json` the system it runs on is kept in `runs_on`."""
        given = self.environ if environ is None else environ
        if tuple(argv[:3]) != _GO_ENV:
            return await self._host.run(argv, limit=limit, environ=given)
        ran = await self._host.run((*argv, *_ALSO), limit=limit, environ=given)
        try:
            told = json.loads(ran.stdout)
        except ValueError:
            return ran
        if isinstance(told, dict):
            self.runs_on = (str(told.get("GOHOSTOS", "")), str(told.get("GOHOSTARCH", "")))
        return ran
