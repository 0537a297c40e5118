"""A machine from a recording: the twin of `LocalHost` for tests, and for text that another machine sent."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from modgate.client.machine.host import FileStatus, Ran, System
from modgate.errors import Absent, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["RecordedHost"]


class RecordedHost:
    """A host whose files and commands are given.

    Args:
        system: Which system is played.
        environ: Its variables.
        files: Content by path; None for a file that is there and may not be read.
        commands: Answers by argv; a whole argv, or its first word alone for any arguments. None never
        answers.
        home: The home folder; the usual one of the system by default.
        cwd: The folder of the shell; home by default.
        modified: When a file was last changed, by path; 0 by default.
    """

    def __init__(
        self,
        system: System = System.LINUX,
        *,
        environ: Mapping[str, str] | None = None,
        files: Mapping[str, bytes | str | None] | None = None,
        commands: Mapping[tuple[str, ...], Ran | None] | None = None,
        home: str = "",
        cwd: str = "",
        modified: Mapping[str, float] | None = None,
    ) -> None:
        self.system = system
        self.environ: Mapping[str, str] = dict(environ or {})
        usual = {System.LINUX: "/home/me", System.MACOS: "/Users/me", System.WINDOWS: r"C:\Users\me"}
        self.home: PurePath = self.path(home or usual[system])
        self.cwd: PurePath = self.path(cwd) if cwd else self.home
        self._files = {
            self.path(name): content.encode() if isinstance(content, str) else content
            for name, content in (files or {}).items()
        }
        self._commands = dict(commands or {})
        self._modified = {self.path(name): seconds for name, seconds in (modified or {}).items()}

    def path(self, text: str) -> PurePath:
        """As Host says."""
        return PureWindowsPath(text) if self.system is System.WINDOWS else PurePosixPath(text)

    def read(self, path: PurePath) -> bytes | None:
        """As Host says."""
        if path not in self._files:
            if self._is_folder(path):
                raise Unavailable(f"{path} is a folder", kind="bad-answer")
            return None
        content = self._files[path]
        if content is None:
            raise Unavailable(f"{path} may not be read")
        return content

    def status(self, path: PurePath) -> FileStatus | None:
        """As Host says."""
        if path in self._files:
            content = self._files[path]
            mode = 0o644 if content is not None else 0
            return FileStatus(
                folder=False, mode=mode, size=len(content or b""), modified=self._modified.get(path, 0)
            )
        return FileStatus(folder=True, mode=0o755, size=0, modified=0) if self._is_folder(path) else None

    def listdir(self, path: PurePath) -> tuple[str, ...]:
        """As Host says."""
        depth = len(path.parts)
        return tuple(sorted({name.parts[depth] for name in self._files if path in name.parents}))

    def which(self, program: str) -> PurePath | None:
        """As Host says: a program is where a command of that name was recorded."""
        return (
            self.path(f"/usr/bin/{program}") if any(argv[0] == program for argv in self._commands) else None
        )

    async def run(
        self,
        argv: Sequence[str],
        *,
        limit: float = 5.0,  # noqa: ARG002  the promise has it
        environ: Mapping[str, str] | None = None,  # noqa: ARG002  likewise
    ) -> Ran:
        """As Host says."""
        for key in (tuple(argv), tuple(argv[:1])):
            if key in self._commands:
                answer = self._commands[key]
                if answer is None:
                    raise Unavailable(f"{argv[0]} did not end in time", kind="timeout")
                return answer
        raise Absent(f"no program {argv[0]} is recorded")

    def _is_folder(self, path: PurePath) -> bool:
        return any(path in name.parents for name in self._files)
