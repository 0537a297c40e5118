"""Which network extensions stand between this Mac's programs and the network?

A content filter or a transparent proxy sees every connection before it leaves. That one is active is a note;
that it refused connections within the last two minutes is the proof worth showing, where the log can be read
in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import system as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.answers import answer
from modgate.client.machine.host import System
from modgate.client.machine.macos import parse_extensions
from modgate.client.machine.macos_records import extension_events, parse_log
from modgate.client.machine.showing import safe
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

_LIST = ("systemextensionsctl", "list")
_LOG = (
    *("log", "show", "--last", "2m", "--style", "compact"),
    *("--predicate", 'subsystem == "com.apple.networkextension"'),
)
_LOG_LIMIT = 3.0
_MOST_EVENTS = 3


async def _run(scene: Scene) -> Result:
    printed = await answer(scene.host, _LIST)
    if printed is None:
        return Result(unknown=Message("desktop.command.failed", {"command": " ".join(_LIST)}))
    extensions = parse_extensions(printed)
    active = [found for found in extensions if found.filters_network]
    facts = [
        Message(
            "desktop.extension.seen",
            {"name": safe(found.name), "bundle": safe(found.bundle), "state": safe(found.state)},
        )
        for found in extensions
    ]
    if not active:
        return Result(facts=tuple(facts) or (Message("desktop.extension.none"),))
    logged = await answer(scene.host, _LOG, limit=_LOG_LIMIT)
    events = extension_events(parse_log(logged or ""))
    findings: list[Finding] = []
    for found in active:
        refused = [
            Evidence(raw=safe(f"{event.time} {event.process}: {event.detail}".strip()), source="log show")
            for event in events
            if event.kind == "refused" and event.process == found.bundle
        ]
        findings.append(
            Finding(
                causes.NETWORK_EXTENSION,
                {"name": safe(found.name), "bundle": safe(found.bundle)},
                impact=Impact.NOTE,
                confidence=0.9,
                evidence=(
                    Evidence(raw=safe(f"{found.bundle} [{found.state}]"), source=" ".join(_LIST)),
                    *refused[-_MOST_EVENTS:],
                ),
                subject=found.bundle,
            )
        )
    return Result(tuple(findings), tuple(facts))


CHECK = Check("macos-extensions", run=_run, network=False, groups=("SYS",), systems=frozenset({System.MACOS}))
