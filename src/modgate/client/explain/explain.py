"""An explanation of this machine for one consumer: which variables, and where each value comes from.

1. Find the profiles and the editor's settings that stand for the current folder.
2. Build the consumer's environment.
3. Ask go once under that environment; compute the layers.
4. Explain what was asked for; without a name, what differs from a fresh machine and what decides the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.explain.changed import built_in, changed_variables
from modgate.client.explain.environments import environment_of
from modgate.client.explain.keys import explain_key, is_key
from modgate.client.explain.layers import explain_go, explain_plain, unread_goenv
from modgate.client.explain.model import Consumer, Explained, Explanation
from modgate.client.explain.profiles import read_profiles
from modgate.client.explain.seen import SeenHost
from modgate.client.machine.editor_values import PROXIES
from modgate.client.machine.editors import read_editors
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.golayers import COMPUTED, KNOWN
from modgate.client.machine.vscode_env import COPIED
from modgate.errors import Invalid
from modgate.gomod.texts import shown
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.client.explain.environments import Environment
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.client.machine.vscode import Editor

__all__ = ["NETWORK", "Wish", "checked_names", "explain"]

_NAME = re.compile(r"[A-Za-z_][\w.()-]*")

NETWORK = (
    *("GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOTOOLCHAIN", "GOAUTH"),
    *("GOVCS", "GOFLAGS", "GOMODCACHE", *PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""The variables that decide whether and how modules are fetched."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        names: Variables and settings of the editor; none for the usual ones.
        consumer: For whom.
        everything: Every variable that go knows.
        editor: The editor's name (`Code`, `Cursor`), empty for the first one found.
    """

    names: Sequence[str] = ()
    consumer: Consumer = Consumer.TERMINAL
    everything: bool = False
    editor: str = ""


async def explain(host: Host, wish: Wish, clock: Callable[[], float]) -> Explanation:
    """The explanation. Raises Invalid where the named editor is not there."""
    profiles = read_profiles(host)
    editor = _editor(host, wish.editor)
    keys = [name for name in wish.names if is_key(name)]
    asked = [_canonical(name) for name in wish.names if not is_key(name)]
    spelt = [form for name in (*NETWORK, *asked) for form in PROXIES.get(name, (name,))]
    names = tuple(dict.fromkeys((*KNOWN, *spelt)))
    environment = await environment_of(host, wish.consumer, names, profiles, editor=editor, now=clock())
    seen = SeenHost(host, environment.values)
    go = await read_go_settings(seen)
    changed = changed_variables(seen, go, runs_on=seen.runs_on)
    if not wish.names:
        asked = _usual(go, changed, environment, everything=wish.everything)
    variables = _variables(seen, asked, environment, go, changed)
    rows = tuple(row for key in keys if editor for row in explain_key(editor, key))
    reading = profiles.terminal if wish.consumer is not Consumer.GOPLS else profiles.editor
    shells = wish.consumer is not Consumer.GUI and reading is not None
    return Explanation(
        wish.consumer,
        go,
        variables,
        rows,
        notes=tuple(_notes(host, wish, editor, environment, variables)),
        files=reading.files if shells and reading is not None else (),
        shell=profiles.shell.value if shells else "",
    )


def _editor(host: Host, name: str) -> Editor | None:
    editors = read_editors(host)
    if not name:
        return editors[0] if editors else None
    for editor in editors:
        if editor.name.casefold() == name.casefold():
            return editor
    known = ", ".join(editor.name for editor in editors)
    raise Invalid(
        f"no editor {name} has settings on this machine",
        next_step=f"Here are: {known}." if known else "None of the VS Code family was found.",
    )


def _canonical(name: str) -> str:
    return next((upper for upper, forms in PROXIES.items() if name in forms), name)


def _usual(
    go: GoSettings, changed: frozenset[str], environment: Environment, *, everything: bool
) -> list[str]:
    """Go's own in their order of weight, then what else was changed, then the proxy variables."""
    own = [name for name in NETWORK if name.startswith("GO")]
    others = [name for name in NETWORK if not name.startswith("GO")]
    if everything:
        known = sorted({*KNOWN, *go.settings})
        return [*known, *others]
    plain = [name for name in others if name in PROXIES or environment.sources.get(name)]
    # go env prints GCCGO wherever gccgo is installed, which nobody changed.
    more = sorted(name for name in changed if name not in own and name in go.settings)
    return [*own, *more, *plain]


def _variables(
    seen: SeenHost, asked: Sequence[str], environment: Environment, go: GoSettings, changed: frozenset[str]
) -> tuple[Explained, ...]:
    defaults = built_in(seen.system, seen.environ, go)
    unread = unread_goenv(seen, go)
    known = {*KNOWN, *go.settings}
    return tuple(
        explain_go(name, environment, go, defaults=defaults, unread=unread, changed=name in changed)
        if name in known
        else explain_plain(name, environment)
        for name in dict.fromkeys(asked)
    )


def _notes(
    host: Host,
    wish: Wish,
    editor: Editor | None,
    environment: Environment,
    variables: Sequence[Explained],
) -> list[Message]:
    keys = any(is_key(name) for name in wish.names)
    notes = list(environment.notes)
    if keys:
        notes.append(Message("explain.note.keys" if editor else "explain.note.no-editor"))
    if editor is not None and (keys or wish.consumer in {Consumer.GOPLS, Consumer.VSCODE_TERMINAL}):
        values = {"name": editor.name, "folder": str(editor.folder)}
        notes.append(Message("explain.note.editor", values))
        if editor.profile:
            notes.append(Message("explain.note.profile", {"profile": editor.profile}))
    if wish.consumer is not Consumer.GOPLS or editor is None:
        return notes
    if any(row.name in COPIED and row.winner and row.winner.file for row in variables):
        notes.append(Message("explain.note.copied", {"names": ", ".join(COPIED)}))
    from modgate.client.machine.vscode_trust import read_trust  # noqa: PLC0415  SQLite, for this one alone

    trust = read_trust(host, editor)
    if trust.trusted is False and trust.opened:
        notes.append(Message("explain.note.untrusted", {"folder": str(editor.folder)}))
    return notes


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names as asked. Raises Invalid for what is neither a variable nor a setting of the editor."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise Invalid(
                f"{shown(name)} is no variable and no setting",
                next_step="Write a name such as GOPROXY, HTTPS_PROXY or go.toolsEnvVars.",
            )
        if name in COMPUTED:
            raise Invalid(
                f"go computes {name} by itself: nothing sets it", next_step=f"`go env {name}` shows it."
            )
        from modgate.client.machine.lint_names import intended_variable  # noqa: PLC0415  only where names are

        meant = "" if is_key(name) else intended_variable(name)
        if meant and meant != name and _canonical(name) == name:
            raise Invalid(f"no variable {shown(name)} is known", next_step=f"Did you mean {meant}?")
    return tuple(names)
