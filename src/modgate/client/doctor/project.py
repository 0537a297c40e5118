"""The module that the shell stands in: go.mod found upwards from the folder, as go looks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable
from modgate.gomod.modfile import parse_lax

if TYPE_CHECKING:
    from pathlib import PurePath

    from modgate.client.machine.host import Host
    from modgate.gomod.modfile import GoMod

__all__ = ["Project", "find_project", "newer", "wanted_go"]

_LONGEST = 512 << 10


@dataclass(frozen=True, slots=True)
class Project:
    """A main module: its folder and go.mod; `workspace` where a go.work stands above it."""

    folder: PurePath
    mod: GoMod
    workspace: bool


def find_project(host: Host) -> Project | None:
    """The main module of the working folder; None where there is none or it cannot be read."""
    folder = None
    workspace = bool(host.environ.get("GOWORK")) and host.environ.get("GOWORK") != "off"
    try:
        for candidate in (host.cwd, *host.cwd.parents):
            if folder is None and host.status(candidate / "go.mod") is not None:
                folder = candidate
            workspace = workspace or host.status(candidate / "go.work") is not None
        data = host.read(folder / "go.mod") if folder is not None else None
        if folder is None or data is None:
            return None
        return Project(folder, _parsed(data), workspace)
    except (Unavailable, Invalid):
        return None


@lru_cache(maxsize=4)
def _parsed(data: bytes) -> GoMod:
    """Several checks ask for it. Raises Invalid, also for what is longer than a person's go.mod ever was."""
    if len(data) > _LONGEST:
        raise Invalid("this go.mod is too long to be looked at")
    return parse_lax(data)


def wanted_go(project: Project) -> str:
    """The newest Go that go.mod's go and toolchain lines ask for (`1.26.1`), empty for none."""
    named = [project.mod.go or "", (project.mod.toolchain or "").removeprefix("go")]
    return max((text for text in named if re.match(r"\d", text)), key=_key, default="")


def newer(one: str, other: str) -> bool:
    """Whether Go version `one` is newer than `other`; both as `1.26.1` or `1.27rc1`."""
    return _key(one) > _key(other)


def _key(version: str) -> tuple[int, int, int, int, int]:
    match = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:(beta|rc)(\d+))?", version)
    if match is None:
        return (0, 0, 0, 0, 0)
    # From 1.21 on `1.N` names the language, which is older than its first release candidate.
    kind = {"beta": 1, "rc": 2}.get(match[4] or "", 3 if match[3] else 0)
    return (int(match[1]), int(match[2] or 0), int(match[3] or 0), kind, int(match[5] or 0))
