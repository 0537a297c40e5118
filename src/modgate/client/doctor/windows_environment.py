"""Do programs started from the desktop of Windows have the variables that this terminal has?

They get those of the registry. A terminal that was open before a change, or a profile that sets a variable,
has others. Without an editor of the VS Code family here, that is a fact and no finding.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.causes import editor as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.answers import answer
from modgate.client.machine.editor_values import WATCHED, terminal_value, without_shell
from modgate.client.machine.editors import read_editors
from modgate.client.machine.host import System
from modgate.client.machine.showing import safe
from modgate.client.machine.windows import (
    MACHINE_VARIABLES,
    USER_VARIABLES,
    desktop_variables,
    parse_registry,
)
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene


async def _run(scene: Scene) -> Result:
    host = scene.host
    user, machine = await asyncio.gather(
        answer(host, ("reg", "query", USER_VARIABLES)), answer(host, ("reg", "query", MACHINE_VARIABLES))
    )
    if user is None:
        return Result(unknown=Message("desktop.command.failed", {"command": f"reg query {USER_VARIABLES}"}))
    desktop = desktop_variables(parse_registry(machine or ""), parse_registry(user), host.environ)
    findings: list[Finding] = []
    facts: list[Message] = []
    for name in WATCHED:
        raw = desktop.get(name, "")
        theirs = raw or without_shell(name, scene.go)
        ours = terminal_value(name, scene.go, host.environ)
        if theirs == ours:
            continue
        values: dict[str, str | Message] = {
            "variable": name,
            "gui": safe(theirs) or Message("desktop.unset"),
            "terminal": safe(ours) or Message("desktop.unset"),
        }
        facts.append(Message("desktop.environment.differs", values))
        findings.append(
            Finding(
                causes.GUI_ENVIRONMENT,
                values,
                impact=Impact.DEGRADES,
                confidence=0.7,
                evidence=(Evidence(raw=f"{name}={safe(raw)}", source=USER_VARIABLES),),
                subject=name,
            )
        )
    if not read_editors(host):
        return Result(facts=tuple(facts) or (Message("desktop.environment.same"),))
    return Result(tuple(findings), tuple(facts) or (Message("desktop.environment.same"),))


CHECK = Check(
    "windows-environment", run=_run, network=False, groups=("VSC",), systems=frozenset({System.WINDOWS})
)
