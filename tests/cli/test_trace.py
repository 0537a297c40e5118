"""`modgate trace` as a person runs it: in a pipe, on a terminal, interrupted."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from fcntl import ioctl
from termios import TIOCSWINSZ
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from modgate.client.faults.content import DRILL, DrillContent
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer, Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

COMMAND = (sys.executable, "-m", "modgate", "trace")
_WITH_TERMINAL = (
    "import fcntl, os, sys, termios;fcntl.ioctl(0, termios.TIOCSCTTY, 0);os.execvp(sys.argv[1], sys.argv[1:])"
)
"""A new session takes the terminal for its own, so that Ctrl-C is a signal to it."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@asynccontextmanager
async def _proxy(fault: str) -> AsyncIterator[str]:
    rules = Rules(rate=8000, delay=0.2)
    async with FaultServer(DrillContent(), clock=time.monotonic, rules=rules) as server:
        yield await server.url(parse_fault(fault))


def _environ(tmp_path: Path, chain: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "GOPROXY": chain,
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GONOSUMDB": "example.com",
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(tmp_path / "mod"),
        "COLUMNS": "80",
        "TERM": "xterm",
    }


async def _run(tmp_path: Path, chain: str, *args: str) -> subprocess.CompletedProcess[str]:
    def work() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *args],
            env=_environ(tmp_path, chain),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return await asyncio.to_thread(work)


@pytest.mark.parametrize("tap", [[], ["--tap"]])
async def test_json_is_one_object_and_gos_output_is_not_in_it(
    go_command: str, tmp_path: Path, tap: list[str]
) -> None:
    async with _proxy("403") as chain:
        ran = await _run(
            tmp_path, chain, *tap, "--json", "--", go_command, "mod", "download", "-json", str(DRILL)
        )
        document: dict[str, Any] = json.loads(ran.stdout)
        assert document["requests"][0]["url"] == f"{chain}/example.com/modgate/drill/@v/v1.0.0.info"
    assert ran.returncode == document["exit"] == 1
    assert document["schema"] == 1
    assert document["requests"][0]["phase"] == "status"
    assert document["root_cause"]["id"] == "MG-STAT-002"
    assert document["root_cause"]["catalogue"] == 11
    assert '"Error"' in ran.stderr


async def test_gos_output_and_exit_status_are_its_own(go_command: str, tmp_path: Path) -> None:
    async with _proxy("ok") as chain:
        ran = await _run(tmp_path, chain, "--", go_command, "mod", "download", "-json", str(DRILL))
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["Version"] == DRILL.version
    assert "example.com/modgate/drill@v1.0.0" in ran.stderr


async def test_what_cannot_be_run_is_the_command_lines_fault(tmp_path: Path) -> None:
    ran = await _run(tmp_path, "off", "--", "no-such-go", "build")
    assert ran.returncode == 2
    assert "no-such-go is not on PATH" in ran.stderr


async def test_a_chain_that_cannot_be_read_cannot_be_tapped(go_command: str, tmp_path: Path) -> None:
    ran = await _run(tmp_path, "https://a.example;b", "--tap", "--", go_command, "mod", "download")
    assert ran.returncode == 2


async def test_credentials_are_shown_nowhere(go_command: str, tmp_path: Path) -> None:
    async with _proxy("404") as chain:
        secret = chain.replace("://", "://me:hunter2@").replace("http:", "https:")
        for args in ([], ["--json"], ["--tap"], ["--tap", "--json"]):
            ran = await _run(tmp_path, secret, *args, "--", go_command, "mod", "download", str(DRILL))
            assert "hunter2" not in ran.stdout + ran.stderr


def _on_terminal(argv: tuple[str, ...], environ: dict[str, str], stop: str = "") -> tuple[int, str]:
    """(exit status, everything that was drawn); Ctrl-C is typed when `stop` has been drawn."""
    terminal, inner = pty.openpty()
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _WITH_TERMINAL, *argv],
        env=environ,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    drawn = b""
    typed = not stop
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
        if not typed and stop.encode() in drawn:
            os.write(terminal, b"\x03")
            typed = True
    else:
        process.kill()
    os.close(terminal)
    return process.wait(), drawn.decode(errors="replace")


@pytest.mark.parametrize(("lang", "words"), [("en", "requests"), ("zh", "个请求")])
async def test_the_waterfall_grows_on_a_terminal_and_fits_it(
    go_command: str, tmp_path: Path, lang: str, words: str
) -> None:
    async with _proxy("slow") as chain:
        argv = (*COMMAND, "--tap", "--lang", lang, "--", go_command, "mod", "download", "-json", str(DRILL))
        code, drawn = await asyncio.to_thread(_on_terminal, argv, _environ(tmp_path, chain))
    lines = _ESCAPES.sub("", drawn).replace("\r", "\n").splitlines()
    pictures = [line for line in lines if line.startswith("example.com/modgate/drill@v1.0.0 ")]
    assert code == 0
    assert len(pictures) > 3
    assert any("…" in line for line in pictures[:-1])
    assert re.search(r"i+I?m+M?z+Z+", pictures[-1])
    assert max(cell_len(line) for line in pictures) <= 80
    assert any(words in line for line in lines)
    assert any('"Version": "v1.0.0"' in line for line in lines)


async def test_ctrl_c_ends_go_and_names_what_never_answered(go_command: str, tmp_path: Path) -> None:
    async with _proxy("timeout:mod") as chain:
        argv = (*COMMAND, "--lang", "en", "--", go_command, "mod", "download", str(DRILL))
        code, drawn = await asyncio.to_thread(_on_terminal, argv, _environ(tmp_path, chain), "m…")
    assert code == 130
    assert "never answered" in drawn
    assert "MG-HTTP-004" in drawn
