"""Which modules the checks try, and whether go would ask a proxy and the database for them.

What the person named; else a requirement of the go.mod that they stand in, because a module that matters to
them proves more than any other; else `rsc.io/quote`, which is small, old and on every mirror. What was not
named by a person stands in: that nobody has it is no fault of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import ModgateError
from modgate.gomod import semver
from modgate.gomod.modfile import parse_lax
from modgate.gomod.module import canonical_version, check
from modgate.gomod.patterns import match_prefix_patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.gomod.modfile import GoMod

__all__ = ["STAND_IN", "Asked", "asked_modules", "main_module", "nearest", "skips_database", "skips_proxy"]

STAND_IN = "rsc.io/quote@v1.5.2"
_MOST_FOLDERS = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """A module to try. `version` is canonical, or a query, or empty for the newest; `named` by the person."""

    path: str
    version: str = ""
    named: bool = True

    @property
    def canonical(self) -> bool:
        """Whether the version is one, and not a query for one."""
        return bool(self.version) and canonical_version(self.version) == self.version

    def __str__(self) -> str:
        return f"{self.path}@{self.version}" if self.version else self.path


def asked_modules(scene: Scene) -> tuple[Asked, ...]:
    """The modules to try in this scene, never none."""
    if scene.modules:
        return tuple(_named(text) for text in scene.modules)
    return (next(_required(scene), _named(STAND_IN, named=False)),)


def skips_proxy(go: GoSettings, path: str) -> bool:
    """Whether go fetches the module from its origin, past every proxy."""
    return match_prefix_patterns(go["GONOPROXY"] or go["GOPRIVATE"], path)


def skips_database(go: GoSettings, path: str) -> bool:
    """Whether go does not ask the checksum database for it."""
    return match_prefix_patterns(go["GONOSUMDB"] or go["GOPRIVATE"], path)


def nearest(host: Host, name: str) -> str:
    """The path of the file of that name in the folder of the shell or the nearest one above; else empty."""
    folder = host.cwd
    for _ in range(_MOST_FOLDERS):
        try:
            found = host.status(folder / name)
        except ModgateError:
            found = None
        if found is not None and not found.folder:
            return str(folder / name)
        if folder.parent == folder:
            break
        folder = folder.parent
    return ""


def main_module(host: Host) -> GoMod | None:
    """The go.mod that the shell stands in, None where there is none that can be read."""
    path = nearest(host, "go.mod")
    try:
        content = host.read(host.path(path)) if path else None
        return parse_lax(content) if content is not None else None
    except ModgateError:
        return None


def _named(text: str, *, named: bool = True) -> Asked:
    path, _, version = text.partition("@")
    return Asked(path, "" if version == "latest" else version, named)


def _required(scene: Scene) -> Iterator[Asked]:
    """Public requirements, direct ones first; what is replaced is not downloaded under its name."""
    found = main_module(scene.host)
    if found is None:
        return
    replaced = {item.old_path for item in found.replace}
    for require in sorted(found.require, key=lambda item: item.indirect):
        try:
            check(require.path, require.version)
        except ModgateError:
            continue
        if require.path not in replaced and not skips_proxy(scene.go, require.path):
            if semver.prerelease(require.version):
                continue
            yield Asked(require.path, require.version, named=False)
