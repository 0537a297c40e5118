"""GOTOOLCHAIN: a word or version go knows, and a toolchain that can build the module of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import toolchain
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.go_setting import fact_of, lint_variable
from modgate.client.doctor.project import find_project, newer, wanted_go
from modgate.client.findings import Evidence, Finding, Impact

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK"]


async def _run(scene: Scene) -> Result:
    name = "GOTOOLCHAIN"
    return Result(findings=(*lint_variable(scene, name), *_project(scene)), facts=fact_of(scene, name))


def _project(scene: Scene) -> tuple[Finding, ...]:
    project = find_project(scene.host)
    actual = scene.go.version.removeprefix("go").partition(" ")[0]
    if project is None or not actual:
        return ()
    needed = wanted_go(project)
    if not needed or not newer(needed, actual):
        return ()
    file = str(project.folder / "go.mod")
    proof = (Evidence(raw=f"go {needed}", source=file), Evidence(raw=scene.go.version, source="go version"))
    # The toolchain line is advice: a local go only has to satisfy the go line.
    required = newer(project.mod.go or "0", actual)
    if scene.go["GOTOOLCHAIN"].startswith("local") and "+" not in scene.go["GOTOOLCHAIN"] and required:
        values = {"needed": needed, "actual": actual}
        return (Finding(toolchain.TOO_OLD, values, evidence=proof, subject=file),)
    if scene.go["GOSUMDB"] == "off" and scene.go["GOTOOLCHAIN"].endswith("auto"):
        return (
            Finding(
                toolchain.UNVERIFIABLE,
                {"version": f"go{needed}"},
                impact=Impact.BLOCKS,
                evidence=proof,
                subject=file,
            ),
        )
    return ()


CHECK = Check("gotoolchain", run=_run, network=False, groups=("CFG", "TC"))
