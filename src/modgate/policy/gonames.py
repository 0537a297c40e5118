"""Releases of Go as versions: advisories of `stdlib` and `toolchain` are about them, written as SemVer.

`go1.22.3` is 1.22.3, `go1.22` is 1.22.0, `go1.22rc1` is 1.22.0-rc.1, before 1.22.0. A toolchain that travels
as a module is called `v0.0.1-go1.22.3.linux-amd64`, which as a version says nothing of its order.
Source: golang.org/x/vuln/internal/semver (GoTagToSemver), golang.org/doc/toolchain.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from modgate.gomod import semver
from modgate.gomod.toolchain import TOOLCHAIN

__all__ = ["GO_MODULES", "Release", "go_name", "release", "release_of"]

GO_MODULES = ("stdlib", "toolchain")
"""The names under which advisories speak of Go itself."""

_NAME = re.compile(r"(?:go)?([0-9]+\.[0-9]+)(\.[0-9]+)?(?:-?(beta|rc|pre)\.?([0-9]+))?", re.ASCII)
_MODULE = re.compile(r"(v0\.0\.1-)(go[^.]+\.[^-]+?)(\.[a-z0-9]+-[a-z0-9]+)", re.ASCII)
_GO_ORDER = re.compile(r"-(beta|rc|pre)\.([0-9]+)", re.ASCII)


class Release(NamedTuple):
    """A release of Go.

    Attributes:
        semver: As a version with `v`.
        before: What stands before its name in the form that was asked (`v0.0.1-` of a toolchain's module).
        after: What stands behind it (`.linux-amd64`).
        named: Whether it was asked by Go's name (`go1.22.3`), not as a version.
    """

    semver: str
    before: str = ""
    after: str = ""
    named: bool = False

    def like(self, version: str) -> str:
        """Another release (a version with `v`) in the form in which this one was asked."""
        return f"{self.before}{go_name(version)}{self.after}" if self.named else version


def release(version: str) -> Release | None:
    """The release that a text names: `go1.22.3`, `1.22.3`, `v1.22.3`, or the version of a toolchain's module.

    None for any other text.
    """
    module = _MODULE.fullmatch(version)
    if module is not None:
        read = _semver(module[2])
        return None if read is None else Release(read, module[1], module[3], named=True)
    if version.startswith("v"):
        return Release(version) if semver.is_valid(version) else None
    read = _semver(version)
    return None if read is None else Release(read, named=version.startswith("go"))


def release_of(path: str, version: str) -> Release | None:
    """The release that a version of `stdlib`, `toolchain` or the toolchain's module names; None for another
    text, and for every other module.
    """
    if path in GO_MODULES:
        return release(version)
    found = release(version) if path == TOOLCHAIN else None
    return found if found is not None and found.before else None


def _semver(name: str) -> str | None:
    if name == "go1":
        return "v1.0.0"
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    version = f"v{match[1]}{match[2] or '.0'}"
    if match[3]:
        version += f"-{match[3]}.{match[4]}"
    return version if semver.is_valid(version) else None


def go_name(version: str) -> str:
    """Go's name of a release given as a version with `v`: `go1.22.3`, `go1.20`, `go1.22rc1`.

    From 1.21 on the first release of a line is called with its `.0`, before without; a pre-release always
    without.
    """
    full = semver.canonical(version)
    if full == "v1.0.0":
        return "go1"
    pre = semver.prerelease(full)
    number = full.removesuffix(pre)[1:]
    if number.endswith(".0") and (pre or semver.compare(full, "v1.21.0") < 0):
        number = number.removesuffix(".0")
    return "go" + number + _GO_ORDER.sub(r"\1\2", pre)
