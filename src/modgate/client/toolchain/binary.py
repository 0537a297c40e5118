"""What a Go binary was built from, as `go version -m` reads it out of the file.

The lines: `FILE: go1.26.8`, then, after a tab, `path`, `mod`, `dep`, `=>` (stands for the `dep` above it) and
`build KEY=VALUE`. Source: runtime/debug.BuildInfo.String.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.machine.host import Host

__all__ = ["Binary", "BuiltModule", "parse_version_m", "read_binary"]


@dataclass(frozen=True, slots=True)
class BuiltModule:
    """A module in a binary. `h1` is empty for the main module and for a folder; `replaces` is the module that
    it stands for.
    """

    path: str
    version: str = ""
    h1: str = ""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Binary:
    """A binary: the Go it was built with, its package, its modules, its build settings."""

    file: str
    go: str
    package: str = ""
    main: BuiltModule | None = None
    modules: tuple[BuiltModule, ...] = ()
    settings: Mapping[str, str] | None = None


async def read_binary(host: Host, file: str) -> Binary:
    """Ask go about a binary. Raises Invalid where go says it is none, Absent without go, Unavailable."""
    ran = await host.run(
        ("go", "version", "-m", file), limit=30, environ={**host.environ, "GOTOOLCHAIN": "local"}
    )
    read = parse_version_m(file, ran.stdout)
    if ran.status or read is None:
        words = (ran.stderr or ran.stdout).strip().splitlines()
        raise Invalid(
            words[0] if words else f"{file} is no Go binary", next_step="Name a folder or a Go binary."
        )
    return read


def parse_version_m(file: str, text: str) -> Binary | None:
    """The output of `go version -m FILE`, None where it tells nothing of this file."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith(f"{file}: "):
        return None
    package, main = "", None
    modules: list[BuiltModule] = []
    settings: dict[str, str] = {}
    for line in lines[1:]:
        kind, *words = line.strip().split("\t")
        rest = [*words, "", "", ""]
        if kind == "path":
            package = rest[0]
        elif kind == "mod":
            main = BuiltModule(rest[0], rest[1], rest[2])
        elif kind == "dep":
            modules.append(BuiltModule(rest[0], rest[1], rest[2]))
        elif kind == "=>" and modules:
            before = modules[-1]
            modules[-1] = replace(
                before,
                path=rest[0],
                version=rest[1],
                h1=rest[2],
                replaces=f"{before.path} {before.version}".strip(),
            )
        elif kind == "build":
            key, _, value = rest[0].partition("=")
            settings[key] = value.strip('"')
    return Binary(file, lines[0].removeprefix(f"{file}: "), package, main, tuple(modules), settings)
