"""Which Go toolchain would run here, and whether it would have to be downloaded first.

GOTOOLCHAIN is a name, `auto`, `path`, `local`, or a name with `+auto` or `+path`; with auto and path the
`toolchain` line counts where it is not older than the toolchain so far, then the `go` line where it is newer;
in a workspace those of go.work stand for those of go.mod. `toolchain default` forbids to switch. A toolchain
is the zip of the module golang.org/toolchain, version v0.0.1-NAME.OS-ARCH.
Source: cmd/go/internal/toolchain/select.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from modgate.client.doctor.toolchain import go_order

__all__ = ["Lines", "Selection", "select_toolchain"]


@dataclass(frozen=True, slots=True)
class Lines:
    """The go and toolchain lines of the file that decides; empty where it has none."""

    file: str = ""
    go: str = ""
    toolchain: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The toolchain that would run.

    Attributes:
        name: `go1.26.8`.
        why: `installed`, `GOTOOLCHAIN`, `toolchain` or `go` (the line that asks for it).
        download: The version of golang.org/toolchain that it is, empty for the installed one.
        forbidden: The go line asks for a newer one and switching is forbidden: go fails.
    """

    name: str
    why: str
    download: str = ""
    forbidden: bool = False


def select_toolchain(setting: str, local: str, lines: Lines, platform: str) -> Selection:
    """The choice of a go `local` (`go1.26.8`); `platform` is `linux-amd64`."""
    name, _, suffix = (setting or "auto").partition("+")
    mode = name if name in {"auto", "path"} else suffix
    best, why = local, "installed"
    if name not in {"auto", "path", "local"} and go_order(name) is not None:
        best, why = name, "GOTOOLCHAIN"
    if mode not in {"auto", "path"} or lines.toolchain == "default":
        # The toolchain line is advice: without switching only a newer go line is a refusal.
        refused = bool(lines.go) and _compare(lines.go, best) > 0
        return Selection(best, why, _download(best, local, platform), forbidden=refused)
    wanted, reason = best, why
    if lines.toolchain and _compare(lines.toolchain, wanted) > 0:
        wanted, reason = lines.toolchain, "toolchain"
    if lines.go and _compare(lines.go, wanted) > 0:
        wanted, reason = f"go{_with_patch(lines.go)}", "go"
    return Selection(wanted, reason, _download(wanted, local, platform) if mode == "auto" else "")


def _download(name: str, local: str, platform: str) -> str:
    return "" if name == local else f"v0.0.1-{name}.{platform}"


def _compare(one: str, other: str) -> int:
    here, there = go_order(one), go_order(other)
    if here is None or there is None:
        return 0
    return (here > there) - (here < there)


def _with_patch(version: str) -> str:
    """Since 1.21 the first release of a language version ends in .0."""
    parts = version.split(".")
    return f"{version}.0" if len(parts) == 2 and parts[1].isdigit() and int(parts[1]) >= 21 else version
