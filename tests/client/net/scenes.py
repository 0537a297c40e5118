"""A scene with a chain, and the findings of some checks in it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from modgate.client.doctor import (
    clock,
    connect,
    dns,
    http_proxy,
    interception,
    throttling,
    tls,
    waterfall,
)
from modgate.client.doctor.scene import Scene
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.settings import GoSettings
from modgate.gomod.proxylist import parse_proxy_list
from modgate.messages import Catalogue, Language

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.doctor.check import Check, Result
    from modgate.client.findings import Finding
    from modgate.client.net.prober import Prober

CHECKS = tuple(
    module.CHECK for module in (dns, connect, http_proxy, tls, interception, clock, waterfall, throttling)
)


def scene(
    net: Prober,
    chain: str,
    *,
    sumdb: tuple[str, str] | None = None,
    resolvers: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    modules: tuple[str, ...] = (),
    now: float | None = None,
) -> Scene:
    return Scene(
        host=RecordedHost(environ=environ, files=dict(files or {})),
        go=GoSettings(),
        net=net,
        clock=time.time if now is None else lambda: now,
        chain=parse_proxy_list(chain),
        modules=modules,
        resolvers=resolvers,
        sumdb=sumdb,
    )


async def run(check: Check, scene: Scene) -> Result:
    result = await check.run(scene)
    _can_be_said(result)
    return result


async def findings(scene: Scene) -> list[Finding]:
    """What all checks of the network find, every text of it said in both languages once."""
    results = await asyncio.gather(*(run(check, scene) for check in CHECKS))
    return [finding for result in results for finding in result.findings]


async def ids(scene: Scene) -> list[str]:
    return sorted({finding.cause.id for finding in await findings(scene)})


def _can_be_said(result: Result) -> None:
    for language in Language:
        say = Catalogue(language).say
        for fact in result.facts:
            say(fact)
        for finding in result.findings:
            for name in ("title", "text", "fix"):
                say(finding.message(name))
            for proof in finding.evidence:
                if proof.what is not None:
                    say(proof.what)
