"""A machine that can be read: its variables, files and the answers of its commands.

Everything that looks at a computer goes through this, so that a Mac or a Windows machine can be read from a
recording (`RecordedHost`) by the same code that reads this one (`LocalHost`). Reading changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

__all__ = ["FileStatus", "Host", "Ran", "System", "system_of"]


class System(StrEnum):
    """Operating systems, as Go's GOOS names them."""

    LINUX = "linux"
    MACOS = "darwin"
    WINDOWS = "windows"


def system_of(platform: str) -> System:
    """The system of a `sys.platform`."""
    return {"darwin": System.MACOS, "win32": System.WINDOWS}.get(platform, System.LINUX)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: its exit status and what it printed."""

    status: int
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What is known of a path. `mode` are the permission bits; on Windows they say little."""

    folder: bool
    mode: int
    size: int
    modified: float
    owner: int = 0


class Host(Protocol):
    """The promises.

    Attributes:
        system: Which operating system it is.
        environ: The variables of the shell that modgate was started from. On Windows names are upper case.
        home: The home folder.
        cwd: The folder modgate was started in.
    """

    system: System
    environ: Mapping[str, str]
    home: PurePath
    cwd: PurePath

    def path(self, text: str) -> PurePath:
        """The text as a path of that system (a recording of Windows gives a PureWindowsPath)."""

    def read(self, path: PurePath) -> bytes | None:
        """The content of a file, None where there is none.

        Raises Unavailable where it is there and cannot be read (rights, a folder, more than 16 MiB).
        """

    def status(self, path: PurePath) -> FileStatus | None:
        """What stands at a path, links followed; None for nothing. Raises Unavailable where it cannot be
        told.
        """

    def listdir(self, path: PurePath) -> tuple[str, ...]:
        """The names in a folder, sorted; none where it is no folder. Raises Unavailable where it cannot be
        read.
        """

    def which(self, program: str) -> PurePath | None:
        """Where PATH has this program, None for nowhere."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        limit: float = 5.0,
        environ: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a program that changes nothing, without a terminal, in a neutral folder, and wait for its end.

        `environ` replaces the whole environment. Raises Absent where the program is not there, Unavailable
        (kind timeout) where it took longer than `limit` seconds: it is ended then, with its children.
        """
