"""vendor/modules.txt against go.mod, where this folder's module has a vendor folder.

From `go 1.14` on go builds from vendor/ by itself and refuses where the two differ: every requirement has to
stand there as explicit with its version, and nothing explicit may be without a requirement. Source:
cmd/go/internal/modload/vendor.go (checkVendorConsistency).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.project import find_project, newer
from modgate.client.findings import Evidence, Finding
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.project import Project
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK", "vendor_differences"]


async def _run(scene: Scene) -> Result:
    project = find_project(scene.host)
    if project is None or project.workspace or newer("1.14.0", f"{project.mod.go or '1.11'}.0"):
        return Result()
    if re.search(r"-mod=(?:mod|readonly)", scene.go["GOFLAGS"]):
        return Result()
    file = project.folder / "vendor" / "modules.txt"
    try:
        data = scene.host.read(file)
    except Unavailable as error:
        return Result(unknown=Message("settings.unreadable", {"path": str(file), "why": error.what}))
    if data is None:
        return Result()
    differences = vendor_differences(project, data.decode(errors="replace"))
    if not differences:
        return Result(facts=(Message("settings.vendored", {"path": str(file)}),))
    proofs = tuple(Evidence(raw=line, source=str(file)) for line in differences[:5])
    values = {"path": str(project.folder)}
    found = Finding(config.INCONSISTENT_VENDORING, values, evidence=proofs, subject=str(file))
    return Result(findings=(found,))


def vendor_differences(project: Project, text: str) -> tuple[str, ...]:
    """What go.mod asks for and modules.txt does not have, and the other way round: one line each."""
    listed: dict[str, str] = {}
    explicit: set[str] = set()
    current = ""
    for line in text.splitlines():
        match = re.match(r"# (\S+) (v\S+)", line)
        if match:
            current = match[1]
            listed[current] = match[2]
        elif line.startswith("## ") and re.search(r"\bexplicit\b", line) and current:
            explicit.add(current)
        elif line.startswith("# "):
            current = ""
    wanted = {require.path: require.version for require in project.mod.require}
    found = [
        f"go.mod: {path} {version}, vendor/modules.txt: {listed.get(path, '—')}"
        for path, version in wanted.items()
        if path not in explicit or listed.get(path) != version
    ]
    found += [f"vendor/modules.txt: {path} ## explicit; go.mod: —" for path in sorted(explicit - set(wanted))]
    return tuple(found)


CHECK = Check("vendoring", run=_run, network=False, groups=("CFG",))
