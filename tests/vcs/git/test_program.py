"""Runs of git end as a whole, within their bounds."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from modgate.vcs.git.program import GitProgram, RunLimit


def git_that(folder: Path, does: str) -> GitProgram:
    """A program that knows its version, and does something else when asked anything else."""
    path = folder / "git"
    path.write_text(f'#!/bin/sh\nif test "$1" = version; then echo git version 2.39.5; exit; fi\n{does}\n')
    path.chmod(0o755)
    return GitProgram(str(path), folder / "home")


async def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
            # Dead is dead, also where nobody has buried it yet.
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.mark.parametrize("ending", ["time", "cancel", "output"])
async def test_helpers_end_with_the_program_that_started_them(tmp_path: Path, ending: str) -> None:
    note = tmp_path / "helper"
    flood = "; cat /dev/zero" if ending == "output" else ""
    program = git_that(tmp_path, f"sleep 300 & echo $! > {note}.new; mv {note}.new {note}{flood}; wait")
    environment = {"PATH": os.environ["PATH"]}
    patience = 1.0 if ending == "time" else 60.0
    running = asyncio.ensure_future(program.run(["x"], environment, timeout=patience, output=1 << 20))
    while not note.exists():
        await asyncio.sleep(0.01)
    helper = int(note.read_text())
    if ending == "cancel":
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        with pytest.raises(RunLimit) as caught:
            await running
        assert caught.value.bound == ending
    assert await gone(helper)


async def test_a_run_may_be_ended_by_who_watches_it(tmp_path: Path) -> None:
    asked = []

    async def fine() -> bool:
        asked.append(1)
        return len(asked) < 2

    program = git_that(tmp_path, "sleep 300")
    with pytest.raises(RunLimit) as caught:
        await program.run(["x"], {"PATH": os.environ["PATH"]}, timeout=60.0, watch=fine)
    assert caught.value.bound == "size"


async def test_the_end_of_what_was_said_is_kept(tmp_path: Path) -> None:
    program = git_that(tmp_path, "yes long | head -c 1000000 >&2; echo the end >&2; echo out; exit 3")
    ran = await program.run(["x"], {"PATH": os.environ["PATH"]}, timeout=60.0)
    assert (ran.status, ran.output) == (3, b"out\n")
    assert ran.stderr.endswith("the end\n")
    assert len(ran.stderr) < 20_000
