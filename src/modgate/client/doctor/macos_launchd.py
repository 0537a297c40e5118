"""Does launchd give programs from the Dock other values than the terminal has?

`launchctl setenv` reaches programs that are started afterwards, until the next boot. A variable that only the
shell has is no fault: VS Code runs the login shell once when it starts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.causes import system as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.answers import answer
from modgate.client.machine.editor_values import PROXIES, WATCHED, terminal_value
from modgate.client.machine.host import System
from modgate.client.machine.showing import safe
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene


async def _run(scene: Scene) -> Result:
    names = [*WATCHED, *(form for forms in PROXIES.values() for form in forms[1:])]
    printed = await asyncio.gather(*(answer(scene.host, ("launchctl", "getenv", name)) for name in names))
    given = {name: text.rstrip("\n") for name, text in zip(names, printed, strict=True) if text}
    if all(text is None for text in printed):
        return Result(unknown=Message("desktop.command.failed", {"command": "launchctl getenv"}))
    findings: list[Finding] = []
    facts: list[Message] = []
    for name, value in given.items():
        upper = name.upper() if name.upper() in PROXIES else name
        ours = terminal_value(upper, scene.go, scene.host.environ)
        facts.append(Message("desktop.launchd.sets", {"variable": name, "value": safe(value)}))
        if not value or value == ours:
            continue
        findings.append(
            Finding(
                causes.LAUNCHD_DIFFERS,
                {
                    "variable": name,
                    "launchd": safe(value),
                    "terminal": safe(ours) or Message("desktop.unset"),
                },
                impact=Impact.DEGRADES,
                confidence=0.8,
                evidence=(Evidence(raw=safe(value), source=f"launchctl getenv {name}"),),
                subject=upper,
            )
        )
    return Result(tuple(findings), tuple(facts) or (Message("desktop.launchd.nothing"),))


CHECK = Check("macos-launchd", run=_run, network=False, groups=("SYS",), systems=frozenset({System.MACOS}))
