"""Repairs of one variable: an edit of the GOENV file, as `go env -w` would make it, else a command to show.

The edit replaces the one line that counts (the last of a name), or takes every line of a key out, and leaves
all other bytes as they are. What an OS variable says hides the file and can only be changed where it is set,
which a person has to do.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.machine.host import System
from modgate.client.machine.settings import Layer
from modgate.client.machine.showing import safe
from modgate.client.repair.plan import FileEdit, Repair
from modgate.errors import ModgateError

if TYPE_CHECKING:
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings

__all__ = ["repair_variable", "set_go_variable", "with_line", "with_value", "without_key"]


def repair_variable(host: Host, go: GoSettings, name: str, wanted: str) -> Repair | None:
    """What makes the variable `wanted`, or takes it away where that is empty; None where nothing is set."""
    setting = go.settings.get(name)
    if setting is None:
        return None
    value = setting.value
    if value.layer is Layer.BUILT_IN and setting.hidden:
        value = setting.hidden[0]
    if value.layer is Layer.GOENV:
        edit = _edit(host, value.file, name, value.line, wanted)
        return Repair(edits=(edit,)) if edit else Repair(commands=(_go_command(name, wanted),))
    if safe(wanted) != wanted:
        # A command is shown, copied and kept in histories: no place for a password.
        return None
    if value.layer is Layer.OS:
        return Repair(commands=(_shell_command(host.system, name, wanted),))
    return Repair(commands=(_go_command(name, wanted),)) if wanted else None


def set_go_variable(host: Host, go: GoSettings, name: str, wanted: str, *, offered: bool = True) -> Repair:
    """What makes go see this value, whether the variable is set now or not."""
    setting = go.settings.get(name)
    if not go.goenv_file or (setting is not None and setting.value.layer is Layer.OS):
        shown = () if safe(wanted) != wanted else (_shell_command(host.system, name, wanted),)
        return Repair(commands=shown, safe=False)
    try:
        before = host.read(host.path(go.goenv_file))
    except ModgateError:
        return Repair(commands=(_go_command(name, wanted),), safe=False)
    edit = FileEdit(Path(go.goenv_file), before, with_line(before or b"", name, wanted))
    return Repair(edits=(edit,), safe=offered)


def with_line(data: bytes, name: str, wanted: str) -> bytes:
    """The file with this variable set: its last line replaced, or a line more."""
    start = f"{name}=".encode()
    places = [number for number, line in enumerate(data.split(b"\n"), 1) if line.startswith(start)]
    if places:
        return with_value(data, places[-1], name, wanted)
    ended = not data or data.endswith(b"\n")
    return data + (b"" if ended else b"\n") + f"{name}={wanted}\n".encode()


def with_value(data: bytes, line: int, name: str, wanted: str) -> bytes:
    """The file with `name=wanted` in this line (from 1); a carriage return of the old value goes with it."""
    lines = data.split(b"\n")
    lines[line - 1] = f"{name}={wanted}".encode()
    return b"\n".join(lines)


def without_key(data: bytes, name: str) -> bytes:
    """The file without any line of this key."""
    start = f"{name}=".encode()
    kept = [line for line in data.split(b"\n") if not line.startswith(start)]
    return b"\n".join(kept)


def _edit(host: Host, file: str, name: str, line: int, wanted: str) -> FileEdit | None:
    try:
        before = host.read(host.path(file))
    except ModgateError:
        return None
    if before is None or line > before.count(b"\n") + 1:
        return None
    after = with_value(before, line, name, wanted) if wanted else without_key(before, name)
    return FileEdit(Path(file), before, after)


def _go_command(name: str, wanted: str) -> str:
    return f"go env -w {shlex.quote(f'{name}={wanted}')}" if wanted else f"go env -u {name}"


def _shell_command(system: System, name: str, wanted: str) -> str:
    if system is System.WINDOWS:
        return f"$env:{name} = '{wanted}'" if wanted else f"Remove-Item Env:{name}"
    return f"export {name}={shlex.quote(wanted)}" if wanted else f"unset {name}"
