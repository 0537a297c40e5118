"""Running the git program: found once, its version checked, every run bounded in time and output.

A run is its own process group and ends as a whole: git starts helpers (git-remote-https, index-pack, ssh),
and killing only the first of them leaves the others with the connection. Output is read as it comes and
the run is ended where it is more than was agreed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import BinaryIO

__all__ = ["GitProgram", "Ran", "RunLimit"]

_OLDEST = (2, 32)
_STDERR_KEPT = 16_384
_OUTPUT = 64 << 20
_WATCH_EVERY = 0.5


class RunLimit(Exception):
    """A run was ended because it passed a bound: `time`, `output` or `size`."""

    def __init__(self, bound: str) -> None:
        super().__init__(bound)
        self.bound = bound


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run left: its exit status, its output, and the end of what it said on stderr."""

    status: int
    output: bytes
    stderr: str


class GitProgram:
    """The git program, and the empty home folder it runs with."""

    def __init__(self, name: str, home: Path) -> None:
        self.home = home
        self._name = name
        self._found = ""

    async def path(self) -> str:
        """Where git is. Raises Unavailable where there is none, or one older than 2.32."""
        if not self._found:
            path = await asyncio.to_thread(self._prepare)
            ran = await self._run([path, "version"], {"PATH": os.defpath, "LC_ALL": "C"}, 20.0)
            found = re.match(rb"git version (\d+)\.(\d+)", ran.output)
            if found is None or (int(found[1]), int(found[2])) < _OLDEST:
                said = ran.output.decode("ascii", "replace")[:60].strip()
                raise Unavailable(
                    f"git is too old or no git at all: it says {said!r}",
                    where=path,
                    next_step="install git 2.32 or newer, or name another with vcs.git",
                    kind="bad-answer",
                )
            self._found = path
        return self._found

    def _prepare(self) -> str:
        path = shutil.which(self._name)
        if path is None:
            raise Unavailable(
                "the git program is not there, so repositories cannot be fetched",
                where=self._name,
                next_step="install git 2.32 or newer, or name it with vcs.git",
                kind="bad-answer",
            )
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Unavailable(
                f"the folder of the repository mirrors cannot be made: {error.strerror}",
                where=str(self.home),
                next_step="make room and check who owns it (vcs.cache)",
                kind="storage-full",
            ) from error
        return str(Path(path).absolute())

    async def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        timeout: float,  # noqa: ASYNC109  ends the process group, which a cancelled task would leave
        output: int = _OUTPUT,
        sink: BinaryIO | None = None,
        watch: Callable[[], Awaitable[bool]] | None = None,
        keep: int | None = None,
    ) -> Ran:
        """Run git. Output goes to `sink` where there is one; at most `output` bytes of it either way.

        `watch` is asked now and then and ends the run by False; `keep` is a descriptor that the
        run inherits. Raises RunLimit, and Unavailable where git cannot be started.
        """
        command = [await self.path(), *arguments]
        return await self._run(
            command, environment, timeout, output=output, sink=sink, watch=watch, keep=keep
        )

    async def _run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109  as above
        *,
        output: int = _OUTPUT,
        sink: BinaryIO | None = None,
        watch: Callable[[], Awaitable[bool]] | None = None,
        keep: int | None = None,
    ) -> Ran:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(environment),
                cwd=os.sep,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=() if keep is None else (keep,),
            )
        except OSError as error:
            raise Unavailable(
                f"git could not be started: {error.strerror}", where=command[0], kind="overloaded"
            ) from error
        assert process.stdout is not None
        assert process.stderr is not None
        parts: list[bytes] = []
        said = _Tail()
        work = [
            asyncio.ensure_future(_take(process.stdout, output, sink, parts)),
            asyncio.ensure_future(said.follow(process.stderr)),
            asyncio.ensure_future(process.wait()),
        ]
        watcher = asyncio.ensure_future(_watch(watch)) if watch is not None else None
        try:
            async with asyncio.timeout(timeout):
                await _all(work, watcher)
        except TimeoutError:
            raise RunLimit("time") from None
        finally:
            await _end(process, work, watcher)
        return Ran(process.returncode or 0, b"".join(parts), said.text())


class _Tail:
    """The end of a stream: a server can send any amount as `remote: …`."""

    def __init__(self) -> None:
        self._kept = b""

    async def follow(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(8192):
            self._kept = (self._kept + data)[-_STDERR_KEPT:]

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


async def _take(stream: asyncio.StreamReader, most: int, sink: BinaryIO | None, parts: list[bytes]) -> None:
    total = 0
    while data := await stream.read(1 << 18):
        total += len(data)
        if total > most:
            raise RunLimit("output")
        if sink is None:
            parts.append(data)
        else:
            await asyncio.to_thread(sink.write, data)


async def _watch(fine: Callable[[], Awaitable[bool]]) -> None:
    while True:
        await asyncio.sleep(_WATCH_EVERY)
        if not await fine():
            raise RunLimit("size")


async def _all(work: Sequence[asyncio.Future[Any]], watcher: asyncio.Future[Any] | None) -> None:
    waiting: set[asyncio.Future[Any]] = set(work)
    while waiting:
        group = waiting | ({watcher} if watcher is not None else set())
        done, _ = await asyncio.wait(group, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
        waiting -= done


async def _end(
    process: asyncio.subprocess.Process,
    work: Sequence[asyncio.Future[Any]],
    watcher: asyncio.Future[Any] | None,
) -> None:
    if not all(each.done() and not each.cancelled() and each.exception() is None for each in work):
        # The group exists as long as one of its processes holds a pipe open, so the number is still its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # What has left the group may still hold a pipe; nobody listens any more.
        _close(process)
    for each in (*work, *([watcher] if watcher is not None else [])):
        if each is not work[2]:
            each.cancel()
    await asyncio.gather(*work, *([watcher] if watcher is not None else []), return_exceptions=True)
    _close(process)


def _close(process: asyncio.subprocess.Process) -> None:
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()
