"""The editors that run now: since when, and with which variables.

A running extension host keeps the variables that it was started with, whatever the shell says since. On
Linux /proc shows them for one's own processes, so what gopls really got can be compared with the terminal;
on macOS and Windows only the time of the start is known. A gopls that somebody started in the editor's
terminal is not the editor's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from modgate.client.machine.editors import KINDS
from modgate.client.machine.host import System
from modgate.errors import Absent, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modgate.client.machine.host import Host

__all__ = ["ProcessKind", "Running", "parse_elapsed", "read_running"]

_TICKS = 100  # USER_HZ, the same on every Linux that Go runs on
_HOST_MARK = ("VSCODE_CRASH_REPORTER_PROCESS_TYPE", "extensionHost")
_MAC_APP = re.compile(r"/([^/]+)\.app/Contents/")
_ELAPSED = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)")
_SERVER = re.compile(r"/(\.[a-z]+-server(?:-insiders)?)/")
_NONE: Mapping[str, str] = MappingProxyType({})
_WINDOWS_LIST = (
    "Get-Process | Where-Object {{ @({names}) -contains $_.ProcessName }}"
    " | ForEach-Object {{ [pscustomobject]@{{ Id = $_.Id; Name = $_.ProcessName;"
    " Start = [DateTimeOffset]::new($_.StartTime).ToUnixTimeSeconds() }} }} | ConvertTo-Json -Compress"
)


class ProcessKind(StrEnum):
    """What a process of an editor does."""

    MAIN = "main"
    EXTENSION_HOST = "extension-host"
    GOPLS = "gopls"


@dataclass(frozen=True, slots=True)
class Running:
    """A process. `started` is seconds since 1970; `environ` is empty where it cannot be seen."""

    editor: str
    kind: ProcessKind
    pid: int
    started: float
    environ: Mapping[str, str] = field(default_factory=lambda: _NONE)


async def read_running(host: Host, now: float) -> tuple[Running, ...]:
    """The processes of editors; none where they cannot be listed. `now` is seconds since 1970."""
    try:
        if host.system is System.LINUX:
            return tuple(_linux(host))
        if host.system is System.MACOS:
            ran = await host.run(("ps", "-axo", "pid=,etime=,command="))
            return tuple(_macos(ran.stdout, now))
        names = ", ".join(f"'{program}'" for kind in KINDS for program in kind.programs)
        script = _WINDOWS_LIST.format(names=names)
        ran = await host.run(("powershell", "-NoProfile", "-NonInteractive", "-Command", script))
        return tuple(_windows(ran.stdout))
    except (Absent, Unavailable):
        return ()


def parse_elapsed(text: str) -> int:
    """Seconds of ps's `[[days-]hours:]minutes:seconds`; 0 for what is none."""
    match = _ELAPSED.fullmatch(text.strip())
    if match is None:
        return 0
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _linux(host: Host) -> Iterator[Running]:
    proc = host.path("/proc")
    booted = _booted(host)
    for name in host.listdir(proc):
        if not name.isdigit():
            continue
        folder = proc / name
        try:
            argv = _split(host.read(folder / "cmdline"))
            kind, editor = _role(argv)
            if kind is None:
                continue
            environ = dict(
                item.split("=", 1) for item in _split(host.read(folder / "environ")) if "=" in item
            )
            stat = (host.read(folder / "stat") or b"").decode(errors="replace")
        except Unavailable:
            continue
        if kind is ProcessKind.MAIN and environ.get(_HOST_MARK[0]) == _HOST_MARK[1]:
            kind = ProcessKind.EXTENSION_HOST
        if kind is ProcessKind.GOPLS:
            if not _from_editor(environ):
                continue
            editor = _editor_of(environ)
        yield Running(editor, kind, int(name), booted + _start_ticks(stat) / _TICKS, environ)


def _role(argv: Sequence[str]) -> tuple[ProcessKind | None, str]:
    if not argv:
        return None, ""
    program = PurePosixPath(argv[0].split(" ", 1)[0] if len(argv) == 1 else argv[0]).name
    if program == "gopls":
        return ProcessKind.GOPLS, ""
    server = _SERVER.search(argv[0])
    if "--type=extensionHost" in argv and server:
        named = next((kind.name for kind in KINDS if kind.server == server[1]), "")
        return (ProcessKind.EXTENSION_HOST, named) if named else (None, "")
    for kind in KINDS:
        if program in kind.programs:
            helper = any(argument.startswith("--type=") for argument in argv)
            node = "--utility-sub-type=node.mojom.NodeService" in argv
            return (ProcessKind.MAIN, kind.name) if node or not helper else (None, "")
    return None, ""


def _from_editor(environ: Mapping[str, str]) -> bool:
    own = any(name.startswith("VSCODE_") for name in environ)
    return own and environ.get("TERM_PROGRAM") != "vscode"


def _editor_of(environ: Mapping[str, str]) -> str:
    """Of a child of the extension host: by the paths that the editor left in its variables."""
    told = " ".join(value for name, value in environ.items() if name.startswith("VSCODE_"))
    for kind in reversed(KINDS):
        if f"/{kind.name}/" in told or kind.server in told:
            return kind.name
    return KINDS[0].name


def _split(content: bytes | None) -> list[str]:
    return [part for part in (content or b"").decode(errors="replace").split("\0") if part]


def _booted(host: Host) -> float:
    for line in (host.read(host.path("/proc/stat")) or b"").decode(errors="replace").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def _start_ticks(stat: str) -> int:
    """Field 22; the name in field 2 may hold blanks and brackets."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[19].isdigit() else 0


def _macos(listing: str, now: float) -> Iterator[Running]:
    for line in listing.splitlines():
        parts = line.split(None, 2)
        if len(parts) < 3 or not parts[0].isdigit():
            continue
        app = _MAC_APP.search(parts[2])
        kind = next((kind for kind in KINDS if app and kind.bundle == app[1]), None)
        if kind is None:
            continue
        started = now - parse_elapsed(parts[1])
        if "Helper (Plugin)" in parts[2]:
            yield Running(kind.name, ProcessKind.EXTENSION_HOST, int(parts[0]), started)
        elif "Helper" not in parts[2] and "/Contents/MacOS/" in parts[2]:
            yield Running(kind.name, ProcessKind.MAIN, int(parts[0]), started)


def _windows(text: str) -> Iterator[Running]:
    try:
        read = json.loads(text or "[]")
    except ValueError:
        return
    for row in read if isinstance(read, list) else [read]:
        if not isinstance(row, dict):
            continue
        name = str(row.get("Name", "")).lower()
        kind = next((kind for kind in KINDS if name in kind.programs), None)
        pid, start = row.get("Id"), row.get("Start")
        if kind is not None and isinstance(pid, int) and isinstance(start, int):
            yield Running(kind.name, ProcessKind.MAIN, pid, float(start))
