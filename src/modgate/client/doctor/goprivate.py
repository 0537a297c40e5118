"""GOPRIVATE, GONOPROXY, GONOSUMDB, GOINSECURE: patterns that match what somebody meant.

GOINSECURE is looked at against the proxies too: people set it for a proxy with a certificate of its own,
where it has no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.client.causes import config
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.go_setting import fact_of, lint_variable
from modgate.client.findings import Finding, Impact
from modgate.client.machine.lint import PATTERN_VARIABLES
from modgate.client.machine.showing import safe
from modgate.gomod.patterns import match_prefix_patterns

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.messages import Message

__all__ = ["CHECK"]


async def _run(scene: Scene) -> Result:
    findings: list[Finding] = []
    facts: list[Message] = []
    for name in PATTERN_VARIABLES:
        facts.extend(fact_of(scene, name))
        findings.extend(lint_variable(scene, name))
    insecure = scene.go["GOINSECURE"]
    hosts = {urlsplit(entry.url).netloc.rpartition("@")[2] for entry in scene.chain if entry.url}
    if insecure and any(match_prefix_patterns(insecure, host) for host in hosts if host):
        findings.append(
            Finding(
                config.INSECURE_NO_HELP,
                {"value": safe(insecure)},
                impact=Impact.NOTE,
                subject="GOINSECURE",
            )
        )
    return Result(findings=tuple(findings), facts=tuple(facts))


CHECK = Check("goprivate", run=_run, network=False, groups=("CFG",))
