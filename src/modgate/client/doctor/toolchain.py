"""Toolchains: is another go wanted here than the installed one, and can it be had?

A toolchain is a module, `golang.org/toolchain@v0.0.1-goX.Y.Z.OS-ARCH`, of which go fetches the zip alone and
which it always verifies. That a mirror does not carry toolchains harms nobody who needs none, so it is told
as a fact then, and as a fault only where go would ask for one.

Sources: go.dev/doc/toolchain; cmd/go/internal/toolchain/{select,exec}.go.
"""

from __future__ import annotations

import asyncio
import platform
import re
from typing import TYPE_CHECKING

from modgate.client.causes import toolchain
from modgate.client.doctor.asked import main_module
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.failures import host_of, said
from modgate.client.doctor.module_answers import base_url, is_askable
from modgate.client.findings import Evidence, Finding, Impact
from modgate.gomod.proxylist import redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.net.facts import Exchange

__all__ = ["CHECK", "go_order", "wanted_toolchain"]

_VERSION = re.compile(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?(?:(beta|rc)(\d+))?")
_SOME = "go1.24.0"
_ARCHES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "AMD64": "amd64"}


async def _run(scene: Scene) -> Result:
    wanted, forbidden = wanted_toolchain(scene)
    if wanted and forbidden:
        needed = wanted.removeprefix("go")
        values = {"needed": needed, "actual": scene.go.version.removeprefix("go")}
        proof = Evidence(raw=f"GOTOOLCHAIN={scene.go['GOTOOLCHAIN']}", source=scene.go.source("GOTOOLCHAIN"))
        return Result((Finding(toolchain.TOO_OLD, values, evidence=(proof,), subject="go.mod"),))
    if wanted and scene.go["GOSUMDB"] == "off":
        proof = Evidence(raw="GOSUMDB=off", source=scene.go.source("GOSUMDB"))
        return Result(
            (Finding(toolchain.UNVERIFIABLE, {"version": wanted}, evidence=(proof,), subject=wanted),)
        )
    if scene.offline:
        return Result()
    bases = [base_url(entry) for entry in scene.chain if is_askable(entry)]
    path = f"golang.org/toolchain/@v/v0.0.1-{wanted or _SOME}.{_platform(scene)}.zip"
    answers = await asyncio.gather(*(scene.net.get(f"{base}/{path}", most=64) for base in bases))
    facts = tuple(_fact(base, answer) for base, answer in zip(bases, answers, strict=True))
    rows = [
        {"url": redacted(base), "carries": _carries(answer), "status": answer.status}
        for base, answer in zip(bases, answers, strict=True)
    ]
    findings = _missing(wanted, bases, answers) if wanted else ()
    return Result(findings, facts, data={"wanted": wanted or None, "toolchains": rows})


def wanted_toolchain(scene: Scene) -> tuple[str, bool]:
    """(the toolchain that go would look for, whether GOTOOLCHAIN forbids it); empty for the installed one."""
    if not scene.go.version:
        return "", False
    setting = scene.go["GOTOOLCHAIN"] or "auto"
    name, _, rest = setting.partition("+")
    wanted = name if go_order(name) is not None and go_order(name) != go_order(scene.go.version) else ""
    main = main_module(scene.host)
    if main is not None:
        for line in (main.go, main.toolchain if setting != "local" else ""):
            here, best = go_order(line), go_order(wanted or scene.go.version)
            if here is not None and best is not None and here > best:
                wanted = f"go{line.removeprefix('go')}"
    if name != "local" and rest in {"auto", ""}:
        return wanted, False
    return wanted, name in {"local", "path"} and bool(wanted)


def go_order(version: str) -> tuple[int, int, int, int, int] | None:
    """A key that sorts versions of Go; None for what is none. `1.21` of go.mod sorts before `1.21.0`."""
    match = _VERSION.fullmatch(version.partition("-")[0].strip())
    if match is None:
        return None
    major, minor, patch, kind, number = match.groups()
    if kind:
        return int(major), int(minor), -1, 1 if kind == "rc" else 0, int(number)
    return int(major), int(minor), int(patch) if patch is not None else -2 if int(minor) >= 21 else 0, 9, 0


def _missing(wanted: str, bases: list[str], answers: list[Exchange]) -> tuple[Finding, ...]:
    """Every entry is asked; the verdict knows which of them counts, this only whether any has it."""
    if not bases or any(_carries(answer) for answer in answers):
        return ()
    proofs = tuple(
        Evidence(Message("module.proof.answer", {"host": host_of(base)}), said(answer), redacted(answer.url))
        for base, answer in zip(bases, answers, strict=True)
    )
    unreachable = [
        (base, answer) for base, answer in zip(bases, answers, strict=True) if answer.failure is not None
    ]
    if unreachable and not any(answer.status in {404, 410} for answer in answers):
        base, answer = unreachable[0]
        values = {"version": wanted, "host": host_of(base), "text": said(answer)}
        return (Finding(toolchain.UNREACHABLE, values, Impact.BLOCKS, 0.9, proofs, redacted(base)),)
    values = {"version": wanted, "text": said(answers[-1])}
    return (Finding(toolchain.NOT_AVAILABLE, values, Impact.BLOCKS, 0.95, proofs, wanted),)


def _carries(answer: Exchange) -> bool:
    return answer.failure is None and answer.status == 200 and answer.body.startswith(b"PK")


def _fact(base: str, answer: Exchange) -> Message:
    if answer.failure is not None:
        return Message("module.toolchain.unknown", {"host": host_of(base), "text": said(answer)})
    key = "carried" if _carries(answer) else "not_carried"
    return Message(f"module.toolchain.{key}", {"host": host_of(base)})


def _platform(scene: Scene) -> str:
    arch = scene.go["GOHOSTARCH"] or scene.go["GOARCH"] or _ARCHES.get(platform.machine(), "amd64")
    system = scene.go["GOHOSTOS"] or scene.host.system.value
    return f"{system}-{arch}"


CHECK = Check("toolchain", run=_run, network=True, groups=("TC",))
