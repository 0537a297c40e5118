"""This machine, read as it is."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

from modgate.client.machine.host import FileStatus, Ran, System
from modgate.errors import Absent, Unavailable
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["LocalHost"]

_MOST_BYTES = 16 << 20
_PIECE = 1 << 16
_ABSENT = (FileNotFoundError, NotADirectoryError)


class LocalHost:
    """The computer that modgate runs on. `environ` and `home` can be given to read somebody else's."""

    def __init__(
        self, environ: Mapping[str, str] | None = None, *, home: Path | None = None, cwd: Path | None = None
    ) -> None:
        self.system = {"darwin": System.MACOS, "win32": System.WINDOWS}.get(sys.platform, System.LINUX)
        self.environ: Mapping[str, str] = dict(os.environ if environ is None else environ)
        named = self.environ.get("USERPROFILE" if self.system is System.WINDOWS else "HOME")
        self.home: PurePath = home or (Path(named) if named else Path("~").expanduser())
        self.cwd: PurePath = cwd or Path.cwd()

    def path(self, text: str) -> PurePath:
        """As Host says."""
        return Path(text)

    def read(self, path: PurePath) -> bytes | None:
        """As Host says."""
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    if os.path.realpath(path) == os.devnull:
                        return b""
                    raise Unavailable(f"{path} is no plain file", kind="bad-answer")
                content = _start_of(file)
        except _ABSENT:
            return None
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise Unavailable(f"{shown(str(path))} is no path: {error}") from error
        if len(content) > _MOST_BYTES:
            raise Unavailable(f"{path} is larger than {_MOST_BYTES >> 20} MiB", kind="bad-answer")
        return content

    def status(self, path: PurePath) -> FileStatus | None:
        """As Host says."""
        try:
            found = Path(path).stat()
        except (*_ABSENT, ValueError):
            return None
        except OSError as error:
            raise Unavailable(f"{path} cannot be looked at: {error.strerror}") from error
        folder = stat.S_ISDIR(found.st_mode)
        return FileStatus(folder, found.st_mode & 0o7777, found.st_size, found.st_mtime, found.st_uid)

    def listdir(self, path: PurePath) -> tuple[str, ...]:
        """As Host says."""
        try:
            return tuple(sorted(item.name for item in Path(path).iterdir()))
        except (*_ABSENT, ValueError):
            return ()
        except OSError as error:
            raise Unavailable(f"{path} cannot be listed: {error.strerror}") from error

    def which(self, program: str) -> PurePath | None:
        """As Host says. The current folder is never looked in, whatever PATH and the system would do: what
        lies beside a project's code is not to be run.
        """
        extensions = [""]
        if self.system is System.WINDOWS:
            known = self.environ.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(";")
            if not program.lower().endswith(tuple(item.lower() for item in known if item)):
                extensions = known
        for folder in (
            ("",) if Path(program).is_absolute() else self.environ.get("PATH", "").split(os.pathsep)
        ):
            for extension in extensions:
                found = Path(folder.strip('"'), program + extension)
                with suppress(OSError, ValueError):
                    if found.is_absolute() and found.is_file() and os.access(found, os.X_OK):
                        return found
        return None

    async def run(
        self,
        argv: Sequence[str],
        *,
        limit: float = 5.0,
        environ: Mapping[str, str] | None = None,
    ) -> Ran:
        """As Host says."""
        program = self.which(argv[0])
        if program is None:
            raise Absent(f"{argv[0]} is not on PATH")
        try:
            process = await asyncio.create_subprocess_exec(
                str(program),
                *argv[1:],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(self.environ if environ is None else environ),
                cwd=tempfile.gettempdir(),
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{argv[0]} cannot be started: {error.strerror}") from error
        try:
            async with asyncio.timeout(limit):
                out, err = await asyncio.gather(_all_of(process.stdout), _all_of(process.stderr))
                await process.wait()
        except _TooMuch:
            raise Unavailable(
                f"{argv[0]} printed more than {_MOST_BYTES >> 20} MiB", kind="bad-answer"
            ) from None
        except TimeoutError:
            raise Unavailable(f"{argv[0]} did not end within {limit:g} s", kind="timeout") from None
        finally:
            if process.returncode is None:
                await _end(process)
        return Ran(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


class _TooMuch(Exception):
    """A program printed more than anybody wants to read."""


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    pieces: list[bytes] = []
    left = _MOST_BYTES
    while stream is not None and (piece := await stream.read(_PIECE)):
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            raise _TooMuch
    return b"".join(pieces)


def _start_of(file: BinaryIO) -> bytes:
    """In pieces: /proc/sys refuses to fill a buffer as large as the limit."""
    pieces: list[bytes] = []
    left = _MOST_BYTES + 1
    while left > 0 and (piece := file.read(min(_PIECE, left))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _without_waiting(path: str, flags: int) -> int:
    """Open a pipe at once: what nobody writes to would be waited for without end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    # A pipe that is full and not read keeps the end of the process from being seen.
    await asyncio.gather(process.wait(), _emptied(process.stdout), _emptied(process.stderr))


async def _emptied(stream: asyncio.StreamReader | None) -> None:
    with suppress(RuntimeError):  # somebody else reads it
        while stream is not None and await stream.read(_PIECE):
            pass
