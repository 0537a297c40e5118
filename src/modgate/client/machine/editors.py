"""Which editors of the VS Code family are here, and which settings files hold for a folder.

Each keeps a `User` folder: below `~/.config`, `~/Library/Application Support` or `%APPDATA%`; a Flatpak in
a home of its own, a portable one where VSCODE_PORTABLE says. Where somebody works here from another machine
(SSH, WSL, a container), only a `Machine` folder is here. Which folder is open in the editor cannot be known
from outside: the nearest folder above that has `.vscode/settings.json` stands for it, else the nearest one
that looks like a project's root.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from modgate.client.machine.host import System
from modgate.client.machine.vscode import Editor, EditorScope, SettingsFile, json_object, settings_file
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from modgate.client.machine.host import Host

__all__ = ["KINDS", "EditorKind", "is_folder", "read_editors", "uri_path", "workspace_folder"]

_PROJECT = ("go.work", "go.mod", ".git")
_DRIVE = re.compile(r"/([A-Za-z]):")


@dataclass(frozen=True, slots=True)
class EditorKind:
    """One member of the family.

    Attributes:
        name: Of its folder.
        programs: What its process is called, without `.exe`.
        bundle: Of its application on macOS.
        extensions: The folder below home that holds its extensions.
        server: The folder below home that a remote extension host uses.
        flatpak: Its identifier there, empty for none.
    """

    name: str
    programs: tuple[str, ...]
    bundle: str
    extensions: str
    server: str
    flatpak: str = ""


KINDS = (
    EditorKind("Code", ("code",), "Visual Studio Code", ".vscode", ".vscode-server", "com.visualstudio.code"),
    EditorKind(
        "Code - Insiders",
        ("code-insiders", "code - insiders"),
        "Visual Studio Code - Insiders",
        ".vscode-insiders",
        ".vscode-server-insiders",
        "com.visualstudio.code.insiders",
    ),
    EditorKind(
        "VSCodium",
        ("codium", "vscodium"),
        "VSCodium",
        ".vscode-oss",
        ".vscodium-server",
        "com.vscodium.codium",
    ),
    EditorKind("Cursor", ("cursor",), "Cursor", ".cursor", ".cursor-server"),
    EditorKind("Windsurf", ("windsurf",), "Windsurf", ".windsurf", ".windsurf-server"),
)


def read_editors(host: Host) -> tuple[Editor, ...]:
    """Every editor that has a settings folder on this machine, with what holds for the current folder."""
    folder = workspace_folder(host)
    workspace = tuple(_workspace_files(host, folder))
    found: list[Editor] = []
    for kind in KINDS:
        found.extend(
            _local(host, kind, user, folder, workspace)
            for user in _user_folders(host, kind)
            if is_folder(host, user)
        )
        machine = host.home / kind.server / "data" / "Machine"
        if is_folder(host, host.home / kind.server):
            settings = settings_file(host, EditorScope.REMOTE, machine / "settings.json")
            files = (*workspace, settings) if settings else workspace
            version = _extension(host, host.home / kind.server / "extensions")
            found.append(Editor(kind.name, machine, folder, files, remote=True, extension=version))
    return tuple(found)


def workspace_folder(host: Host) -> PurePath:
    """The folder that is most likely open in the editor when the shell stands in `host.cwd`."""
    above = [path for path in (host.cwd, *host.cwd.parents) if path not in {host.home, *host.home.parents}]
    for path in above:
        if _exists(host, path / ".vscode" / "settings.json") or _workspace_file(host, path):
            return path
    for path in above:
        if any(_exists(host, path / name) for name in _PROJECT):
            return path
    return host.cwd


def uri_path(uri: str, system: System) -> str:
    """The path of a `file:` URI as this system writes it, empty for any other URI."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return ""
    path = unquote(parts.path)
    if system is not System.WINDOWS:
        return path.rstrip("/") or "/"
    drive = _DRIVE.match(path)
    return (drive[1].upper() + path[2:] if drive else path).replace("/", "\\").rstrip("\\")


