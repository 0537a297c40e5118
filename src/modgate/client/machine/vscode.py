"""The settings of VS Code and its relatives: which value wins, where it stands, and what it hides.

Weakest first: the user's settings, those of the machine where a remote extension host runs (SSH, WSL,
containers), the workspace's, the folder's. A profile takes the place of the user's settings; only
application-wide keys and those of `workbench.settings.applyToAllProfiles` still come from there. A key that
belongs to the application (`http.proxy`) is not read from a workspace at all, so that a cloned repository
cannot turn it. Objects (`go.toolsEnvVars`) are merged key by key over the layers, other values replaced.
Sources: VS Code's configuration service and its user data profiles; package.json of golang/vscode-go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from modgate.client.machine.jsonc import Flaw, Malformed, parse
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

    from modgate.client.machine.host import Host
    from modgate.client.machine.jsonc import Document, Json

__all__ = ["Editor", "EditorScope", "EditorSetting", "EditorValue", "SettingsFile"]

ALL_PROFILES = "workbench.settings.applyToAllProfiles"
# A person writes neither; whoever looks for a minute at what no person wrote helps nobody.
_LONGEST = 2 << 20
_MOST_MEMBERS = 500
_APPLICATION = ("http.", "security.workspace.trust.", "workbench.settings.applyToAllProfiles")


class EditorScope(StrEnum):
    """Where a value stands, strongest first."""

    FOLDER = "folder"
    WORKSPACE = "workspace"
    REMOTE = "remote"
    PROFILE = "profile"
    USER = "user"


@dataclass(frozen=True, slots=True)
class EditorValue:
    """One value in one file; `line` counts from 1."""

    scope: EditorScope
    value: Json
    file: str
    line: int

    @property
    def source(self) -> str:
        """`file:line`: what a person is told."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class EditorSetting:
    """A setting: the value that wins, the weaker ones that it hides (strongest first), and values that stand
    where the editor does not read this key.
    """

    key: str
    value: EditorValue
    hidden: tuple[EditorValue, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file that is there. `document` is None where it cannot be read, `flaw` and `line` say why.

    `below` is the key under which the settings stand: `settings` in a .code-workspace file.
    """

    scope: EditorScope
    path: PurePath
    source: bytes = b""
    document: Document | None = None
    flaw: Flaw | None = None
    line: int = 0
    below: tuple[str, ...] = ()

    def value(self, *keys: str) -> EditorValue | None:
        """What stands here under a setting's name, or deeper in its object."""
        node = self.document.find((*self.below, *keys)) if self.document else None
        if node is None or self.document is None:
            return None
        return EditorValue(self.scope, node.value, str(self.path), self.document.line(node))

    def names(self, key: str) -> tuple[str, ...]:
        """The members of a setting that is an object."""
        found = self.value(key)
        return tuple(found.value) if found is not None and isinstance(found.value, dict) else ()


@dataclass(frozen=True, slots=True)
class Editor:
    """One editor with the settings that hold for one folder.

    Attributes:
        name: `Code`, `Cursor`, …, as its folder is called.
        user_folder: Its `User` folder; of a remote extension host, the `Machine` folder.
        remote: The extension host runs here for an editor elsewhere, whose user settings are not seen.
        folder: The folder that is taken for the opened one.
        files: Strongest first.
        profile: The profile's name, empty for the default one.
        extension: Version of the Go extension, empty where it was not found.
    """

    name: str
    user_folder: PurePath
    folder: PurePath
    files: tuple[SettingsFile, ...] = ()
    remote: bool = False
    profile: str = ""
    extension: str = ""

    def setting(self, key: str) -> EditorSetting | None:
        """The value that wins for a key, None where no file sets it."""
        found = [value for file in self._read_for(key) if (value := file.value(key)) is not None]
        return EditorSetting(key, found[0], tuple(found[1:])) if found else None

    def members(self, key: str) -> dict[str, EditorSetting]:
        """Of a setting that is an object: the value that wins for each of its members, by name."""
        found: dict[str, EditorSetting] = {}
        for file in self._read_for(key):
            whole = file.value(key)
            if whole is not None and not isinstance(whole.value, dict):
                break
            for name in file.names(key)[:_MOST_MEMBERS]:
                value = file.value(key, name)
                if value is None:
                    continue
                stronger = found.get(name)
                found[name] = (
                    EditorSetting(f"{key}.{name}", value)
                    if stronger is None
                    else EditorSetting(stronger.key, stronger.value, (*stronger.hidden, value))
                )
        return found

    def ignored(self, key: str) -> tuple[EditorValue, ...]:
        """Values of a key in files where the editor does not read it."""
        read = {file.path for file in self._read_for(key)}
        return tuple(
            value for file in self.files if file.path not in read and (value := file.value(key)) is not None
        )

    def file(self, path: str) -> SettingsFile:
        """The settings file of that path, one of `files`."""
        return next(file for file in self.files if str(file.path) == path)

    def _read_for(self, key: str) -> Iterator[SettingsFile]:
        application = key.startswith(_APPLICATION)
        everywhere = application or key in self._for_all_profiles()
        profiled = any(file.scope is EditorScope.PROFILE for file in self.files)
        for file in self.files:
            if file.scope in {EditorScope.FOLDER, EditorScope.WORKSPACE} and application:
                continue
            if file.scope is EditorScope.PROFILE and everywhere:
                continue
            if file.scope is EditorScope.USER and profiled and not everywhere:
                continue
            yield file

    def _for_all_profiles(self) -> Sequence[str]:
        for file in self.files:
            listed = file.value(ALL_PROFILES) if file.scope is EditorScope.USER else None
            if listed is not None and isinstance(listed.value, list):
                return [str(key) for key in listed.value]
        return ()


def settings_file(
    host: Host, scope: EditorScope, path: PurePath, below: tuple[str, ...] = ()
) -> SettingsFile | None:
    """The settings file at a path, None where there is none; one that cannot be read says why."""
    try:
        source = host.read(path)
    except Unavailable:
        return SettingsFile(scope, path, flaw=Flaw.UNREADABLE)
    if source is None:
        return None
    if len(source) > _LONGEST:
        return SettingsFile(scope, path, flaw=Flaw.UNREADABLE)
    try:
        document = parse(source)
    except Malformed as error:
        return SettingsFile(scope, path, source, flaw=error.flaw, line=error.line)
    if not isinstance(document.value, dict):
        return SettingsFile(scope, path, source, flaw=Flaw.OBJECT, line=1)
    return SettingsFile(scope, path, source, document, below=below)


def json_object(host: Host, path: PurePath) -> dict[str, Json]:
    """A JSON file that the editor keeps for itself; empty where it is not there or not to be read."""
    try:
        read = json.loads(host.read(path) or b"{}")
    except (Unavailable, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
