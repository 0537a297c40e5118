"""A machine as it would be after some edits: for seeing, before anything is written, what would win then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.machine.host import FileStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import PurePath

    from modgate.client.machine.host import Host, Ran, System
    from modgate.client.repair.plan import FileEdit

__all__ = ["EditedHost"]


class EditedHost:
    """The host with these edits made; everything else is asked of the host itself."""

    def __init__(self, host: Host, edits: Iterable[FileEdit]) -> None:
        self._host = host
        self._edited: dict[PurePath, bytes | None] = {host.path(str(edit.path)): edit.after for edit in edits}
        self.system: System = host.system
        self.environ: Mapping[str, str] = host.environ
        self.home: PurePath = host.home
        self.cwd: PurePath = host.cwd

    def path(self, text: str) -> PurePath:
        """As Host says."""
        return self._host.path(text)

    def read(self, path: PurePath) -> bytes | None:
        """As Host says."""
        return self._edited[path] if path in self._edited else self._host.read(path)

    def status(self, path: PurePath) -> FileStatus | None:
        """As Host says."""
        if path in self._edited:
            content = self._edited[path]
            return None if content is None else FileStatus(False, 0o644, len(content), 0.0)
        if any(path in edited.parents for edited, content in self._edited.items() if content is not None):
            return FileStatus(True, 0o755, 0, 0.0)
        return self._host.status(path)

    def listdir(self, path: PurePath) -> tuple[str, ...]:
        """As Host says."""
        names = set(self._host.listdir(path))
        for edited, content in self._edited.items():
            if content is not None and path in edited.parents:
                names.add(edited.parts[len(path.parts)])
            elif edited.parent == path:
                names.discard(edited.name)
        return tuple(sorted(names))

    def which(self, program: str) -> PurePath | None:
        """As Host says."""
        return self._host.which(program)

    async def run(
        self, argv: Sequence[str], *, limit: float = 5.0, environ: Mapping[str, str] | None = None
    ) -> Ran:
        """As Host says: programs see the machine as it is."""
        return await self._host.run(argv, limit=limit, environ=environ)
