"""GOFLAGS: words that go accepts as flags, and no -mod=vendor that nobody remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.go_setting import fact_of, lint_variable

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK"]


async def _run(scene: Scene) -> Result:
    return Result(findings=lint_variable(scene, "GOFLAGS"), facts=fact_of(scene, "GOFLAGS"))


CHECK = Check("goflags", run=_run, network=False, groups=("CFG",))
