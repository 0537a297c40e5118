"""Containers: a resolver that leads nowhere, proxies at 127.0.0.1 of somebody else, an image's own Go.

A missing CA store shows in the check of certificate files. Docker's embedded resolver (127.0.0.11) and a
program that really listens inside are fine and give nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import system
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.inside import loopback_proxies, lost_resolver
from modgate.client.doctor.project import find_project, newer, wanted_go
from modgate.client.findings import Finding, Impact
from modgate.client.machine.host import System
from modgate.client.machine.linuxnet import in_container, is_wsl
from modgate.client.machine.settings import Layer
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK"]


async def _run(scene: Scene) -> Result:
    sign = in_container(scene.host)
    if not sign:
        return Result()
    findings = [*lost_resolver(scene)]
    if not is_wsl(scene.host):
        findings.extend(loopback_proxies(scene))
    findings.extend(_image_toolchain(scene))
    facts = (Message("settings.container", {"sign": sign}),)
    return Result(findings=tuple(findings), facts=facts)


def _image_toolchain(scene: Scene) -> tuple[Finding, ...]:
    """Told only where it matters: the module here asks for a newer Go than the image has."""
    setting = scene.go.settings.get("GOTOOLCHAIN")
    project = find_project(scene.host)
    actual = scene.go.version.removeprefix("go")
    if setting is None or project is None or setting.value.layer is not Layer.GOROOT:
        return ()
    if setting.value.text != "local" or not newer(wanted_go(project), actual):
        return ()
    return (Finding(system.LOCAL_TOOLCHAIN_IMAGE, impact=Impact.NOTE, subject="GOTOOLCHAIN"),)


CHECK = Check("container", run=_run, network=False, groups=("SYS",), systems=frozenset({System.LINUX}))
