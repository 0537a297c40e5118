"""GOFLAGS: words that go accepts as flags, and no -mod=vendor that nobody remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.go_setting import lint_variable
from modgate.client.machine.showing import safe
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK"]


async def _run(scene: Scene) -> Result:
    name = "GOFLAGS"
    values = {"name": name, "value": safe(scene.go[name]), "source": scene.go.source(name)}
    facts = (Message("settings.is", values),) if scene.go[name] else ()
    return Result(findings=lint_variable(scene, name), facts=facts)


CHECK = Check("goflags", run=_run, network=False, groups=("CFG",))
