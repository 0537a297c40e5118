"""Do go's folders lie where macOS lets nobody write?

The flag `restricted` on a folder is System Integrity Protection. /usr/local and the home folder are exempt,
so there is always another place: switching the protection off is never a repair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import system as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.answers import answer
from modgate.client.machine.editor_values import short
from modgate.client.machine.host import System
from modgate.client.machine.macos import parse_csrutil, parse_file_flags
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

_WRITTEN = ("GOMODCACHE", "GOCACHE", "GOBIN", "GOPATH")


async def _run(scene: Scene) -> Result:
    status = await answer(scene.host, ("csrutil", "status"))
    enabled = parse_csrutil(status or "")
    key = {True: "on", False: "off", None: "unknown"}[enabled]
    facts = [Message(f"desktop.sip.{key}")]
    findings: list[Finding] = []
    for name in _WRITTEN:
        folder = scene.go[name].split(":", 1)[0]
        printed = await answer(scene.host, ("ls", "-lOd", folder)) if folder else None
        if printed is None or "restricted" not in parse_file_flags(printed):
            continue
        findings.append(
            Finding(
                causes.SIP_PATH,
                {"path": short(scene.host, folder)},
                impact=Impact.DEGRADES,
                evidence=(Evidence(raw=printed.strip(), source=f"ls -lOd {folder}"),),
                subject=name,
            )
        )
    return Result(tuple(findings), tuple(facts))


CHECK = Check("macos-sip", run=_run, network=False, groups=("SYS",), systems=frozenset({System.MACOS}))
