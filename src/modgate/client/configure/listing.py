"""Where a variable is set in every scope, strongest first for a go that is started in this terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.configure.editor_scope import editors_here
from modgate.client.configure.formats import TOOLS
from modgate.client.configure.places import Scope
from modgate.client.machine.editor_values import short
from modgate.client.machine.settings import Layer
from modgate.client.machine.shell_files import terminal_session
from modgate.client.machine.shells import read_session
from modgate.client.machine.showing import safe
from modgate.client.machine.vscode import EditorScope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.client.machine.shell_files import Shell

__all__ = ["Row", "default_scope", "rows"]

_LAYERS = {Layer.OS: "session", Layer.GOENV: "goenv", Layer.GOROOT: "goroot", Layer.BUILT_IN: "default"}
_WORKSPACE = frozenset({EditorScope.FOLDER, EditorScope.WORKSPACE})


@dataclass(frozen=True, slots=True)
class Row:
    """One place that gives a variable a value.

    Attributes:
        kind: `session`, `shell`, `goenv`, `goroot`, `default`, `vscode-user` or `vscode-workspace`.
        value: Credentials taken out.
        place: File and line; empty for a variable of the environment and for a default.
        wins: go takes it in this terminal.
        editor: Of a row that an editor reads: its name.
    """

    kind: str
    value: str
    place: str = ""
    wins: bool = False
    editor: str = ""


def rows(host: Host, go: GoSettings, shell: Shell, name: str) -> tuple[Row, ...]:
    """Every place that sets the variable."""
    return (*_go(host, go, name), *_profiles(host, shell, name), *_editors(host, name))


def default_scope(host: Host, go: GoSettings, shell: Shell, names: tuple[str, ...]) -> Scope:
    """Where the value stands that wins: the profile where a line of it set the variable of this terminal,
    else go's own file.
    """
    reading = read_session(host, shell, terminal_session(host.system))
    for name in names:
        setting = go.settings.get(name)
        if setting is not None and setting.value.layer is Layer.OS:
            last = reading.of(name)
            if last and last[-1].value == setting.value.text:
                return Scope.SHELL
    return Scope.GOENV


def _go(host: Host, go: GoSettings, name: str) -> Iterator[Row]:
    setting = go.settings.get(name)
    if setting is None:
        return
    for value in (setting.value, *setting.hidden):
        place = f"{short(host, value.file)}:{value.line}" if value.file else ""
        yield Row(_LAYERS[value.layer], safe(value.text), place, wins=value is setting.value)


def _profiles(host: Host, shell: Shell, name: str) -> Iterator[Row]:
    reading = read_session(host, shell, terminal_session(host.system))
    for line in reversed(reading.of(name)):
        shown = safe(line.value) if line.value is not None else "…"
        yield Row("shell", shown, f"{short(host, line.file)}:{line.line}")


def _editors(host: Host, name: str) -> Iterator[Row]:
    for editor in editors_here(host):
        for file in editor.files:
            value = file.value(TOOLS, name)
            if value is not None:
                kind = "vscode-workspace" if file.scope in _WORKSPACE else "vscode-user"
                place = short(host, value.source)
                yield Row(kind, safe(str(value.value)), place, editor=editor.name)
