"""A scanner that is a program: run on the unpacked zip, in a scratch folder, with nothing of this process's.

It has a process group, an empty environment and a home of its own; no network unless it is allowed one (a
network namespace without interfaces, and then a namespace of processes too: all are gone with its first one,
in whatever session they are); bounds on memory, processor time, time and output.

Exit status 0 releases; 1, or govulncheck's 3, refuses; whatever else is a scan that failed, which is neither.
A status counts only where the program was begun: `unshare` ends with 1 as well where a container forbids it,
and says nothing of the module.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import modgate.scan.limits
from modgate.errors import Invalid, Unavailable
from modgate.scan.scratch import scratch
from modgate.scan.unpacked import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.types import ModuleVersion

__all__ = ["CommandScanner", "CommandSettings", "last_line"]

_REFUSES = frozenset({1, 3})
_PIECE = 1 << 16
_OUTPUT = 1 << 20
_SUMMARY = 300
_BEGUN = "the descriptor that tells of the beginning"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """How a command is run.

    Attributes:
        command: Program and arguments; `{dir}`, `{zip}`, `{module}`, `{version}` are filled in.
        timeout: Seconds.
        memory: Bytes of each of its processes; 0 for no bound.
        network: Whether it may use the network.
        scratch: The folder below which each scan has one of its own.
    """

    command: tuple[str, ...]
    timeout: float
    memory: int
    network: bool
    scratch: Path


class CommandScanner:
    """Scans with a program (`firewall.examiner.Scanner`)."""

    def __init__(self, settings: CommandSettings) -> None:
        self._settings = settings
        named = "\0".join(settings.command)
        self.name = f"{Path(settings.command[0]).name}-{hashlib.sha256(named.encode()).hexdigest()[:12]}"

    def check(self) -> None:
        """Raise Invalid where the command cannot be run as it is wanted."""
        program = self._settings.command[0]
        if shutil.which(program) is None:
            raise Invalid(f"scan.command: there is no program {program}")
        if not self._settings.network and not _without_network():
            raise Invalid(
                "scan.command: a program cannot be kept from the network here: there is no unshare",
                next_step="Install util-linux, or allow the network: scan.network = true.",
            )

    async def scan(self, version: ModuleVersion, h1: str, zip_file: BinaryIO) -> tuple[bool, str]:
        """Whether the version is released, and one line about it. Raises Unavailable where that is not
        known.
        """
        with scratch(self._settings.scratch) as folder:
            content, home = folder / "module", folder / "home"
            for each in (content, home):
                each.mkdir()
            whole = folder / "module.zip"
            await asyncio.to_thread(_prepare, version, zip_file, content, whole)
            argv = self._argv(version, content, whole)
            begun, status, output = await self._run(argv, content, _environment(home, version, h1))
        line = last_line(output)
        if not begun:
            raise Unavailable(f"the scanner cannot be started: {line or f'exit status {status}'}")
        if status == 0:
            return True, line or "nothing found"
        if status in _REFUSES:
            return False, line or f"exit status {status}"
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise Unavailable(f"the scanner failed ({how}): {line}" if line else f"the scanner failed ({how})")

    def _argv(self, version: ModuleVersion, content: Path, whole: Path) -> list[str]:
        values = {"dir": str(content), "zip": str(whole), "module": version.path, "version": version.version}
        words = [_filled(word, values) for word in self._settings.command]
        # An argument of a module's making must not look like an option: a path begins with a host.
        settings = self._settings
        seconds = max(1, int(settings.timeout))
        limited = [
            sys.executable,
            "-I",
            modgate.scan.limits.__file__,
            str(settings.memory),
            str(seconds),
            _BEGUN,
            *words,
        ]
        return limited if settings.network else [*_without_network(), *limited]

    async def _run(
        self, argv: Sequence[str], folder: Path, environment: dict[str, str]
    ) -> tuple[bool, int, bytes]:
        """Whether the program was begun, its exit status, and the end of what it said."""
        tells, told = os.pipe()
        os.set_blocking(tells, False)
        with os.fdopen(tells, "rb", 0) as begun:
            try:
                process = await self._started(argv, folder, environment, told)
            finally:
                os.close(told)
            status, output = await self._ended(process)
            return bool(begun.read(1)), status, output

    async def _started(
        self, argv: Sequence[str], folder: Path, environment: dict[str, str], told: int
    ) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *(str(told) if word is _BEGUN else word for word in argv),
                cwd=folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(told,),
            )
        except OSError as error:
            raise Unavailable(f"the scanner cannot be started: {error.strerror}") from error

    async def _ended(self, process: asyncio.subprocess.Process) -> tuple[int, bytes]:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._settings.timeout):
                output = await _kept(process.stdout)
                return await process.wait(), output
        except TimeoutError as error:
            raise Unavailable(
                f"the scanner did not end within {self._settings.timeout:g} s", kind="timeout"
            ) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def last_line(output: bytes) -> str:
    """The last line that says something, printable and short."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    text = "".join(char if char.isprintable() else "?" for char in lines[-1]) if lines else ""
    return text[:_SUMMARY]


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _without_network() -> list[str]:
    """What a command is started with so that it has no network; empty where that cannot be done."""
    program = shutil.which("unshare") if sys.platform == "linux" else None
    if program is None:
        return []
    user = [] if os.geteuid() == 0 else ["--user"]
    return [program, *user, "--net", "--pid", "--fork", "--kill-child", "--"]


def _environment(home: Path, version: ModuleVersion, h1: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", _PATH),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "MODGATE_MODULE": version.path,
        "MODGATE_VERSION": version.version,
        "MODGATE_H1": h1,
    }


def _prepare(version: ModuleVersion, zip_file: BinaryIO, content: Path, whole: Path) -> None:
    unpack(version, zip_file, content)
    zip_file.seek(0)
    try:
        with whole.open("xb") as out:
            shutil.copyfileobj(zip_file, out, _PIECE)
    except OSError as error:
        raise Unavailable(f"no room to scan in: {error.strerror}", where=str(whole.parent)) from error


async def _kept(stream: asyncio.StreamReader) -> bytes:
    """The end of what it says; all is read, so that a talkative program is not held up."""
    kept = bytearray()
    while piece := await stream.read(_PIECE):
        kept += piece
        del kept[:-_OUTPUT]
    return bytes(kept)
