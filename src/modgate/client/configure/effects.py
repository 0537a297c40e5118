"""Whether a change reaches anybody: what hides it, and who must be started anew to see it.

A change that has no effect is the commonest complaint about `go env -w`, so each place that wins over the one
that was written is named, with the way to make the change count. VS Code: the extension restarts gopls by
itself when `go.toolsEnvVars` changes, but it reads GOPROXY and the folders of go once, when the window
opens, and its own environment when it starts. Source: golang/vscode-go, extension/src/goMain.ts
(addOnDidChangeConfigListeners), goEnv.ts, language/goLanguageServer.ts (watchLanguageServerConfiguration).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.configure.editor_scope import editors_here, overridden, untrusted
from modgate.client.configure.places import Scope
from modgate.client.configure.session import lines_for
from modgate.client.configure.shell_scope import overriding
from modgate.client.machine.editor_values import short
from modgate.client.machine.shell_files import Shell, terminal_session
from modgate.client.machine.shells import read_session
from modgate.client.machine.showing import safe
from modgate.client.machine.vscode_env import COPIED
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modgate.client.configure.planning import Order
    from modgate.client.machine.host import Host

__all__ = ["Effect", "effects"]


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that keeps a change from being seen.

    Attributes:
        text: In the person's words.
        hides: True where what was written does not count at all for go in this terminal (or for the editor
            that it was written for); False where only somebody has to look again.
        variable: Which one; empty for all.
    """

    text: Message
    hides: bool = False
    variable: str = ""


def effects(host: Host, order: Order) -> tuple[Effect, ...]:
    """What is to be said about this order on a machine on which it has been carried out."""
    found: list[Effect] = []
    match order.scope:
        case Scope.GOENV:
            for name, wanted in order.values.items():
                found.extend(_above_goenv(host, order.shell, name, wanted))
            found.extend(_editors_above(host, order))
            if any(name in COPIED for name in order.values) and editors_here(host):
                found.append(Effect(Message("use.effect.reload")))
        case Scope.SHELL:
            for name, wanted in order.values.items():
                found.extend(_above_shell(host, order.shell, name, wanted))
            found.extend(_this_terminal(host, order.shell, order.values))
            found.extend(_editors_above(host, order))
            if editors_here(host):
                found.append(Effect(Message("use.effect.restart-editor")))
        case Scope.VSCODE_USER | Scope.VSCODE_WORKSPACE:
            found.extend(_in_editor(host, order))
        case _:
            found.extend(_editors_above(host, order))
    return tuple(found)


def _above_goenv(host: Host, shell: Shell, name: str, wanted: str | None) -> Iterator[Effect]:
    value = host.environ.get(name, "")
    if not value or value == wanted:
        return
    values = {"name": name, "value": safe(value), "command": lines_for(shell, {name: None})[0]}
    last = read_session(host, shell, terminal_session(host.system)).of(name)
    where = f"{short(host, last[-1].file)}:{last[-1].line}" if last else ""
    key = "use.effect.os-line" if where else "use.effect.os"
    yield Effect(Message(key, {**values, "place": where}), hides=True, variable=name)


def _above_shell(host: Host, shell: Shell, name: str, wanted: str | None) -> Iterator[Effect]:
    found = overriding(host, shell, name, wanted)
    if found is None:
        return
    session, line = found
    kind = Message(f"use.session.{'login' if session.login else 'terminal'}")
    if line is None:
        yield Effect(
            Message("use.effect.not-read", {"name": name, "session": kind}), hides=True, variable=name
        )
        return
    place = f"{short(host, line.file)}:{line.line}"
    shown = safe(line.value) if line.value is not None else "?"
    values: dict[str, str | Message] = {"name": name, "place": place, "value": shown, "session": kind}
    key = "use.effect.profile-unset" if wanted is None else "use.effect.profile"
    yield Effect(Message(key, values), hides=True, variable=name)


def _this_terminal(host: Host, shell: Shell, values: Mapping[str, str | None]) -> Iterator[Effect]:
    """The shell that runs modgate keeps what it has."""
    stale = {name: text for name, text in values.items() if (host.environ.get(name) or None) != text}
    if stale:
        command = " ; ".join(safe(line) for line in lines_for(shell, stale))
        yield Effect(Message("use.effect.new-terminal", {"command": command}))


def _editors_above(host: Host, order: Order) -> Iterator[Effect]:
    for name, wanted in order.values.items():
        for editor, value in overridden(host, editors_here(host), name, wanted):
            place = value.setting.source if value.setting else ""
            values = {"name": name, "editor": editor.name, "value": safe(value.text)}
            yield Effect(Message("use.effect.editor", {**values, "place": short(host, place)}), variable=name)


def _in_editor(host: Host, order: Order) -> Iterator[Effect]:
    editors = editors_here(host, order.editors)
    for name, wanted in order.values.items():
        for editor, value in overridden(host, editors, name, wanted):
            place = value.setting.source if value.setting else ""
            values = {"name": name, "editor": editor.name, "value": safe(value.text)}
            key = "use.effect.editor-unset" if wanted is None else "use.effect.editor-scope"
            yield Effect(Message(key, {**values, "place": short(host, place)}), hides=True, variable=name)
    for editor_name in untrusted(host, editors):
        yield Effect(Message("use.effect.untrusted", {"editor": editor_name}), hides=True)
    yield Effect(Message("use.effect.gopls-restarts"))
