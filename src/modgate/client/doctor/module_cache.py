"""The folders that go writes into: absolute, writable, on a disk with room.

A folder is tried by writing a small file and removing it, on the machine that modgate runs on; a recording
can only be judged by its paths. 200 MiB is about one large module with its unpacked copy: below that the next
download is likely to fail half-way.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.causes import cache
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.folders import FolderFacts, try_folder
from modgate.client.machine.goenv_edit import repair_variable
from modgate.client.machine.golayers import is_absolute
from modgate.client.machine.host import System
from modgate.client.machine.local import LocalHost
from modgate.client.machine.showing import safe
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK", "judge_folder"]

_VARIABLES = ("GOMODCACHE", "GOCACHE", "GOPATH")
_LEAST = 200 << 20
_LIMIT = 4.0


async def _run(scene: Scene) -> Result:
    findings = list(_relative(scene))
    facts: list[Message] = []
    if isinstance(scene.host, LocalHost):
        for variable, path in _folders(scene):
            try:
                async with asyncio.timeout(_LIMIT):
                    seen = await _tried(path)
            except TimeoutError:
                why = Message("settings.folder.slow")
                values: dict[str, str | Message] = {}
                values |= {"variable": variable, "path": str(path), "why": why}
                findings.append(Finding(cache.NOT_WRITABLE, values, subject=variable))
                continue
            findings.extend(judge_folder(variable, path, seen))
            facts.append(_fact(variable, path, seen))
    return Result(findings=_each_path_once(findings), facts=tuple(facts))


async def _tried(path: Path) -> FolderFacts:
    """In a thread that nobody waits for at the end: a network file system may never answer."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[FolderFacts] = loop.create_future()

    def tell(seen: FolderFacts) -> None:
        if not answer.done():
            answer.set_result(seen)

    def work() -> None:
        seen = try_folder(path)
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, seen)

    threading.Thread(target=work, daemon=True).start()
    return await answer


def _folders(scene: Scene) -> Iterator[tuple[str, Path]]:
    for variable in _VARIABLES:
        text = scene.go[variable]
        if variable == "GOPATH":
            text = text.split(_separator(scene))[0]
        if not text or not is_absolute(scene.host.system, text):
            continue
        yield variable, Path(text)
        # What `sudo go` leaves behind are folders of root's below one's own.
        if variable == "GOMODCACHE":
            yield variable, Path(text) / "cache" / "download"


def _relative(scene: Scene) -> Iterator[Finding]:
    for variable in _VARIABLES:
        setting = scene.go.settings.get(variable)
        if setting is None:
            continue
        stated = setting.value
        if variable == "GOCACHE" and setting.hidden and setting.value.text == "off":
            stated = setting.hidden[0]
        for text in stated.text.split(_separator(scene) if variable == "GOPATH" else "\0"):
            if text and text != "off" and not is_absolute(scene.host.system, text):
                values = {"variable": variable, "value": safe(stated.text)}
                repair = repair_variable(scene.host, scene.go, variable, "")
                yield Finding(cache.RELATIVE, values, subject=variable, repair=repair)
                break


def _separator(scene: Scene) -> str:
    return ";" if scene.host.system is System.WINDOWS else ":"


def judge_folder(variable: str, path: Path, seen: FolderFacts) -> tuple[Finding, ...]:
    """The findings about one folder that was tried."""
    proof = (Evidence(raw=seen.why, source=seen.tried),) if seen.why else ()
    if seen.full or (seen.free is not None and seen.free < _LEAST and not seen.why):
        impact = Impact.BLOCKS if seen.full or not seen.free else Impact.RISK
        values: dict[str, str | Message] = {"path": str(path), "free": _size(seen.free or 0)}
        return (Finding(cache.DISK_FULL, values, impact=impact, evidence=proof, subject=str(path)),)
    if seen.read_only:
        return (Finding(cache.READ_ONLY_MOUNT, {"path": str(path)}, evidence=proof, subject=str(path)),)
    if seen.why:
        values = {"variable": variable, "path": seen.tried, "why": seen.why}
        return (Finding(cache.NOT_WRITABLE, values, evidence=proof, subject=str(path)),)
    return ()


def _fact(variable: str, path: Path, seen: FolderFacts) -> Message:
    key = "settings.folder.folds" if seen.folds_case else "settings.folder.is"
    free = _size(seen.free) if seen.free is not None else "?"
    return Message(key, {"name": variable, "path": str(path), "free": free})


def _each_path_once(findings: list[Finding]) -> tuple[Finding, ...]:
    kept: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        kept.setdefault((finding.cause.id, str(finding.values.get("path", finding.subject))), finding)
    return tuple(kept.values())


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count >> 20} MiB"


CHECK = Check("module-cache", run=_run, network=False, groups=("CACHE",))
