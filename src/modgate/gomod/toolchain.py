"""Go toolchains as modules: `golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64`.

A go command that is older than the `go` or `toolchain` line of a go.mod downloads the one it names, as the
zip of such a version. Releases from 1.21 on are called by all three numbers: there is no go1.21.
Sources: golang.org/doc/toolchain, cmd/go/internal/toolchain/select.go, cmd/dist/build.go.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, cast

from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.texts import shown
from modgate.gomod.types import ModulePath, ModuleVersion

if TYPE_CHECKING:
    from modgate.gomod.types import Version

__all__ = ["TOOLCHAIN", "check_platform", "check_toolchain", "toolchain_version"]

TOOLCHAIN: Final = ModulePath("golang.org/toolchain")

PLATFORMS: Final = frozenset(
    f"{system}/{architecture}"
    for system, architectures in {
        "aix": "ppc64",
        "darwin": "amd64 arm64",
        "dragonfly": "amd64",
        "freebsd": "386 amd64 arm arm64 riscv64",
        "illumos": "amd64",
        "linux": "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
        "netbsd": "386 amd64 arm arm64",
        "openbsd": "386 amd64 arm arm64 ppc64 riscv64",
        "plan9": "386 amd64 arm",
        "solaris": "amd64",
        "windows": "386 amd64 arm arm64",
    }.items()
    for architecture in architectures.split()
)
"""Where toolchains run. Of a single release some may be missing."""

_NAME = re.compile(r"go(1\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))?((?:rc|beta)[1-9][0-9]*)?")


def check_toolchain(name: str) -> str:
    """A toolchain's name, `go1.26.8`; the `go` may be missing. Raises Invalid."""
    full = name if name.startswith("go") else f"go{name}"
    match = _NAME.fullmatch(full)
    if match is None or (match[3] and match[5]):
        raise Invalid(f"{shown(name)} is no Go toolchain", next_step="Write it as go1.26.8 or go1.27rc1.")
    if semver.compare(f"v{match[1]}.0", "v1.21.0") >= 0 and not match[3] and not match[5]:
        raise Invalid(
            f"there is no toolchain {full}: from 1.21 on releases have three numbers",
            next_step=f"The first of them is {full}.0.",
        )
    return full


def check_platform(platform: str) -> str:
    """A platform, `linux/amd64`. Raises Invalid, which names the nearest."""
    if platform not in PLATFORMS:
        near = get_close_matches(platform.replace("-", "/"), sorted(PLATFORMS), n=1)
        hint = f"Did you mean {near[0]}?" if near else "`go tool dist list` names them."
        raise Invalid(f"Go has no toolchain for {shown(platform)}", next_step=hint)
    return platform


def toolchain_version(name: str, platform: str) -> ModuleVersion:
    """The module version that a toolchain is on a platform. Raises Invalid."""
    full, where = check_toolchain(name), check_platform(platform)
    return ModuleVersion(TOOLCHAIN, cast("Version", f"v0.0.1-{full}.{where.replace('/', '-')}"))
