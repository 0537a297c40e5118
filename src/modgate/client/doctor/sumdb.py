"""The checksum database: can go ask it, by the way it would take, and are the answers signed?

Every proxy is asked as well as the database itself, so that it can be said which of them would do. Where
none does, the Go project's own second address is tried before it is recommended. Verification is never
switched off: that the database cannot be asked is a fault of the way to it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.causes import checksum, config, content
from modgate.client.doctor.asked import STAND_IN, Asked, asked_modules, skips_database
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.failures import host_of, said, went_wrong
from modgate.client.doctor.module_answers import ask_entry, base_url, is_askable
from modgate.client.doctor.module_judge import looks_like_html
from modgate.client.doctor.sumdb_way import chosen_way, reach_all, read_head, read_record
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.goenv_edit import set_go_variable
from modgate.client.net.facts import FailureKind
from modgate.errors import Invalid, Tampered
from modgate.gomod.proxylist import EntryKind, redacted
from modgate.messages import Message
from modgate.sumdb.spec import KNOWN, parse_gosumdb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.doctor.scene import Scene
    from modgate.client.doctor.sumdb_way import Lookup, Reached
    from modgate.client.findings import Cause
    from modgate.client.net.facts import Exchange
    from modgate.client.repair.plan import Repair
    from modgate.sumdb.spec import Spec

__all__ = ["CHECK", "is_asked_directly"]

_SECOND_ADDRESS = "sum.golang.google.cn"
_SILENT = frozenset({FailureKind.TIMEOUT, FailureKind.STALL})


async def _run(scene: Scene) -> Result:
    if scene.sumdb is None:
        return Result(facts=(Message("sumdb.fact.off"),))
    try:
        spec = parse_gosumdb(scene.go["GOSUMDB"] or "sum.golang.org")
    except Invalid as error:
        return Result(unknown=Message("doctor.unknown.said", {"text": error.what}))
    if spec is None or (scene.chain and scene.chain[0].kind is EntryKind.OFF):
        return Result(facts=(Message("sumdb.fact.off"),))
    modules = _modules(scene, spec)
    through, direct = await reach_all(scene.net, spec, scene.chain, modules)
    way, stopped = chosen_way(scene.chain, through, direct)
    findings = [] if way is None else _at(spec, way, through)
    if stopped is not None:
        findings = [_stopped(spec, stopped)]
    if any(finding.cause in _OF_THE_WAY for finding in findings):
        repair = await _repair(scene, spec, direct)
        findings = [replace(finding, repair=repair) for finding in findings]
    findings = [await _private(scene, finding) for finding in findings]
    findings += _forks(spec, [*through, direct])
    return Result(
        tuple(findings),
        tuple(_fact(spec, reached) for reached in (*through, direct)),
        data={"ways": [_row(reached, reached is way) for reached in (*through, direct)]},
    )


def _modules(scene: Scene, spec: Spec) -> list[Asked]:
    found = [module for module in asked_modules(scene) if not skips_database(scene.go, module.path)]
    if not any(module.canonical for module in found) and spec.name in KNOWN and not scene.modules:
        path, _, version = STAND_IN.partition("@")
        found.append(Asked(path, version, named=False))
    return found if spec.name in KNOWN else [module for module in found if module.named]


_OF_THE_WAY = frozenset({checksum.DATABASE_TIMEOUT, checksum.DATABASE_UNREACHABLE})


def _at(spec: Spec, way: Reached, through: Sequence[Reached]) -> list[Finding]:
    """What is wrong where go asks the database."""
    if way.latest is not None:
        broken = _broken(spec, way, way.latest, through, _asked_name(way))
        if broken is not None and (not way.lookups or way.latest.status != 404):
            return [broken]
    for lookup in way.lookups:
        finding = _looked_up(spec, way, lookup, through)
        if finding is not None:
            return [finding]
    return []


def _broken(
    spec: Spec, way: Reached, exchange: Exchange, through: Sequence[Reached], module: str
) -> Finding | None:
    """A finding where the database's answer is not a signed one."""
    if exchange.failure is not None:
        silent = exchange.failure.kind in _SILENT
        cause = checksum.DATABASE_TIMEOUT if silent else checksum.DATABASE_UNREACHABLE
        return _finding(cause, way, exchange, module, through)
    if exchange.status != 200:
        return _finding(checksum.DATABASE_STATUS, way, exchange, module, through)
    if looks_like_html(exchange.body):
        return _finding(content.PORTAL, way, exchange, module, through)
    try:
        if exchange is way.latest:
            read_head(spec, exchange)
        else:
            read_record(spec, exchange)
    except Tampered:
        return _finding(checksum.BAD_SIGNATURE, way, exchange, module, through)
    except Invalid as error:
        return _finding(checksum.BAD_ANSWER, way, exchange, module, through, text=error.what)
    return None


def _looked_up(spec: Spec, way: Reached, lookup: Lookup, through: Sequence[Reached]) -> Finding | None:
    exchange, module = lookup.exchange, lookup.module
    if exchange.failure is None and exchange.status in {404, 410}:
        if not module.named:
            return None
        finding = _finding(checksum.NOT_IN_DATABASE, way, exchange, str(module), through)
        return replace(finding, subject=module.path, confidence=0.9)
    return _broken(spec, way, exchange, through, str(module))


