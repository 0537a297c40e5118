"""go.sum, the checksum database and what the proxies send: do the three agree?

A mismatch stops go, rightly. Which of the three differs tells who is to be asked: if the database agrees
with go.sum, the proxy sends something else; if it agrees with the proxy, go.sum is old or was edited. The
way out is never to switch the check off.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from modgate.client.causes import checksum
from modgate.client.doctor.asked import asked_modules, nearest, skips_database, skips_proxy
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.module_answers import ask_entry, base_url, is_askable
from modgate.client.doctor.sumdb_way import chosen_way, reach_all, read_record
from modgate.client.findings import Evidence, Finding, Impact
from modgate.errors import Invalid, ModgateError, Tampered
from modgate.gomod.dirhash import hash1
from modgate.gomod.gosum import GoSum, parse
from modgate.gomod.proxylist import redacted
from modgate.messages import Message
from modgate.sumdb.spec import parse_gosumdb

if TYPE_CHECKING:
    from modgate.client.doctor.asked import Asked
    from modgate.client.doctor.module_answers import Answers
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Cause

__all__ = ["CHECK", "h1_of_zip"]

_MOST_INFLATED = 64 << 20


async def _run(scene: Scene) -> Result:
    modules = [module for module in asked_modules(scene) if module.canonical]
    sums, file = _go_sum(scene)
    results = await asyncio.gather(*(_compare(scene, module, sums, file) for module in modules))
    return Result(
        tuple(finding for findings, _ in results for finding in findings),
        tuple(fact for _, facts in results for fact in facts),
    )


async def _compare(
    scene: Scene, module: Asked, sums: GoSum, file: str
) -> tuple[list[Finding], list[Message]]:
    recorded = tuple(h for h in sums.lookup(module.path, module.version) if h.startswith("h1:"))
    database, sent = await asyncio.gather(_in_database(scene, module), _sent(scene, module))
    values: dict[str, str | Message] = {"module": str(module)}
    facts = [Message("module.fact.sum", {"module": str(module), "count": len(sent) + bool(database)})]
    proofs = [Evidence(Message("module.proof.go_sum"), value, file) for value in recorded]
    if database:
        proofs.append(Evidence(Message("module.proof.database"), database[0], database[1]))
    proofs += [Evidence(Message("module.proof.sent"), value, url) for url, value in sent]
    wrong = [(url, value) for url, value in sent if recorded and value not in recorded]
    if recorded and database and database[0] not in recorded:
        return [_finding(checksum.GO_SUM_MISMATCH, values, proofs, str(module))], facts
    if wrong:
        return [_finding(checksum.GO_SUM_MISMATCH, values, proofs, str(module))], facts
    if database and any(value != database[0] for _, value in sent):
        return [_finding(checksum.DATABASE_MISMATCH, values, proofs, str(module))], facts
    return [], facts if sent or database else []


def _finding(cause: Cause, values: dict[str, str | Message], proofs: list[Evidence], subject: str) -> Finding:
    return Finding(cause, values, Impact.BLOCKS, 1.0, tuple(proofs), subject)


def _go_sum(scene: Scene) -> tuple[GoSum, str]:
    """The go.sum beside the nearest go.mod; empty where there is none."""
    file = nearest(scene.host, "go.mod")
    if not file:
        return GoSum(), ""
    path = scene.host.path(file).parent / "go.sum"
    content = scene.host.read(path)
    try:
        return parse(content or b""), str(path)
    except ModgateError:
        # go itself stops at a malformed line and says so.
        return GoSum(), str(path)


async def _in_database(scene: Scene, module: Asked) -> tuple[str, str] | None:
    """(hash, URL) as the database has it, by the way that go takes."""
    if scene.sumdb is None or skips_database(scene.go, module.path):
        return None
    try:
        spec = parse_gosumdb(scene.go["GOSUMDB"] or "sum.golang.org")
    except Invalid:
        return None
    if spec is None:
        return None
    through, direct = await reach_all(scene.net, spec, scene.chain, [module])
    way, _ = chosen_way(scene.chain, through, direct)
    for lookup in way.lookups if way is not None else ():
        if lookup.exchange.failure is None and lookup.exchange.status == 200:
            try:
                found = read_record(spec, lookup.exchange).h1(module.path, module.version)
            except (Invalid, Tampered):
                return None
            return (found, redacted(lookup.exchange.url)) if found else None
    return None


async def _sent(scene: Scene, module: Asked) -> list[tuple[str, str]]:
    """(URL, hash) of every zip that came whole."""
    if skips_proxy(scene.go, module.path):
        return []
    bases = [base_url(entry) for entry in scene.chain if is_askable(entry)]
    answers: list[Answers] = await asyncio.gather(*(ask_entry(scene.net, base, module) for base in bases))
    found: list[tuple[str, str]] = []
    for answer in answers:
        if answer.whole and answer.zip is not None and answer.zip.complete:
            value = await asyncio.to_thread(h1_of_zip, answer.zip.body)
            if value:
                found.append((redacted(answer.zip.url), value))
    return found


def h1_of_zip(data: bytes) -> str:
    """The hash of a module zip, empty where it is none or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [item for item in archive.infolist() if not item.is_dir()]
            if sum(item.file_size for item in files) > _MOST_INFLATED:
                return ""
            return hash1([(item.filename, hashlib.sha256(archive.read(item)).hexdigest()) for item in files])
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, ModgateError):
        return ""


CHECK = Check("go-sum", run=_run, network=True, groups=("SUM",))
