"""A home of one's own, and `modgate use` run in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from modgate.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


class Home:
    """A person's home folder: the variables of this process are theirs."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    @property
    def goenv(self) -> Path:
        return self.folder / ".config" / "go" / "env"

    @property
    def settings(self) -> Path:
        return self.folder / ".config" / "Code" / "User" / "settings.json"

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def use(self, *words: str) -> Ran:
        return self.modgate("use", *words)

    def modgate(self, *words: str) -> Ran:
        self._capsys.readouterr()
        status = main(words)
        said = self._capsys.readouterr()
        return Ran(status, said.out, said.err)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Home:
    folder = tmp_path / "home"
    (folder / "work").mkdir(parents=True)
    for name in [*os.environ]:
        if name.startswith(("GO", "XDG_", "MODGATE_", "VSCODE", "LC_", "LANG")) or name.lower().endswith(
            "_proxy"
        ):
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(folder),
        "SHELL": "/bin/bash",
        "COLUMNS": "80",
        "LANG": "C.UTF-8",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder / "work")
    return Home(folder, capsys)
