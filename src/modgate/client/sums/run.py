"""From what a person asked for to a report: settings, ways, memory, audit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.checksumdb.remote import Remote
from modgate.client.machine.goenv import read_go_settings
from modgate.client.repair.state import state_folder
from modgate.client.sums.audit import Plan, audit
from modgate.client.sums.kept import Kept, KeptOps
from modgate.client.sums.owners import ModuleOwners, module_owners
from modgate.client.sums.places import find_places
from modgate.client.sums.seen import Seen
from modgate.client.sums.verify import Verifier
from modgate.client.sums.versions import Advisor
from modgate.client.sums.ways import OffLine, Ways, ways_to
from modgate.errors import Invalid
from modgate.gomod.proxylist import parse_proxy_list
from modgate.messages import Message
from modgate.source.chain import ChainSource, Link
from modgate.source.proxy import ProxySource
from modgate.sumdb.spec import parse_gosumdb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.client.machine.host import Host
    from modgate.client.sums.rows import Report
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.model import Upstream
    from modgate.sumdb.spec import Spec

__all__ = ["Wish", "run_audit"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; the options of `modgate sums`."""

    files: Sequence[str] = ()
    stdin: bytes = b""
    sumdb: str | None = None
    proxy: str | None = None
    offline: bool = False
    versions: bool = True
    graph: bool = True
    state: bool = True
    owners: Path | None = None
    timeout: float = 10.0
    accept: bool = False


async def run_audit(
    host: Host,
    wish: Wish,
    build: Callable[[str], Upstream],
    clock: Callable[[], float],
    progress: Callable[[int, int], None],
) -> Report:
    """The report. Raises Invalid (a file, a setting or a list of owners), Unavailable (unreadable)."""
    places = find_places(host, wish.files, wish.stdin)
    settings = await read_go_settings(host)
    spec = parse_gosumdb(wish.sumdb or settings["GOSUMDB"] or "sum.golang.org")
    chain = _chain(host, wish.proxy or settings["GOPROXY"])
    folder = state_folder(host.system, host.environ, Path(host.home)) / "sums" if wish.state else None
    owners = _owners(host, wish.owners)
    ways = Ways(build, offline=wish.offline)
    seen = Seen.read(folder)
    kept = Kept(folder)
    ops = None if spec is None else KeptOps(spec.name, _remote(spec, chain, ways), kept)
    verifier = None if spec is None or ops is None else Verifier(spec, ops, clock)
    proxies = ways.proxies(chain) if wish.versions else []
    source = ChainSource([Link(ProxySource(upstream), fall) for upstream, fall in proxies])
    advisor = Advisor(source, seen, clock) if proxies else None
    plan = Plan(
        verifier=verifier,
        database=spec.name if spec else "",
        advisor=advisor,
        private=settings["GONOSUMDB"],
        unproxied=settings["GONOPROXY"],
        owners=owners,
        host=host if wish.graph and settings.version else None,
        accept=wish.accept,
    )
    try:
        report = await audit(places, plan, seen, clock=clock, progress=progress)
    finally:
        if ops is not None:
            await ops.close()
        await ways.close()
    report.alarms += [alarm for alarm in (ops.alarms if ops else []) if alarm not in report.alarms]
    report.asked = ways.requests
    problem = seen.write() or kept.problem
    if problem:
        report.notes.append(Message("sums.note.kept", {"why": problem}))
    return report


def _chain(host: Host, text: str) -> Sequence[ProxyEntry]:
    """The chain; the path of a folder stands for its file:// URL. Raises Invalid."""
    if text and not text.startswith("file:") and "," not in text and "|" not in text:
        status = host.status(host.cwd / text) if "://" not in text else None
        if status is not None and status.folder:
            text = Path(host.cwd / text).absolute().as_uri()
    return parse_proxy_list(text) if text else ()


def _owners(host: Host, file: Path | None) -> ModuleOwners:
    if file is None:
        return ModuleOwners()
    data = host.read(host.cwd / file)
    if data is None:
        raise Invalid("there is no such file", where=str(file))
    return module_owners(data, str(file))


class _Nobody(Remote):
    """Nobody may be asked."""

    async def get(self, path: str) -> bytes:
        raise OffLine("nobody is asked", where=path)


def _remote(spec: Spec, chain: Sequence[ProxyEntry], ways: Ways) -> Remote:
    candidates = ways_to(spec, chain, ways)
    return Remote(spec.name, candidates) if candidates else _Nobody(spec.name, ())
