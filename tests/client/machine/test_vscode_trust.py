"""Workspace trust, read from VS Code's own database without touching it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from modgate.client.machine.editors import read_editors
from modgate.client.machine.host import System
from modgate.client.machine.local import LocalHost
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.vscode_trust import Trust, read_trust

if TYPE_CHECKING:
    from pathlib import Path

KEY = "content.trust.model.key"


def database(path: Path, entries: object, *, journal: str = "delete") -> bytes:
    """A state.vscdb with this decision in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
        if entries is not None:
            connection.execute("INSERT INTO ItemTable VALUES (?, ?)", (KEY, json.dumps(entries)))
        connection.commit()
    return path.read_bytes()


def entry(path: str, *, trusted: bool) -> dict[str, object]:
    return {"uri": {"$mid": 1, "path": path, "scheme": "file"}, "trusted": trusted}


def _trust(host: RecordedHost | LocalHost) -> Trust:
    (editor,) = read_editors(host)
    return read_trust(host, editor)


def _home(tmp_path: Path, entries: object, settings: str = "{}") -> LocalHost:
    user = tmp_path / ".config" / "Code" / "User"
    database(user / "globalStorage" / "state.vscdb", entries)
    (user / "settings.json").write_text(settings)
    work = tmp_path / "src" / "app"
    work.mkdir(parents=True)
    storage = user / "workspaceStorage" / "0a1b"
    storage.mkdir(parents=True)
    (storage / "workspace.json").write_text(json.dumps({"folder": work.as_uri()}))
    return LocalHost({"HOME": str(tmp_path)}, cwd=work)


@pytest.mark.parametrize(
    ("decisions", "trusted", "explicit"),
    [
        ({"": True}, True, True),
        ({"src": True}, True, True),
        ({"src": True, "src/app": False}, False, True),
        ({"src": False, "src/app": True}, True, True),
        ({"src/ap": True, "other": True}, False, False),
        ({}, False, False),
    ],
)
def test_the_longest_decision_above_the_folder_holds(
    tmp_path: Path, decisions: dict[str, bool], trusted: bool, explicit: bool
) -> None:
    entries = [entry(str(tmp_path / path), trusted=value) for path, value in decisions.items()]
    trust = _trust(_home(tmp_path, {"uriTrustInfo": entries}))
    assert (trust.trusted, trust.explicit, trust.opened) == (trusted, explicit, True)


def test_reading_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    host = _home(tmp_path, {"uriTrustInfo": []})
    folder = tmp_path / ".config" / "Code" / "User" / "globalStorage"
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    _trust(host)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


def test_a_database_that_another_program_holds_is_read_all_the_same(tmp_path: Path) -> None:
    host = _home(tmp_path, {"uriTrustInfo": [entry(str(tmp_path), trusted=True)]})
    state = tmp_path / ".config" / "Code" / "User" / "globalStorage" / "state.vscdb"
    with closing(sqlite3.connect(state, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert _trust(host).trusted is True


def test_trust_may_be_switched_off(tmp_path: Path) -> None:
    trust = _trust(_home(tmp_path, {"uriTrustInfo": []}, '{"security.workspace.trust.enabled": false}'))
    assert trust.trusted is True
    assert trust.switched_off


@pytest.mark.parametrize("entries", [[], {"uriTrustInfo": "x"}, {"localFolders": []}, 3])
def test_a_form_that_is_not_known_is_unknown(tmp_path: Path, entries: object) -> None:
    assert _trust(_home(tmp_path, entries)).trusted is None


def test_what_is_no_database_is_unknown(tmp_path: Path) -> None:
    host = _home(tmp_path, {"uriTrustInfo": []})
    state = tmp_path / ".config" / "Code" / "User" / "globalStorage" / "state.vscdb"
    state.write_bytes(b"not a database, not at all " * 100)
    assert _trust(host).trusted is None
    state.unlink()
    assert _trust(host).trusted is None


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_recording_of_windows_is_read_from_its_bytes(tmp_path: Path, journal: str) -> None:
    entries = {"uriTrustInfo": [entry("/c:/Users/Me", trusted=True)]}
    content = database(tmp_path / "state.vscdb", entries, journal=journal)
    user = r"C:\Users\me\AppData\Roaming\Code\User"
    host = RecordedHost(
        System.WINDOWS,
        files={
            rf"{user}\globalStorage\state.vscdb": content,
            rf"{user}\workspaceStorage\1\workspace.json": '{"folder": "file:///c%3A/users/me/work"}',
        },
        cwd=r"C:\Users\me\work",
    )
    trust = _trust(host)
    assert (trust.trusted, trust.opened) == (True, True)