def _local(
    host: Host, kind: EditorKind, user: PurePath, folder: PurePath, workspace: tuple[SettingsFile, ...]
) -> Editor:
    files = list(workspace)
    profile, location = _profile(host, user, folder)
    if location:
        of_profile = settings_file(
            host, EditorScope.PROFILE, user / "profiles" / location / "settings.json"
        ) or SettingsFile(EditorScope.PROFILE, user / "profiles" / location / "settings.json")
        files.append(of_profile)
    own = settings_file(host, EditorScope.USER, user / "settings.json")
    if own:
        files.append(own)
    version = _extension(host, host.home / kind.extensions / "extensions")
    return Editor(kind.name, user, folder, tuple(files), profile=profile, extension=version)


def _user_folders(host: Host, kind: EditorKind) -> Iterator[PurePath]:
    portable = host.environ.get("VSCODE_PORTABLE")
    if portable and kind.name == "Code":
        yield host.path(portable) / "user-data" / "User"
        return
    if host.system is System.MACOS:
        yield host.home / "Library" / "Application Support" / kind.name / "User"
    elif host.system is System.WINDOWS:
        roaming = host.environ.get("APPDATA")
        base = host.path(roaming) if roaming else host.home / "AppData" / "Roaming"
        yield base / kind.name / "User"
    else:
        config = host.environ.get("XDG_CONFIG_HOME")
        yield (host.path(config) if config else host.home / ".config") / kind.name / "User"
        if kind.flatpak:
            yield host.home / ".var" / "app" / kind.flatpak / "config" / kind.name / "User"


def _profile(host: Host, user: PurePath, folder: PurePath) -> tuple[str, str]:
    """Name and folder of the profile that this folder opens in; empty for the default one.

    A profile that uses the default profile's settings counts as the default one.
    """
    storage = json_object(host, user / "globalStorage" / "storage.json")
    associations = storage.get("profileAssociations")
    by_uri = associations.get("workspaces") if isinstance(associations, dict) else None
    chosen = ""
    for uri, location in by_uri.items() if isinstance(by_uri, dict) else ():
        if uri_path(uri, host.system) == str(folder) and isinstance(location, str):
            chosen = location
    profiles = storage.get("userDataProfiles")
    for profile in profiles if isinstance(profiles, list) else ():
        if not isinstance(profile, dict) or profile.get("location") != chosen:
            continue
        shared = profile.get("useDefaultFlags")
        if isinstance(shared, dict) and shared.get("settings"):
            return "", ""
        return str(profile.get("name") or chosen), chosen
    return "", ""


def _workspace_files(host: Host, folder: PurePath) -> Iterator[SettingsFile]:
    """`.vscode/settings.json` belongs to the workspace, unless a .code-workspace file does: then to the
    folder.
    """
    multi = _workspace_file(host, folder)
    scope = EditorScope.FOLDER if multi else EditorScope.WORKSPACE
    own = settings_file(host, scope, folder / ".vscode" / "settings.json")
    if own:
        yield own
    if multi:
        read = settings_file(host, EditorScope.WORKSPACE, folder / multi, below=("settings",))
        if read:
            yield read


def _workspace_file(host: Host, folder: PurePath) -> str:
    try:
        names = host.listdir(folder)
    except Unavailable:
        return ""
    return next((name for name in names if name.endswith(".code-workspace")), "")


def _extension(host: Host, folder: PurePath) -> str:
    try:
        names = host.listdir(folder)
    except Unavailable:
        return ""
    versions = [name.removeprefix("golang.go-") for name in names if name.startswith("golang.go-")]
    return max(versions, key=lambda text: [int(part) for part in re.findall(r"\d+", text)], default="")


def _exists(host: Host, path: PurePath) -> bool:
    try:
        return host.status(path) is not None
    except Unavailable:
        return False


def is_folder(host: Host, path: PurePath) -> bool:
    """Whether a folder stands there, as far as it can be told."""
    try:
        found = host.status(path)
    except Unavailable:
        return False
    return found is not None and found.folder
