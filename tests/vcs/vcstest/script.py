"""Go's own repositories for tests, replayed: the small script language of cmd/go/testdata/vcstest.

A script is the comment of a txtar archive; its files are there before the first line runs. The scripts
check themselves (`cmp`), so a repository that comes out of here has the very hashes that Go's tests know.
Source: cmd/go/internal/vcweb/script.go, cmd/internal/script.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ScriptError", "archive", "replay", "scripts"]

_HEADER = re.compile(rb"^-- (.+) --\n?$")
_WORD = re.compile(r"'(?:[^']|'')*'|\$\w+|\$\{\w+\}|[^\s'$]+|\$")


class ScriptError(Exception):
    """A line of a script failed."""


def scripts(go_root: Path) -> dict[str, Path]:
    """The scripts that make git repositories, by the repository's name."""
    folder = go_root / "src" / "cmd" / "go" / "testdata" / "vcstest" / "git"
    return {
        path.stem: path for path in sorted(folder.glob("*.txt")) if "handle git" in path.read_text("utf-8")
    }


def archive(text: bytes) -> tuple[list[str], dict[str, bytes]]:
    """(the lines of a txtar archive's comment, its files)."""
    comment: list[bytes] = []
    files: dict[str, list[bytes]] = {}
    into = comment
    for line in text.splitlines(keepends=True):
        if header := _HEADER.match(line):
            into = files.setdefault(header[1].decode(), [])
        else:
            into.append(line)
    lines = b"".join(comment).decode().splitlines()
    return lines, {name: b"".join(parts) for name, parts in files.items()}


def replay(script: Path, folder: Path, home: Path) -> None:
    """Make the repository of a script in an empty folder. Raises ScriptError."""
    lines, files = archive(script.read_bytes())
    folder.mkdir(parents=True)
    for name, data in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    run = _Run(folder, home)
    for number, line in enumerate(lines, 1):
        try:
            run.line(line)
        except (ScriptError, OSError, ValueError) as error:
            raise ScriptError(f"{script.name}:{number}: {line}: {error}") from error


@dataclass
class _Run:
    folder: Path
    home: Path
    stdout: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / ".gitconfig").write_text(
            "[user]\n\tname = Go Gopher\n\temail = gopher@golang.org\n"
            "[init]\n\tdefaultBranch = master\n[core]\n\teol = lf\n[gc]\n\tauto = 0\n",
            encoding="utf-8",
        )
        self.environment = {
            "USER": "gopher",
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": os.environ.get("PATH", os.defpath),
        }

    def line(self, text: str) -> None:
        text = text.strip()
        if not text or text.startswith(("#", "[!git-sha256]")):
            return
        verb, *args = self._words(text)
        if verb != "handle":
            commands: dict[str, Callable[[list[str]], None]] = {
                "env": self._env,
                "at": self._at,
                "unquote": self._unquote,
                "echo": self._echo,
                "mkdir": self._mkdir,
                "cp": self._copy,
                "cmp": self._compare,
                "git": self._git,
            }
            commands[verb](args)

    def _words(self, text: str) -> list[str]:
        words: list[str] = []
        for group in re.split(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", text):
            word = ""
            for piece in _WORD.findall(group):
                if piece.startswith("'"):
                    word += piece[1:-1].replace("''", "'")
                elif piece.startswith("$") and len(piece) > 1:
                    word += self.environment.get(piece.strip("${}"), "")
                else:
                    word += piece
            words.append(word)
        return words

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _unquote(self, args: list[str]) -> None:
        self.stdout = json.loads(f'"{args[0]}"', strict=False)

    def _echo(self, args: list[str]) -> None:
        self.stdout = " ".join(args) + "\n"

    def _mkdir(self, names: list[str]) -> None:
        for name in names:
            self._path(name).mkdir(parents=True, exist_ok=True)

    def _env(self, settings: list[str]) -> None:
        for setting in settings:
            name, _, value = setting.partition("=")
            self.environment[name] = value

    def _at(self, args: list[str]) -> None:
        self.environment |= {"GIT_COMMITTER_DATE": args[0], "GIT_AUTHOR_DATE": args[0]}

    def _copy(self, args: list[str]) -> None:
        *sources, target = args
        for source in sources:
            data = self.stdout.encode() if source == "stdout" else self._path(source).read_bytes()
            place = self._path(target)
            if place.is_dir():
                place = place / Path(source).name
            place.write_bytes(data)

    def _compare(self, args: list[str]) -> None:
        first, second = (
            self.stdout if name == "stdout" else self._path(name).read_text("utf-8") for name in args
        )
        if first != second:
            raise ScriptError(f"{args[0]} and {args[1]} differ:\n{first}\n{second}")

    def _git(self, args: list[str]) -> None:
        done = subprocess.run(
            ["git", *args], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ScriptError(done.stderr)
        self.stdout = done.stdout
