"""Whether VS Code trusts a folder: in one that it does not trust, the Go extension does not run.

The editor keeps its decisions in `User/globalStorage/state.vscdb` (SQLite, table ItemTable, key
`content.trust.model.key`): of the entries that are the folder or above it, the longest decides. The file is
read without a lock and without a write; where it cannot be read, the answer is "unknown". Only a folder that
was opened once (`User/workspaceStorage/*/workspace.json`) is worth a word. Source: VS Code's
workspaceTrust.ts; package.json of golang/vscode-go (`untrustedWorkspaces: supported: false`).
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.machine.editors import uri_path
from modgate.client.machine.host import System
from modgate.client.machine.vscode import json_object
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import PurePath

    from modgate.client.machine.host import Host
    from modgate.client.machine.vscode import Editor

__all__ = ["Trust", "read_trust"]

_KEY = "content.trust.model.key"
_MOST_WORKSPACES = 500


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of a folder.

    Attributes:
        trusted: None where it cannot be told.
        opened: The editor had this folder open before.
        explicit: A person decided on this very folder or one above; else nobody did.
        why: Why it cannot be told: `missing`, `unreadable` or `form`; empty where it can.
        switched_off: `security.workspace.trust.enabled` is false: everything is trusted.
    """

    trusted: bool | None
    opened: bool = False
    explicit: bool = False
    why: str = ""
    switched_off: bool = False


def read_trust(host: Host, editor: Editor) -> Trust:
    """Whether the editor trusts its folder. Nothing is raised."""
    opened = _opened(host, editor)
    enabled = editor.setting("security.workspace.trust.enabled")
    if enabled is not None and enabled.value.value is False:
        return Trust(trusted=True, opened=opened, switched_off=True)
    path = editor.user_folder / "globalStorage" / "state.vscdb"
    try:
        if host.status(path) is None:
            return Trust(trusted=None, opened=opened, why="missing")
        stored = _stored(host, path)
    except (Unavailable, sqlite3.Error):
        return Trust(trusted=None, opened=opened, why="unreadable")
    try:
        decisions = _decisions(stored, host.system)
    except ValueError:
        return Trust(trusted=None, opened=opened, why="form")
    folder = _comparable(str(editor.folder), host.system)
    above = {at: trusted for at, trusted in decisions.items() if _covers(at, folder, host.system)}
    if not above:
        return Trust(trusted=False, opened=opened)
    return Trust(trusted=above[max(above, key=len)], opened=opened, explicit=True)


def _stored(host: Host, path: PurePath) -> str | None:
    """The value under the key, None where there is none."""
    if isinstance(path, Path):
        # immutable: neither a lock nor a -shm file, however the running editor uses it.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        with closing(connection):
            return _asked(connection)
    content = bytearray(host.read(path) or b"")
    if content[18:20] == b"\x02\x02":
        content[18:20] = b"\x01\x01"  # a write-ahead log does not exist in memory
    connection = sqlite3.connect(":memory:")
    with closing(connection):
        connection.deserialize(bytes(content))
        return _asked(connection)


def _asked(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT value FROM ItemTable WHERE key = ?", (_KEY,)).fetchone()
    if row is None:
        return None
    value = row[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _decisions(stored: str | None, system: System) -> dict[str, bool]:
    """Path -> trusted. Raises ValueError for a form that is not known."""
    model = json.loads(stored) if stored else {"uriTrustInfo": []}
    entries = model.get("uriTrustInfo") if isinstance(model, dict) else None
    if not isinstance(entries, list):
        raise ValueError(_KEY)  # noqa: TRY004  of a text, not of an argument
    found: dict[str, bool] = {}
    for entry in entries:
        uri = entry.get("uri") if isinstance(entry, dict) else None
        if isinstance(uri, dict) and uri.get("scheme") == "file" and isinstance(uri.get("path"), str):
            path = uri_path("file://" + str(uri["path"]).replace("%", "%25"), system)
            found[_comparable(path, system)] = bool(entry.get("trusted"))
    return found


def _comparable(path: str, system: System) -> str:
    return path.casefold() if system is System.WINDOWS else path


def _covers(above: str, folder: str, system: System) -> bool:
    slash = "\\" if system is System.WINDOWS else "/"
    return folder == above or folder.startswith(above.rstrip(slash) + slash)


def _opened(host: Host, editor: Editor) -> bool:
    storage = editor.user_folder / "workspaceStorage"
    try:
        names = host.listdir(storage)[:_MOST_WORKSPACES]
    except Unavailable:
        return False
    wanted = _comparable(str(editor.folder), host.system)
    return any(
        isinstance(uri := json_object(host, storage / name / "workspace.json").get("folder"), str)
        and _comparable(uri_path(uri, host.system), host.system) == wanted
        for name in names
    )
