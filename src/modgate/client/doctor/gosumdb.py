"""GOSUMDB: a name whose key go knows, or a key, and not `off`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.go_setting import fact_of, lint_variable

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK"]


async def _run(scene: Scene) -> Result:
    return Result(findings=lint_variable(scene, "GOSUMDB"), facts=fact_of(scene, "GOSUMDB"))


CHECK = Check("gosumdb", run=_run, network=False, groups=("CFG",))
