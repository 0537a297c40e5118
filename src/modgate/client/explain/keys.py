"""A setting of the editor by scope: user, profile, remote, workspace, folder, and what it is by default.

Computed from the files, as the editor merges them; the editor itself is not asked, so all of it is predicted.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.explain.model import Explained, Place, Source, State
from modgate.client.machine.vscode import EditorScope
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.machine.jsonc import Json
    from modgate.client.machine.vscode import Editor, EditorValue

__all__ = ["explain_key", "is_key"]

_DEFAULTS: dict[str, Json] = {
    "go.alternateTools": {},
    "go.buildFlags": [],
    "go.gopath": None,
    "go.goroot": None,
    "go.inferGopath": False,
    "go.toolsEnvVars": {},
    "go.toolsGopath": None,
    "go.toolsManagement.autoUpdate": False,
    "go.toolsManagement.checkForUpdates": "proxy",
    "go.useLanguageServer": True,
    "gopls": {},
    "http.noProxy": [],
    "http.proxy": "",
    "http.proxyStrictSSL": True,
    "http.proxySupport": "override",
    "security.workspace.trust.enabled": True,
    "terminal.integrated.env.linux": {},
    "terminal.integrated.env.osx": {},
    "terminal.integrated.env.windows": {},
    "terminal.integrated.inheritEnv": True,
}
_OBJECTS = ("go.toolsEnvVars", "terminal.integrated.env.linux", "terminal.integrated.env.osx")
_MERGED = (*_OBJECTS, "terminal.integrated.env.windows", "go.alternateTools")


def is_key(word: str) -> bool:
    """Whether the word names a setting of the editor and not a variable."""
    return "." in word or word == "gopls"


def explain_key(editor: Editor, key: str) -> tuple[Explained, ...]:
    """The setting; of an object that is merged over the scopes one more row for each of its members."""
    whole = next((name for name in _MERGED if key.startswith(f"{name}.")), "")
    if whole:
        return (_member(editor, whole, key.removeprefix(f"{whole}.")),)
    setting = editor.setting(key)
    values = (setting.value, *setting.hidden) if setting else ()
    members = sorted(editor.members(key)) if key in _MERGED else []
    found = [_source(key, value, State.HIDDEN if index else State.WINS) for index, value in enumerate(values)]
    if members and len(found) > 1:
        merged = Message("explain.why.merged")
        found = [
            replace(source, state=State.WINS if not index else State.HIDDEN, why=merged)
            for index, source in enumerate(found)
        ]
    if key in _DEFAULTS:
        state = State.HIDDEN if found else State.WINS
        found.append(Source(key, Place.EDITOR, _written(_DEFAULTS[key]), state, scope="default", key=key))
    found += [
        replace(_source(key, value, State.UNSEEN), why=Message(_not_read(editor, value)))
        for value in editor.ignored(key)
    ]
    value = {name: editor.members(key)[name].value.value for name in members} if members else None
    text = _written(value) if members else (found[0].text if found and found[0].state is State.WINS else None)
    first = Explained(key, text, tuple(found), changed=bool(values), predicted=True)
    return (first, *(_member(editor, key, name) for name in members))


def _member(editor: Editor, key: str, name: str) -> Explained:
    setting = editor.members(key).get(name)
    values: Sequence[EditorValue] = (setting.value, *setting.hidden) if setting else ()
    full = f"{key}.{name}"
    found = tuple(
        _source(full, value, State.HIDDEN if index else State.WINS) for index, value in enumerate(values)
    )
    text = found[0].text if found else None
    return Explained(full, text, found, changed=bool(found), predicted=True)


def _source(key: str, value: EditorValue, state: State) -> Source:
    text = _written(value.value)
    return Source(
        key, Place.EDITOR, text, state, file=value.file, line=value.line, scope=value.scope.value, key=key
    )


def _not_read(editor: Editor, value: EditorValue) -> str:
    if value.scope in {EditorScope.WORKSPACE, EditorScope.FOLDER}:
        return "explain.why.application"
    return "explain.why.profile" if editor.profile else "explain.why.not-read"


def _written(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
