"""Running editors, from /proc, from ps and from PowerShell."""

# ruff: noqa: E501  recorded lines are as long as they are

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.machine.host import Ran, System
from modgate.client.machine.local import LocalHost
from modgate.client.machine.processes import ProcessKind, Running, parse_elapsed, read_running
from modgate.client.machine.recorded import RecordedHost

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_800_000_000.0


def proc(pid: int, argv: list[str], environ: Mapping[str, str], ticks: int = 0) -> dict[str, str]:
    """The files of one process."""
    fields = ["S", "1", *["0"] * 17, str(ticks), "0"]
    return {
        f"/proc/{pid}/cmdline": "\0".join(argv) + "\0",
        f"/proc/{pid}/environ": "\0".join(f"{name}={value}" for name, value in environ.items()) + "\0",
        f"/proc/{pid}/stat": f"{pid} (a (b) c) {' '.join(fields)}\n",
    }


BOOT = {"/proc/stat": "cpu 1 2 3\nbtime 1700000000\nprocesses 9\n"}
HOST = {"VSCODE_CRASH_REPORTER_PROCESS_TYPE": "extensionHost", "VSCODE_PID": "10"}
NODE = ["--type=utility", "--utility-sub-type=node.mojom.NodeService"]


async def test_linux_tells_the_windows_the_extension_host_and_its_gopls() -> None:
    host = RecordedHost(
        files={
            **BOOT,
            **proc(10, ["/usr/share/code/code", "--no-sandbox"], {"A": "1"}, 1000),
            **proc(11, ["/usr/share/code/code", "--type=renderer"], {}),
            **proc(12, ["/usr/share/code/code", *NODE], {**HOST, "GOPROXY": "https://a.test"}, 2000),
            **proc(13, ["/home/me/go/bin/gopls", "-mode=stdio"], {**HOST, "X": "a=b"}, 3000),
            **proc(14, ["gopls", "serve"], {**HOST, "TERM_PROGRAM": "vscode"}),
            **proc(15, ["gopls", "serve"], {"EDITOR": "vim"}),
            **proc(16, ["/bin/bash", "code"], {}),
            **proc(17, ["/home/me/.vscode-server/bin/1/node", "x", "--type=extensionHost"], {"B": "2"}),
            "/proc/self/cmdline": "code\0",
        }
    )
    found = {process.pid: process for process in await read_running(host, NOW)}
    assert {pid: (process.editor, process.kind, process.started) for pid, process in found.items()} == {
        10: ("Code", ProcessKind.MAIN, 1700000010),
        12: ("Code", ProcessKind.EXTENSION_HOST, 1700000020),
        13: ("Code", ProcessKind.GOPLS, 1700000030),
        17: ("Code", ProcessKind.EXTENSION_HOST, 1700000000),
    }
    assert found[13].environ["X"] == "a=b"


async def test_a_process_that_may_not_be_read_is_passed_over() -> None:
    files: dict[str, str | None] = {**BOOT, **proc(10, ["code"], {})}
    files["/proc/10/environ"] = None
    assert await read_running(RecordedHost(files=files), NOW) == ()


async def test_gopls_belongs_to_the_editor_that_its_variables_name() -> None:
    environ = {**HOST, "VSCODE_CODE_CACHE_PATH": "/home/me/.config/Cursor/CachedData/1"}
    host = RecordedHost(files={**BOOT, **proc(13, ["gopls"], environ)})
    (found,) = await read_running(host, NOW)
    assert found.editor == "Cursor"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_real_process_shows_its_variables_and_its_start() -> None:
    environ = {**HOST, "GOPROXY": "https://real.test"}
    with (
        subprocess.Popen(["/bin/sleep", "60"], executable="/bin/sleep") as other,
        subprocess.Popen(["gopls", "60"], executable="/bin/sleep", env=environ) as process,
    ):
        try:
            while not all(Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in (other, process)):
                time.sleep(0.01)  # the kernel names a program a moment after Popen has returned
            found = {item.pid: item for item in await read_running(LocalHost(dict(os.environ)), time.time())}
        finally:
            process.kill()
            other.kill()
    assert other.pid not in found
    assert found[process.pid].environ["GOPROXY"] == "https://real.test"
    assert abs(found[process.pid].started - time.time()) < 120


PS = """\
    1    05-02:11:09 /sbin/launchd
  801       10:00:01 /Applications/Visual Studio Code.app/Contents/MacOS/Electron
  811       03:04 /Applications/Visual Studio Code.app/Contents/Frameworks/Code Helper (Plugin).app/Contents/MacOS/Code Helper (Plugin) --type=utility
  812       03:04 /Applications/Visual Studio Code.app/Contents/Frameworks/Code Helper (Renderer).app/Contents/MacOS/Code Helper (Renderer)
  900       00:09 /Applications/Cursor.app/Contents/MacOS/Cursor
  901       00:09 vi Cursor.app
"""


async def test_macos_tells_when_each_was_started() -> None:
    host = RecordedHost(System.MACOS, commands={("ps",): Ran(0, PS)})
    assert await read_running(host, NOW) == (
        Running("Code", ProcessKind.MAIN, 801, NOW - 36001),
        Running("Code", ProcessKind.EXTENSION_HOST, 811, NOW - 184),
        Running("Cursor", ProcessKind.MAIN, 900, NOW - 9),
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:09", 9), ("03:04", 184), ("10:00:01", 36001), ("05-02:11:09", 439869), ("x", 0)],
)
def test_elapsed_times_are_read(text: str, seconds: int) -> None:
    assert parse_elapsed(text) == seconds


@pytest.mark.parametrize(
    ("printed", "pids"),
    [
        ('{"Id":7,"Name":"Code","Start":1799999000}', [7]),
        (
            '[{"Id":7,"Name":"Code","Start":17},{"Id":8,"Name":"Code - Insiders","Start":18}]',
            [7, 8],
        ),
        ("", []),
        ("Get-Process : error", []),
    ],
)
async def test_windows_tells_when_each_was_started(printed: str, pids: list[int]) -> None:
    host = RecordedHost(System.WINDOWS, commands={("powershell",): Ran(0, printed)})
    assert [process.pid for process in await read_running(host, NOW)] == pids


@pytest.mark.parametrize("system", [System.MACOS, System.WINDOWS])
async def test_without_a_list_nothing_is_known(system: System) -> None:
    assert await read_running(RecordedHost(system), NOW) == ()
