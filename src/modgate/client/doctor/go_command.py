"""The go command: is it there, does it answer, and is it the only one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.host import System
from modgate.client.machine.showing import safe
from modgate.client.repair.plan import Repair
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from pathlib import PurePath

    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK"]

_USUAL = ("/usr/local/go/bin", "/opt/homebrew/bin", "/usr/lib/go/bin", "/snap/bin", "/opt/go/bin")


async def _run(scene: Scene) -> Result:
    if scene.host.which("go") is None:
        return Result(findings=(Finding(config.NO_GO, subject="go", repair=_installed(scene)),))
    findings: list[Finding] = []
    if scene.go.failure:
        text = safe(scene.go.failure)
        values = {"command": "go env", "text": text}
        findings.append(
            Finding(
                config.GO_BROKEN,
                values,
                # A check that knows which variable is at fault says more.
                confidence=0.9,
                evidence=(Evidence(raw=text, source="go env"),),
                subject="go",
            )
        )
    found = _on_path(scene)
    if len(found) > 1:
        values = {"first": str(found[0]), "others": ", ".join(str(path) for path in found[1:])}
        findings.append(Finding(config.SEVERAL_GO, values, impact=Impact.NOTE, subject="go"))
    values = {"version": scene.go.version or "?", "goroot": scene.go.goroot or "?"}
    return Result(findings=tuple(findings), facts=(Message("settings.go", values),))


def _installed(scene: Scene) -> Repair | None:
    """A go that is installed where installers put it, and only missing on PATH."""
    for folder in (*_USUAL, f"{scene.host.home}/sdk/go/bin", f"{scene.host.home}/go/bin"):
        try:
            there = scene.host.status(scene.host.path(folder) / "go")
        except Unavailable:
            continue
        if there is not None and not there.folder:
            return Repair(commands=(f'export PATH="$PATH:{folder}"',))
    return None


def _on_path(scene: Scene) -> list[PurePath]:
    """The go commands in the order of PATH; links to one and the same file count once."""
    windows = scene.host.system is System.WINDOWS
    seen: set[tuple[int, float]] = set()
    found: list[PurePath] = []
    for folder in scene.host.environ.get("PATH", "").split(";" if windows else ":"):
        if not folder:
            continue
        path = scene.host.path(folder) / ("go.exe" if windows else "go")
        try:
            status = scene.host.status(path)
        except Unavailable:
            continue
        if status is None or status.folder or not (windows or status.mode & 0o111 or not status.modified):
            continue
        if (status.size, status.modified) not in seen:
            seen.add((status.size, status.modified))
            found.append(path)
    return found


CHECK = Check("go-command", run=_run, network=False, groups=("CFG",))