def _finding(
    cause: Cause, way: Reached, exchange: Exchange, module: str, through: Sequence[Reached], *, text: str = ""
) -> Finding:
    words = text or said(exchange)
    if exchange.failure is not None:
        words = f"{exchange.failure.phase.value}: {exchange.failure.text or exchange.failure.kind.value}"
    values = {
        "host": host_of(way.base),
        "module": module,
        "text": words,
        "status": str(exchange.status),
    }
    proofs = [Evidence(_tried(exchange), words if exchange.failure else "", redacted(exchange.url))]
    for other in through:
        if other is not way and not other.carries and other.supported is not None:
            url = redacted(other.supported.url)
            proofs.append(
                Evidence(Message("sumdb.proof.not_carried", {"host": host_of(other.place)}), "", url)
            )
    return Finding(
        cause,
        {name: values[name] for name in cause.values},
        evidence=tuple(proofs),
        subject=redacted(way.base),
    )


def _tried(exchange: Exchange) -> Message:
    seconds = f"{exchange.seconds:.1f}"
    if exchange.failure is not None:
        return Message("sumdb.proof.no_answer", {"seconds": seconds})
    return Message("sumdb.proof.answer", {"status": exchange.status, "seconds": seconds})


def _stopped(spec: Spec, stopped: Reached) -> Finding:
    """An entry that neither carries the database nor says that it does not."""
    assert stopped.supported is not None
    exchange = stopped.supported
    finding = went_wrong(exchange, stopped.place, module=f"sumdb/{spec.name}")
    if exchange.failure is not None and finding is not None:
        return finding
    return _finding(checksum.DATABASE_STATUS, stopped, exchange, spec.name, ())


async def _repair(scene: Scene, spec: Spec, direct: Reached) -> Repair | None:
    """GOSUMDB=sum.golang.google.cn where that is the same database and answers."""
    if spec.name != "sum.golang.org" or spec.url or any(_good(spec, item) for item in direct.answers[:1]):
        return None
    exchange = await scene.net.get(f"https://{_SECOND_ADDRESS}/latest")
    if not _good(spec, exchange):
        return None
    return set_go_variable(scene.host, scene.go, "GOSUMDB", _SECOND_ADDRESS)


def _good(spec: Spec, exchange: Exchange) -> bool:
    if exchange.failure is not None or exchange.status != 200:
        return False
    try:
        read_head(spec, exchange)
    except (Invalid, Tampered):
        return False
    return True


async def _private(scene: Scene, finding: Finding) -> Finding:
    """A module that a proxy has and the public database does not know is private."""
    path = finding.subject
    if finding.cause is not checksum.NOT_IN_DATABASE or not await _is_served(scene, path):
        return finding
    pattern = path.partition("/")[0]
    if pattern in {"github.com", "gitlab.com", "bitbucket.org"}:
        pattern = "/".join(path.split("/")[:2])
    old = scene.go["GOPRIVATE"]
    repair = set_go_variable(
        scene.host, scene.go, "GOPRIVATE", f"{old},{pattern}" if old else pattern, offered=False
    )
    return Finding(
        config.PRIVATE_MISSING,
        {"module": path, "pattern": pattern},
        Impact.BLOCKS,
        0.7,
        finding.evidence,
        path,
        repair,
    )


async def _is_served(scene: Scene, path: str) -> bool:
    modules = [module for module in asked_modules(scene) if module.path == path]
    bases = [base_url(entry) for entry in scene.chain if is_askable(entry)]
    for module in modules:
        answers = await asyncio.gather(*(ask_entry(scene.net, base, module) for base in bases))
        if any(answer.whole for answer in answers):
            return True
    return False


def _forks(spec: Spec, ways: Sequence[Reached]) -> list[Finding]:
    """Two signed heads of one size with two hashes."""
    heads: dict[int, tuple[bytes, Reached]] = {}
    for way in ways:
        if way.latest is None or not _good(spec, way.latest):
            continue
        tree = read_head(spec, way.latest).tree
        known, other = heads.setdefault(tree.n, (tree.hash, way))
        if known != tree.hash:
            values = {"host": host_of(way.place)}
            proofs = tuple(
                Evidence(raw=f"{tree.n} records", source=redacted(item.base)) for item in (other, way)
            )
            return [Finding(checksum.TREE_FORK, values, Impact.BLOCKS, 1.0, proofs, redacted(way.base))]
    return []


def _asked_name(way: Reached) -> str:
    return str(way.lookups[0].module) if way.lookups else "latest"


def _fact(spec: Spec, reached: Reached) -> Message:
    host = host_of(reached.place)
    supported = reached.supported
    if supported is not None and (supported.failure is not None or supported.status >= 500):
        return Message("sumdb.fact.bad", {"host": host, "text": said(supported)})
    if not reached.carries:
        return Message("sumdb.fact.not_carried", {"host": host, "name": spec.name})
    exchange = reached.latest
    if exchange is not None and _good(spec, exchange):
        seconds = f"{exchange.seconds:.2f}"
        size = read_head(spec, exchange).tree.n
        return Message("sumdb.fact.good", {"host": host, "seconds": seconds, "records": f"{size:,}"})
    return Message("sumdb.fact.bad", {"host": host, "text": said(exchange) if exchange else "-"})


def is_asked_directly(result: Result) -> bool:
    """Whether go asks the database itself, by a result of this check."""
    ways = result.data.get("ways")
    return isinstance(ways, list) and bool(ways) and bool(ways[-1]["chosen"])


def _row(reached: Reached, chosen: bool) -> dict[str, object]:
    return {
        "url": redacted(reached.place),
        "carries": reached.carries,
        "chosen": chosen,
        "latest": reached.latest.status if reached.latest else None,
        "lookups": {str(lookup.module): lookup.exchange.status for lookup in reached.lookups},
    }


CHECK = Check("sumdb", run=_run, network=True, groups=("SUM", "CFG"))
