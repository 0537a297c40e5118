"""The settings files of VS Code and its relatives that a variable has to stand in.

The user's scope is the settings of every editor that is here (of the profile that this folder opens in, where
it has one), or those of its remote extension host; the workspace's is `.vscode/settings.json` of the folder
that is most likely open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.configure.formats import TOOLS
from modgate.client.configure.places import Scope
from modgate.client.machine.editors import read_editors, workspace_folder
from modgate.client.machine.vscode import EditorScope
from modgate.client.machine.vscode_env import tools_environment
from modgate.client.machine.vscode_trust import read_trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import PurePath

    from modgate.client.machine.host import Host
    from modgate.client.machine.vscode import Editor
    from modgate.client.machine.vscode_env import ToolValue

__all__ = ["editors_here", "overridden", "settings_files", "untrusted"]


def editors_here(host: Host, names: Iterable[str] = ()) -> tuple[Editor, ...]:
    """The editors of this machine, or those of these names (case does not matter)."""
    wanted = {name.lower() for name in names}
    return tuple(editor for editor in read_editors(host) if not wanted or editor.name.lower() in wanted)


def settings_files(host: Host, scope: Scope, editors: Iterable[Editor]) -> tuple[str, ...]:
    """The files to write for a scope, each once; none where there is no editor to write for."""
    if scope is Scope.VSCODE_WORKSPACE:
        return (str(workspace_folder(host) / ".vscode" / "settings.json"),)
    return tuple(dict.fromkeys(str(_user_file(editor)) for editor in editors))


def overridden(
    host: Host, editors: Iterable[Editor], name: str, wanted: str | None
) -> Iterator[tuple[Editor, ToolValue]]:
    """The editors whose tools get another value for this folder on this machine, with that value."""
    for editor in editors:
        found = tools_environment(host, editor, {}).get(name)
        if found is not None and found.setting is not None and found.text != wanted:
            yield editor, found


def untrusted(host: Host, editors: Iterable[Editor]) -> tuple[str, ...]:
    """The names of editors that had this folder open and do not trust it: there the extension does not
    run.
    """
    trusts = [(editor.name, read_trust(host, editor)) for editor in editors if not editor.remote]
    return tuple(name for name, trust in trusts if trust.trusted is False and trust.opened)


def _user_file(editor: Editor) -> PurePath:
    profiles = [file.path for file in editor.files if file.scope is EditorScope.PROFILE]
    shared = next((file for file in editor.files if file.scope is EditorScope.USER), None)
    listed = shared.value("workbench.settings.applyToAllProfiles") if shared else None
    everywhere = listed is not None and isinstance(listed.value, list) and TOOLS in listed.value
    return profiles[0] if profiles and not everywhere else editor.user_folder / "settings.json"
