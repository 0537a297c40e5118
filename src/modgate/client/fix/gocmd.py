"""The go command on a copy of a module's go.mod, so that nothing is changed until all of it went well.

`-modfile` makes go read and write the copy, with a go.sum beside it, while paths in `replace` keep their
meaning. Listing notes in go.sum every go.mod that it read, which a build does not need: so it has a second
copy. Workspaces are left aside (GOWORK=off): a fix is of one module. Source: go help modules (-modfile).
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.machine.showing import safe
from modgate.client.toolchain.listing import required_paths
from modgate.errors import Invalid, Unavailable
from modgate.gomod.types import ModulePath, Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modgate.client.machine.host import Host, Ran

__all__ = ["Built", "GoCopy", "go_copy", "said"]

_LIMIT = 600.0
_SHOWN = 12


class Built:
    """A module of the build list, as `go list -m -json` tells it."""

    __slots__ = ("indirect", "main", "path", "replaced", "replaced_version", "version")

    def __init__(self, told: dict[str, object]) -> None:
        instead = told.get("Replace")
        replaced = instead if isinstance(instead, dict) else {}
        self.path = ModulePath(str(told.get("Path", "")))
        self.version = Version(str(told.get("Version", "")))
        self.main = told.get("Main") is True
        self.indirect = told.get("Indirect") is True
        self.replaced = str(replaced.get("Path", ""))
        self.replaced_version = str(replaced.get("Version", ""))


class GoCopy:
    """A module whose go.mod and go.sum are copies. Made by `go_copy`."""

    def __init__(self, host: Host, module: Path, copy: Path) -> None:
        self._host = host
        self._module = module
        self.copy = copy
        flags = [flag for flag in host.environ.get("GOFLAGS", "").split() if "mod=" not in flag]
        self._environ = {
            **host.environ,
            "GOWORK": "off",
            "GOFLAGS": " ".join(flag for flag in flags if "modfile=" not in flag),
        }

    def content(self, name: str) -> bytes:
        """The copy of `go.mod` or `go.sum`; empty where there is none."""
        file = self.copy / name
        return file.read_bytes() if file.exists() else b""

    def restore(self, contents: dict[str, bytes]) -> None:
        """Put contents back, by name."""
        for name, data in contents.items():
            (self.copy / name).write_bytes(data)

    def required(self) -> frozenset[str] | None:
        """The modules that go.mod names, where those are all that a build can need (Go 1.17); else None."""
        return required_paths(self._host, str(self.copy / "go.mod"))

    async def run(self, *words: str) -> Ran:
        """`go WORDS` in the module, on the copy. Raises Absent without go, Unavailable for one too slow."""
        command, *rest = words
        argv = ("go", "-C", str(self._module), command, *rest)
        return await self._host.run(argv, limit=_LIMIT, environ=self._environ)

    @property
    def modfile(self) -> str:
        """The option that names the copy."""
        return f"-modfile={self.copy / 'go.mod'}"

    def _listed(self) -> str:
        """The option that names a copy of the copy, as it is now."""
        scratch = self.copy / "listed"
        scratch.mkdir(exist_ok=True)
        for name in ("go.mod", "go.sum"):
            (scratch / name).write_bytes(self.content(name))
        return f"-modfile={scratch / 'go.mod'}"

    async def modules(self) -> list[Built]:
        """The build list. Raises Unavailable with go's words where it cannot be had."""
        ran = await self.run("list", "-m", "-mod=mod", self._listed(), "-json", "all")
        if ran.status:
            raise Unavailable("go cannot list the modules of the build", where=said(ran), kind="bad-answer")
        return [Built(each) for each in _objects(ran.stdout)]

    async def versions(self, paths: Sequence[str]) -> dict[str, tuple[Version, ...]]:
        """The versions of modules that the proxies list and no author retracted; none where that failed."""
        if not paths:
            return {}
        ran = await self.run("list", "-m", "-e", "-mod=mod", self._listed(), "-versions", "-json", *paths)
        found: dict[str, tuple[Version, ...]] = {}
        for told in _objects(ran.stdout):
            listed = told.get("Versions")
            versions = listed if isinstance(listed, list) else []
            found[str(told.get("Path", ""))] = tuple(Version(str(each)) for each in versions)
        return found

    async def get(self, wanted: Sequence[str]) -> str:
        """`go get` of `path@version`s; what go said where it failed, empty where it did not."""
        ran = await self.run("get", self.modfile, *wanted)
        return said(ran) or f"exit status {ran.status}" if ran.status else ""


@contextmanager
def go_copy(host: Host, module: Path) -> Iterator[GoCopy]:
    """Copies of a module's files in a folder of their own, removed at the end. Raises Invalid,
    Unavailable.
    """
    go_mod = module / "go.mod"
    if not go_mod.is_file():
        raise Invalid(
            "there is no go.mod", where=str(module), next_step="Run it in a module's folder, or name one."
        )
    with tempfile.TemporaryDirectory(prefix="modgate-fix-") as folder:
        copy = Path(folder)
        try:
            (copy / "go.mod").write_bytes(go_mod.read_bytes())
            if (module / "go.sum").is_file():
                (copy / "go.sum").write_bytes((module / "go.sum").read_bytes())
        except OSError as error:
            raise Unavailable(f"it cannot be read: {error.strerror}", where=str(module)) from error
        yield GoCopy(host, module, copy)


def said(ran: Ran) -> str:
    """What go said in the end, without secrets and control characters."""
    lines = [line for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("go: downloading ")] or lines
    return "\n".join(safe(line) for line in telling[-_SHOWN:])


def _objects(text: str) -> Iterator[dict[str, object]]:
    decoder, at = json.JSONDecoder(), 0
    try:
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            item, at = decoder.raw_decode(text, at)
            if isinstance(item, dict):
                yield item
    except ValueError as error:
        raise Unavailable("what go list printed is not understood", kind="bad-answer") from error
