"""The commands where a machine lacks what they count on: a home, programs, a wide terminal, calm."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.cli import INTERRUPTED, USAGE, guarded, main
from modgate.cli.speech import console, print_json
from modgate.client.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    ("doctor", "--offline", "--json"),
    ("undo", "--list"),
    ("mirrors",),
    ("chain", "https://a.test,direct"),
    ("faults", "--list"),
)
_BLOCKED = """
import sys, importlib, pkgutil, os
blocked = {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "winreg", "msvcrt"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in blocked:
            raise ModuleNotFoundError(name)
for name in blocked:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Refuse())
for name in ("fork", "geteuid", "getuid", "getegid", "killpg", "mkfifo", "fchown", "fchmod", "getpgrp"):
    if hasattr(os, name):
        delattr(os, name)
import modgate.client, modgate.cli
for package in (modgate.client, modgate.cli):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name not in {"modgate.cli.serve", "modgate.cli.config"}:
            importlib.import_module(module.name)
"""


def _run(
    args: Sequence[str], folder: Path, *without: str, **environ: str
) -> subprocess.CompletedProcess[bytes]:
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "GOTOOLCHAIN": "local"}
    for name in without:
        del known[name]
    return subprocess.run(
        [sys.executable, "-m", "modgate", *args],
        env=known | environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("without", "environ"),
    [
        (("HOME",), {}),
        (("PATH",), {}),
        ((), {"PATH": "/nonexistent", "HOME": "/etc/passwd", "XDG_STATE_HOME": "relative"}),
        ((), {"COLUMNS": "wide"}),
        ((), {"PYTHONIOENCODING": "ascii", "MODGATE_LANG": "zh"}),
    ],
    ids=["no home", "no PATH", "nothing right", "no columns", "ASCII"],
)
def test_no_command_dies_of_a_poor_machine(
    command: tuple[str, ...], without: tuple[str, ...], environ: dict[str, str], tmp_path: Path
) -> None:
    ended = _run(command, tmp_path, *without, **environ)
    assert ended.returncode in {0, 1, 2}
    assert b"Traceback" not in ended.stdout + ended.stderr
    if "--json" in command:
        assert isinstance(json.loads(ended.stdout), dict)


def test_client_and_commands_can_be_imported_without_what_only_posix_has() -> None:
    ended = subprocess.run([sys.executable, "-c", _BLOCKED], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_person_who_presses_ctrl_c_while_a_command_is_imported_sees_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", interrupted)
    assert main(["doctor"]) == INTERRUPTED


def test_an_interrupted_command_says_so_by_its_status() -> None:
    def interrupted(_args: Sequence[str]) -> int:
        raise KeyboardInterrupt

    assert guarded(interrupted, ()) == INTERRUPTED


def test_a_doctor_that_is_interrupted_leaves_no_process_behind(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "go").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    (tools / "go").chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "modgate", "doctor", "--offline"],
        env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert b"Traceback" not in errors
    assert process.returncode == INTERRUPTED
    child = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_json_holds_no_control_character_and_no_half_of_a_pair(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "a\x1b[31m\x9b\u202e\udc80\u2028中"
    print_json({"text": hostile})
    said = capsys.readouterr().out
    assert json.loads(said)["text"] == hostile
    assert "中" in said
    assert not set("\x1b\x9b\u202e\udc80\u2028") & set(said)
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    print_json({"text": "中"})
    ascii_only.flush()
    assert json.loads(ascii_only.buffer.getvalue())["text"] == "中"


def test_a_terminal_obeys_nothing_that_came_from_outside(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("a\x1b]0;title\x07\x9b31m\u202eb\x00", style="bold")
    said = capsys.readouterr().out
    assert "a?]0;title" in said
    assert not set("\x1b\x07\x9b\u202e\x00") & set(said)


@pytest.mark.skipif(sys.platform != "linux", reason="no /dev/full here")
@pytest.mark.parametrize("args", [("--help",), ("doctor", "--offline", "--json"), ("chain", "direct")])
def test_output_onto_a_full_disk_is_told_in_a_line(args: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "modgate", *args], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == USAGE
    assert b"Traceback" not in done.stderr
    assert done.stderr.decode().splitlines()[-1].startswith("modgate: the output cannot be written")


def test_a_report_is_written_whole_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "report.html").write_text("old")
    (tmp_path / "link.html").symlink_to(tmp_path / "real" / "report.html")
    write_whole(tmp_path / "link.html", "new")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real" / "report.html").read_text() == "new"
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "real", "new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["link.html", "real", "report.html"]
