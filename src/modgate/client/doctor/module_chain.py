"""Each module through each entry of the chain, and past it: is it the chain or the module?

All entries are asked at once, because go's way through them (the verdict knows it) says only which answer
counts, not what the others would have been. The origin is asked where the chain has no answer of its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.causes import config, vcs
from modgate.client.doctor.asked import asked_modules, skips_proxy
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.failures import host_of
from modgate.client.doctor.module_answers import ask_entry, base_url, is_askable, newest_go_mod
from modgate.client.doctor.module_judge import judge_module, notices
from modgate.client.doctor.origin import ask_origin
from modgate.client.findings import Finding, Impact
from modgate.client.machine.goenv_edit import set_go_variable
from modgate.gomod.proxylist import EntryKind, redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.asked import Asked
    from modgate.client.doctor.module_answers import Answers
    from modgate.client.doctor.origin import Origin
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK", "served"]

_FORGES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "gitee.com", "codeberg.org"})
_NOT_THERE = frozenset({vcs.UNKNOWN_REVISION})
_REFUSED = frozenset({vcs.NO_CREDENTIALS, vcs.SSH_DENIED, vcs.REPOSITORY_MISSING, vcs.NO_SECURE_PROTOCOL})


async def _run(scene: Scene) -> Result:
    results = await asyncio.gather(*(_try(scene, module) for module in asked_modules(scene)))
    unknown = next((result.unknown for result in results if result.unknown), None)
    return Result(
        findings=tuple(finding for result in results for finding in result.findings),
        facts=tuple(fact for result in results for fact in result.facts),
        unknown=unknown,
        data={"modules": [result.data for result in results if result.data]},
    )


async def _try(scene: Scene, module: Asked) -> Result:
    if skips_proxy(scene.go, module.path):
        return Result(facts=(Message("module.fact.private", {"module": str(module)}),))
    bases = [base_url(entry) for entry in scene.chain if is_askable(entry)]
    answers = await asyncio.gather(*(ask_entry(scene.net, base, module) for base in bases))
    origin = await _origin(scene, module, answers)
    elsewhere = origin.repository if origin and origin.has else ""
    absent = origin is not None and origin.finding is not None and origin.finding.cause in _NOT_THERE
    findings = judge_module(module, answers, elsewhere=elsewhere, nowhere=absent)
    findings = _private(scene, module, answers, origin, findings)
    if origin is not None and origin.finding is not None and _reaches_direct(scene, answers):
        findings.append(origin.finding)
    source = next((answer.entry for answer in answers if answer.whole), None)
    if module.named and source is not None:
        newest = await newest_go_mod(scene.net, source, module)
        findings += notices(module, newest) if newest is not None else []
    facts = tuple(_fact(answer) for answer in answers)
    unknown = None
    if not module.named and not findings and not any(answer.whole for answer in answers) and answers:
        unknown = Message("module.unknown.stand-in", {"module": str(module)})
    return Result(tuple(findings), facts, unknown, _data(module, answers, origin))


async def _origin(scene: Scene, module: Asked, answers: list[Answers]) -> Origin | None:
    """The origin's answer where the chain leaves a question that it can settle."""
    if any(answer.whole for answer in answers) and not any(answer.absent for answer in answers):
        return None
    if not module.named and answers:
        return None
    return await ask_origin(scene, module)


def _reaches_direct(scene: Scene, answers: list[Answers]) -> bool:
    """Whether go would come to `direct` for this module: every entry before it proves absence or falls."""
    asked = iter(answers)
    for entry in scene.chain:
        if entry.kind is EntryKind.DIRECT:
            return True
        if entry.kind is EntryKind.OFF:
            return False
        answer = next(asked, None) if is_askable(entry) else None
        if answer is None or answer.whole or not (answer.absent or entry.falls_back_on_error):
            return False
    return False


def _private(
    scene: Scene, module: Asked, answers: list[Answers], origin: Origin | None, findings: list[Finding]
) -> list[Finding]:
    """Proved absent by every proxy, and its home asks for credentials or is at a private address."""
    if not module.named or not answers or not all(answer.absent for answer in answers) or origin is None:
        return findings
    closed = origin.finding is not None and origin.finding.cause in _REFUSED
    inside = origin.inside
    if not closed and not inside:
        return findings
    if not inside and origin.finding is not None and origin.finding.cause is vcs.REPOSITORY_MISSING:
        return findings
    pattern = _pattern(module.path)
    proofs = tuple(proof for finding in findings for proof in finding.evidence)
    old = scene.go["GOPRIVATE"]
    repair = set_go_variable(scene.host, scene.go, "GOPRIVATE", f"{old},{pattern}" if old else pattern)
    private = Finding(
        config.PRIVATE_MISSING,
        {"module": module.path, "pattern": pattern},
        Impact.BLOCKS,
        0.9 if inside else 0.75,
        (*origin.evidence, *proofs),
        module.path,
        repair,
    )
    return [private]


def _pattern(path: str) -> str:
    """What GOPRIVATE should get: the host where it is a company's own, the group at a public forge."""
    elements = path.split("/")
    return "/".join(elements[:2]) if elements[0] in _FORGES else elements[0]


def _fact(answer: Answers) -> Message:
    first = answer.first
    status = first.failure.kind.value if first.failure else str(first.status)
    zip_bytes = answer.zip.size if answer.zip else 0
    return Message(
        "module.fact.entry",
        {
            "host": host_of(answer.entry),
            "version": answer.version or "-",
            "status": status,
            "seconds": f"{first.seconds:.2f}",
            "bytes": zip_bytes,
        },
    )


def served(result: Result) -> frozenset[str]:
    """The entries (URLs without credentials) that gave every module of this check's result whole."""
    modules = result.data.get("modules")
    found: dict[str, bool] = {}
    for module in modules if isinstance(modules, list) else []:
        for entry in module["entries"]:
            found[entry["url"]] = found.get(entry["url"], True) and entry["whole"]
    return frozenset(url for url, whole in found.items() if whole)


def _data(module: Asked, answers: list[Answers], origin: Origin | None) -> dict[str, object]:
    return {
        "module": str(module),
        "entries": [
            {
                "url": redacted(answer.entry),
                "version": answer.version,
                "whole": answer.whole,
                "status": {
                    name: exchange.status if exchange is not None else None
                    for name, exchange in (("first", answer.first), ("mod", answer.mod), ("zip", answer.zip))
                },
                "seconds": round(answer.first.seconds, 3),
            }
            for answer in answers
        ],
        "origin": origin.repository if origin else None,
    }


CHECK = Check("module", run=_run, network=True, groups=("STAT", "HTTP", "BODY", "CNT", "CFG", "VCS"))
