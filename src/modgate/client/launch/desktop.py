"""Programs of the desktop: what reaches them, and what does not.

An editor that runs already keeps its variables, and a second start only opens a window of it. On Linux
`~/.config/environment.d` gives variables to everything that the user's systemd starts after the next login,
`systemctl --user set-environment` to what it starts from now on. On macOS `open` hands variables over where
it knows `--env`; elsewhere launchd has to be told, which lasts until the next restart.
Sources: environment.d(5), systemctl(1), open(1), launchctl(1).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.machine.editors import KINDS
from modgate.client.machine.host import System
from modgate.client.machine.processes import ProcessKind, read_running
from modgate.client.repair.plan import FileEdit
from modgate.errors import Absent, Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.machine.host import Host

__all__ = ["desktop_edit", "editor_of", "launchctl_plan", "opened", "running_editor", "session_answers"]

_FILE = "60-modgate.conf"
_HEAD = "# Written by `modgate run --desktop`; `modgate undo` takes it back.\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def editor_of(argv: Sequence[str]) -> str | None:
    """Which editor of the family a command starts, None for another program."""
    words = re.split(r"[/\\]", argv[0]) if argv else [""]
    program = words[-1].lower().removesuffix(".exe").removesuffix(".cmd")
    for kind in KINDS:
        bundles = [word for word in argv if f"{kind.bundle}.app" in word or word == kind.bundle]
        if program in kind.programs or bundles:
            return kind.name
    return None


async def running_editor(host: Host, argv: Sequence[str], now: float) -> str | None:
    """The editor that this command starts, where it runs already."""
    editor = editor_of(argv)
    if editor is None:
        return None
    running = await read_running(host, now)
    found = any(item.editor == editor and item.kind is ProcessKind.MAIN for item in running)
    return editor if found else None


def desktop_edit(host: Host, values: Mapping[str, str]) -> FileEdit | None:
    """The environment.d file with these values beside those that it has; None where it has them all.

    Raises Invalid for a value that the file cannot hold, Unavailable.
    """
    base = host.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path(host.home) / ".config"
    path = folder / "environment.d" / _FILE
    before = host.read(path)
    lines = (before or _HEAD.encode()).decode(errors="surrogateescape").splitlines()
    for name, text in values.items():
        if not _NAME.fullmatch(name) or re.search(r"[\x00-\x1f]", text):
            raise Invalid(f"{name[:50]!r} cannot stand in environment.d")
        line = f'{name}="{_quoted(text)}"'
        kept = [other for other in lines if not other.startswith(f"{name}=")]
        lines = lines if line in lines and len(kept) == len(lines) - 1 else [*kept, line]
    after = ("\n".join(lines) + "\n").encode(errors="surrogateescape")
    return None if after == before else FileEdit(path, before, after)


async def session_answers(host: Host) -> bool:
    """Whether the user's systemd is there."""
    try:
        return (await host.run(("systemctl", "--user", "show-environment"))).status == 0
    except (Absent, Unavailable):
        return False


async def opened(host: Host, argv: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...] | None:
    """On macOS the command that starts an application with these values: `open --env NAME=VALUE …`.

    The argv itself where it is no application; None where `open` does not know `--env`.
    """
    if host.system is not System.MACOS:
        return tuple(argv)
    if argv[0] == "open":
        rest = tuple(argv[1:])
    elif argv[0].rstrip("/").endswith(".app"):
        rest = ("-a", argv[0], *(("--args", *argv[1:]) if argv[1:] else ()))
    else:
        return tuple(argv)
    try:
        usage = await host.run(("open", "-h"))
    except (Absent, Unavailable):
        return None
    if "--env" not in usage.stdout + usage.stderr:
        return None
    pairs = [word for name, text in values.items() for word in ("--env", f"{name}={text}")]
    return ("open", *pairs, *rest)


def launchctl_plan(values: Mapping[str, str]) -> tuple[str, ...]:
    """The commands that tell launchd, for a person to run."""
    return tuple(f"launchctl setenv {name} {shlex.quote(text)}" for name, text in values.items())


def _quoted(text: str) -> str:
    return re.sub(r'(["\\$`])', r"\\\1", text)
