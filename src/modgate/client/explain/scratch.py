"""A scratch area in which the real go can be given any layer: homes, GOENV files, GOROOTs with a go.env.

A GOROOT is made of symbolic links to the real one beside a go.env of its own, so nothing of the installed go
is touched and nothing is copied. The person's own folders are never named to go.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Scratch"]

_KEPT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "PATHEXT", "LD_LIBRARY_PATH")
_LIMIT = 60.0


class Scratch:
    """The area.

    Args:
        folder: Empty, its own.
        go: The go command.
        goroot: Its GOROOT.
        environ: The person's environment, of which only PATH and the system's own variables are taken.
    """

    def __init__(self, folder: Path, go: str, goroot: str, environ: Mapping[str, str]) -> None:
        self.folder = folder.resolve()
        self.runs = 0
        self._go = go
        self._goroot = Path(goroot)
        self._environ = {name: environ[name] for name in _KEPT if name in environ}

    def home(self, name: str, goenv: bytes | None = None) -> dict[str, str]:
        """An environment with a home of its own, and this GOENV file where go looks for it by itself."""
        home = self.folder / name
        config = home / ".config"
        for file in (config / "go" / "env", home / "Library" / "Application Support" / "go" / "env"):
            file.parent.mkdir(parents=True, exist_ok=True)
            if goenv is not None:
                file.write_bytes(goenv)
        cache = home / ".cache"
        return self._environ | {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "APPDATA": str(config),
            "LOCALAPPDATA": str(cache),
            "GOTOOLCHAIN": "local",
            "GOTELEMETRY": "off",
        }

    def goroot(self, name: str, go_env: bytes) -> str:
        """A GOROOT whose go.env holds this. Raises Unavailable where links cannot be made."""
        folder = self.folder / name
        folder.mkdir()
        try:
            for item in self._goroot.iterdir():
                if item.name != "go.env":
                    (folder / item.name).symlink_to(item, target_is_directory=item.is_dir())
        except OSError as error:
            raise Unavailable(f"no scratch GOROOT can be made of links: {error.strerror}") from error
        (folder / "go.env").write_bytes(go_env)
        return str(folder)

    async def go_env(self, environ: Mapping[str, str], *arguments: str) -> dict[str, str]:
        """What `go env -json` prints. Raises Unavailable where it fails."""
        status, out, err = await self.go(environ, "env", "-json", *arguments)
        try:
            told = json.loads(out)
        except ValueError:
            told = None
        if status or not isinstance(told, dict):
            raise Unavailable(f"go env failed: {err.strip() or out.strip()}", kind="bad-answer")
        return {str(name): str(value) for name, value in told.items()}

    async def go(self, environ: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
        """Run go and return (status, output, errors). Raises Unavailable where it cannot be started or does
        not end.
        """
        self.runs += 1
        try:
            process = await asyncio.create_subprocess_exec(
                self._go,
                *arguments,
                env=dict(environ),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise Unavailable(f"{self._go} cannot be started: {error.strerror}") from error
        try:
            out, err = await asyncio.wait_for(process.communicate(), _LIMIT)
        except TimeoutError:
            raise Unavailable("go did not end within a minute", kind="timeout") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")

    def cached(self, folders: Sequence[str]) -> tuple[str, ...]:
        """Which of these module caches hold a download."""
        return tuple(
            folder for folder in folders if any((Path(folder) / "cache" / "download").glob("**/*.zip"))
        )
