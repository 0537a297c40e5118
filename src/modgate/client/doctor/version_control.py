"""Private modules come from their repositories: is git there, and does it get in without asking?

Only where it matters: modules that GOPRIVATE or GONOPROXY sends past the proxies, or a chain that has
nothing but `direct`. That git is not installed is no fault of a machine that never needs it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.causes import vcs
from modgate.client.doctor.asked import Asked, asked_modules, main_module, skips_proxy
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.origin import ask_origin
from modgate.client.findings import Evidence, Finding, Impact, Severity
from modgate.client.machine.host import System
from modgate.errors import ModgateError
from modgate.gomod.proxylist import EntryKind
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.host import Host

__all__ = ["CHECK"]

_MOST = 4


async def _run(scene: Scene) -> Result:
    modules = _private_modules(scene)
    only_direct = bool(scene.chain) and scene.chain[0].kind is EntryKind.DIRECT
    if not modules and not only_direct:
        return Result(facts=(Message("module.fact.no_vcs"),))
    findings: list[Finding] = []
    facts: list[Message] = []
    if scene.host.which("git") is None:
        findings.append(Finding(vcs.PROGRAM_MISSING, {"program": "git"}, subject="git"))
        return Result(tuple(findings))
    if only_direct:
        modules += [module for module in asked_modules(scene) if module not in modules]
    origins = await asyncio.gather(
        *(ask_origin(scene, module, subject=f"origin:{module.path}") for module in modules[:_MOST])
    )
    for module, origin in zip(modules, origins, strict=False):
        if origin.finding is not None:
            findings.append(origin.finding)
        elif origin.repository:
            facts.append(
                Message("module.fact.origin", {"module": str(module), "repository": origin.repository})
            )
    findings += _netrc(scene.host)
    return Result(tuple(findings), tuple(facts))


def _private_modules(scene: Scene) -> list[Asked]:
    asked = [module for module in asked_modules(scene) if module.named and skips_proxy(scene.go, module.path)]
    if asked:
        return asked
    if scene.modules:
        return []
    main = main_module(scene.host)
    required = main.require if main is not None else ()
    return [Asked(item.path, item.version) for item in required if skips_proxy(scene.go, item.path)]


def _netrc(host: Host) -> list[Finding]:
    """A netrc that cannot be read; that others may read it harms no
    download. Source: cmd/go/internal/auth/netrc.go for where it is.
    """
    named = host.environ.get("NETRC")
    name = "_netrc" if host.system is System.WINDOWS else ".netrc"
    path = host.path(named) if named else host.home / name
    try:
        found = host.status(path)
        if found is not None:
            host.read(path)
    except ModgateError as error:
        values: dict[str, str | Message] = {"path": str(path), "why": error.what}
        return [Finding(vcs.NETRC_BROKEN, values, Impact.DEGRADES, 1.0, subject=str(path))]
    if found is None or host.system is System.WINDOWS or not found.mode & 0o077:
        return []
    values = {"path": str(path), "why": Message("module.netrc.readable", {"mode": f"{found.mode & 0o777:o}"})}
    proof = (Evidence(raw=f"mode {found.mode & 0o777:04o}", source=str(path)),)
    return [Finding(vcs.NETRC_BROKEN, values, Impact.NOTE, 1.0, proof, str(path), severity=Severity.NOTE)]


CHECK = Check("version-control", run=_run, network=True, groups=("VCS",))
