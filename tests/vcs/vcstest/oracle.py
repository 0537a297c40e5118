"""What the real go command says about repositories on this machine, fetched directly.

Repositories stand for `https://HOST/...` through git's insteadOf, so nothing leaves the machine and the
Origin says what it would say for a real host. Many versions are asked for in one call, because starting go
and reading refs is what takes the time.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["GoDirect", "Said"]

_AT_ONCE = 2000


@dataclass(frozen=True)
class Said:
    """What go says about one `module@query`: an error, or the version with its facts."""

    error: str = ""
    version: str = ""
    time: str = ""
    origin: dict[str, Any] | None = None
    h1: str = ""
    h1_mod: str = ""


class GoDirect:
    """The go command with a module cache and a git configuration of its own.

    `places` are beginnings of https addresses and the local folders they stand for.
    """

    def __init__(self, go: str, home: Path, places: Mapping[str, Path | str]) -> None:
        self._go = go
        self._home = home
        home.mkdir(parents=True, exist_ok=True)
        lines = [f'[url "{folder}"]\n\tinsteadOf = {address}\n' for address, folder in places.items()]
        (home / ".gitconfig").write_text("".join(lines) + "[safe]\n\tdirectory = *\n", encoding="utf-8")

    def download(self, asked: Sequence[str]) -> dict[str, Said]:
        """What `go mod download -json` says about each `module@query`."""
        found: dict[str, Said] = {}
        for start in range(0, len(asked), _AT_ONCE):
            part = asked[start : start + _AT_ONCE]
            for said in _documents(self._run("mod", "download", "-json", *part)):
                query = said.get("Query") or said.get("Version", "")
                found[f"{said['Path']}@{query}"] = _said(said)
        return found

    def versions(self, modules: Iterable[str]) -> dict[str, list[str]]:
        """The versions that `go list -m -versions` knows, retracted ones too."""
        text = self._run(
            "list", "-m", "-e", "-versions", "-retracted", "-json", *(f"{each}@latest" for each in modules)
        )
        return {said["Path"]: said.get("Versions") or [] for said in _documents(text)}

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._go, *arguments],
            cwd=self._home,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self._home),
                "GOPATH": str(self._home / "gopath"),
                "GOCACHE": str(self._home / "gocache"),
                "GOFLAGS": "-modcacherw",
                "GOPROXY": "direct",
                "GONOSUMDB": "*",
                "GOSUMDB": "off",
                "GOVCS": "*:all",
                "GOTOOLCHAIN": "local",
                "GOTELEMETRY": "off",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout.strip():
            raise RuntimeError(f"go {arguments[:3]}: {done.stderr}")
        return done.stdout


def _documents(text: str) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder()
    found, at = [], 0
    while (at := _skip(text, at)) < len(text):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _said(document: dict[str, Any]) -> Said:
    error = document.get("Error")
    if error:
        return Said(error=error if isinstance(error, str) else error.get("Err", str(error)))
    time = ""
    if name := document.get("Info"):
        time = json.loads(Path(name).read_text("utf-8")).get("Time", "")
    return Said(
        version=document["Version"],
        time=time,
        origin=document.get("Origin"),
        h1=document.get("Sum", ""),
        h1_mod=document.get("GoModSum", ""),
    )
