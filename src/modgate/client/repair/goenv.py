"""Setting a variable of go's in the GOENV file, as `go env -w` would, but as an edit that can be shown.

The last line of a name wins, so that one is replaced and any earlier one left alone; what else stands in the
file stays byte for byte. An OS variable hides the file: then no edit of it would help, and the person is told
the command for the shell instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.machine.host import System
from modgate.client.machine.settings import Layer
from modgate.client.repair.plan import FileEdit, Repair
from modgate.errors import ModgateError

if TYPE_CHECKING:
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings

__all__ = ["set_go_variable", "with_line"]


def set_go_variable(host: Host, go: GoSettings, name: str, value: str, *, safe: bool = True) -> Repair:
    """The repair that makes go see this value."""
    setting = go.settings.get(name)
    if setting is not None and setting.value.layer is Layer.OS:
        return Repair(commands=(_shell_command(host.system, name, value),), safe=False)
    if not go.goenv_file:
        return Repair(commands=(_shell_command(host.system, name, value),), safe=False)
    try:
        before = host.read(host.path(go.goenv_file))
    except ModgateError:
        return Repair(commands=(f'go env -w "{name}={value}"',), safe=False)
    edit = FileEdit(Path(go.goenv_file), before, with_line(before or b"", name, value))
    return Repair(edits=(edit,), safe=safe)


def with_line(content: bytes, name: str, value: str) -> bytes:
    """The file with this variable set."""
    line = f"{name}={value}".encode()
    lines = content.split(b"\n")
    places = [index for index, old in enumerate(lines) if old.partition(b"=")[0] == name.encode()]
    if places:
        end = b"\r" if lines[places[-1]].endswith(b"\r") else b""
        lines[places[-1]] = line + end
        return b"\n".join(lines)
    ended = not content or content.endswith(b"\n")
    return content + (b"" if ended else b"\n") + line + b"\n"


def _shell_command(system: System, name: str, value: str) -> str:
    if system is System.WINDOWS:
        return f'setx {name} "{value}"'
    return f'export {name}="{value}"'
