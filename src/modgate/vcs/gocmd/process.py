"""Runs a program so that it cannot outlive, outgrow or outtalk what it was given.

It has a process group of its own, which ends as a whole when the caller's time is over or what it writes
to disk exceeds its quota. What it says is read to the end and kept up to a limit, so that a talkative
program neither blocks nor fills the memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Ended", "run", "size_of"]

_PIECE = 1 << 16
_LOOK = 0.5
_MAX_OUT = 16 << 20
_MAX_ERR = 64 << 10


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its status (negative: the signal), what it printed, and what it complained of."""

    status: int
    out: bytes
    err: str


async def run(
    argv: Sequence[str], *, cwd: Path, environment: Mapping[str, str], watched: Sequence[Path], quota: int
) -> Ended:
    """Run a program to its end.

    `quota` is in bytes, of files below the `watched` folders. Raises Unavailable where it cannot be
    started, where the quota was exceeded, or where it printed more than 16 MiB; cancelling kills it.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"{argv[0]} cannot be started: {error.strerror}") from error
    assert process.stdout is not None
    assert process.stderr is not None
    out = asyncio.ensure_future(_kept(process.stdout, _MAX_OUT))
    err = asyncio.ensure_future(_kept(process.stderr, _MAX_ERR))
    watch = asyncio.ensure_future(_until_above(watched, quota))
    end = asyncio.ensure_future(asyncio.wait((out, err)))
    try:
        await asyncio.wait((end, watch), return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            watch.result()
            raise Unavailable(
                f"the repository needs more than the {quota} bytes that it may: stopped",
                next_step="Raise vcs.max_repository if this is a repository that you want.",
                kind="bad-answer",
            )
        status = await process.wait()
    finally:
        watch.cancel()
        if process.returncode is None:
            _kill(process)
            await process.wait()
        for reading in (out, err, end):
            reading.cancel()
        await asyncio.gather(out, err, end, watch, return_exceptions=True)
    if len(out.result()) > _MAX_OUT:
        raise Unavailable(f"{argv[0]} printed more than {_MAX_OUT} bytes", kind="bad-answer")
    return Ended(status, out.result(), err.result()[:_MAX_ERR].decode("utf-8", "replace"))


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder; what disappears meanwhile counts nothing. Blocking."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118  a hot loop
    return total


async def _kept(stream: asyncio.StreamReader, limit: int) -> bytes:
    """What a stream says, up to a byte more than the limit; the rest is read and forgotten."""
    kept = bytearray()
    while piece := await stream.read(_PIECE):
        kept += piece[: limit + 1 - len(kept)]
    return bytes(kept)


async def _until_above(folders: Sequence[Path], quota: int) -> None:
    while sum([await asyncio.to_thread(size_of, folder) for folder in folders]) <= quota:  # noqa: ASYNC110  disks tell nobody
        await asyncio.sleep(_LOOK)


def _kill(process: asyncio.subprocess.Process) -> None:
    """The whole group: the go command starts the version control program, which may start more."""
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
