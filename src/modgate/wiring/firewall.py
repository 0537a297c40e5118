"""The firewall of a gate: the policy file read and watched, waivers looked at, decisions written down.

Rules: a policy that cannot be read keeps a gate from starting, and never replaces one that is in force: the
old one stays, status says why, the log and a notice tell of it. It is read apart from the configuration, so
that neither a broken certificate holds up a ban nor the reverse. Where neither a policy nor advisories are
configured nothing stands in the way of a request.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from modgate.errors import ModgateError, Unavailable
from modgate.firewall.ages import Ages
from modgate.firewall.engine import Firewall
from modgate.firewall.facts import Gatherer
from modgate.firewall.lists import Modules
from modgate.firewall.patience import Patience
from modgate.firewall.received import Received
from modgate.firewall.recorder import Recorder
from modgate.model.advisory import Severity
from modgate.model.decisions import PolicyRevision
from modgate.model.sightings import Sighting
from modgate.policy.advisories import AdvisoryIndex
from modgate.policy.facts import Unknown
from modgate.policy.rules import ALLOW_ALL
from modgate.policy.texts import denial_lines
from modgate.source.guarded import GuardedSource
from modgate.wiring.logtimes import StoredLookups
from modgate.wiring.policyfile import read_policy_file
from modgate.wiring.scan import Examining, build_scanner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModuleVersion
    from modgate.model import Answer, Context, ModuleSource
    from modgate.model.advisory import Advisories
    from modgate.model.decision import Decision
    from modgate.policy.rules import Policy
    from modgate.wiring.gate import Gate

__all__ = ["Wall", "wanted"]

_LOOK = 1.0
_TICK = 0.25
_WAIVERS = 5.0
_RETRY = 5.0

_log = structlog.get_logger("modgate.firewall")


class _Present:
    """The way to what is cached under the configuration in force, before anything is guarded."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        return await self._gate.stack.quiet.fetch(ctx, request)

    async def close(self) -> None:
        """It is the gate's."""


class Wall:
    """The firewall of one gate, as long as the gate stands."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._loaded: tuple[Path, tuple[int, ...] | None] | None = None
        self._since = 0.0
        self._error = ""
        self._broken: list[Callable[[str], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._one = asyncio.Lock()
        nothing = AdvisoryIndex()
        self._advisories: Callable[[], Advisories | Unknown] = lambda: nothing
        books = gate.standing.books
        patience = Patience(monotonic=time.monotonic)
        self._waiver_patience = Patience(monotonic=time.monotonic, limit=5.0, pause=0.0)
        modules = Modules(_Present(gate), monotonic=time.monotonic)
        lookups = StoredLookups(gate)
        self.ages = Ages(books.sightings, patience, modules, lookups, clock=time.time)
        self.received = Received(books.consumers, patience, gate.standing.tally.since_flush)
        gate.standing.tally.tell_written(self.received.wrote)
        self.examining = Examining(gate)
        gatherer = Gatherer(
            self.ages,
            modules,
            books.consumers,
            patience,
            routes=self._route,
            licences=self.examining,
            scans=self.examining,
            clock=time.time,
            monotonic=time.monotonic,
        )
        self.recorder = Recorder(books.decisions, clock=time.time, monotonic=time.monotonic)
        self.guard = Firewall(
            gatherer,
            self.received,
            self.recorder,
            lambda: self._advisories(),  # noqa: PLW0108  another may be put in its place
            clock=time.time,
            monotonic=time.monotonic,
        )

    @property
    def generation(self) -> int:
        """Moves whenever an answer that was given may be another one now."""
        return self.guard.generation

    def standing(self) -> tuple[str, str]:
        """The revision of the policy in force and the digest of the advisories; empty for none."""
        index = self._advisories()
        policy = self.guard.policy
        revision = "" if policy is ALLOW_ALL else policy.revision
        return revision, "" if isinstance(index, Unknown) else index.digest

    def asks_severity(self) -> bool:
        """Whether a rule in force goes by how bad an advisory is."""
        asked = (rule.asks_hits for rule in self.guard.policy.rules)
        return any(each is not None and each.severities - {Severity.UNKNOWN} for each in asked)

    def guarded(self, source: ModuleSource, quiet: ModuleSource) -> ModuleSource:
        """The firewall in front of a source."""
        return GuardedSource(source, self.guard, self._told, quiet)

    def read_from(self, advisories: Callable[[], Advisories | Unknown]) -> None:
        """The index of advisories in force; Unknown while none could be read."""
        self._advisories = advisories
        self.guard.look()

    def tell_broken(self, told: Callable[[str], None]) -> None:
        """Tell `told` when a policy was not taken, with the reason."""
        self._broken.append(told)

    async def prepare(self, config: Config) -> Policy | None:
        """The policy that a configuration wants, None where the one in force is that one. Raises Invalid,
        Unavailable.
        """
        build_scanner(config)  # one that cannot be run is told before anything is in force
        file = config.policy.file
        if file is None or (self._loaded is not None and self._loaded[0] == file):
            return None
        return await asyncio.to_thread(read_policy_file, file)

    def adopt(self, config: Config, policy: Policy | None) -> None:
        """A configuration comes into force, with what `prepare` made of it."""
        self.examining.adopt(config)
        file = config.policy.file
        if file is None:
            self._loaded, self._error = None, ""
            if self.guard.policy is not ALLOW_ALL:
                self._take(ALLOW_ALL)
        elif policy is not None:
            self._loaded = (file, _identity(file))
            self._take(policy)

    def reload(self, why: str) -> None:
        """Read the policy again, beside whatever goes on."""
        self._start(self._reloaded(why, anew=True))

    def announced(self, version: ModuleVersion, at: float) -> None:
        """The module index announced a version, which matters where a rule asks for ages."""
        if "age" in self.guard.policy.needs:
            self.ages.announced([Sighting(version.path, version.version, at, "index")])

    async def refresh_waivers(self) -> None:
        """Look at the waivers beside the policy's file now; those known stay while nobody answers."""
        book = self._gate.standing.books.waivers
        found = await self._waiver_patience.ask(lambda: book.waivers(at=time.time()))
        if not isinstance(found, Unknown):
            self.guard.adopt_waivers(found)

    def facts(self) -> dict[str, Any] | None:
        """What `modgate status` says of it; None where there is no policy."""
        if self._loaded is None and not self._error:
            return None
        policy = self.guard.policy
        return {
            "file": "" if self._loaded is None else str(self._loaded[0]),
            "revision": policy.revision,
            "rules": len(policy.rules),
            "waivers": len(policy.waivers) + len(self.guard.waivers),
            "loaded_at": self._since,
            "error": self._error,
            "decisions_waiting": self.recorder.waiting,
            "decisions_dropped": self.recorder.dropped,
        }

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look at the policy's file and at waivers until the context ends."""
        self._start(self._watch())
        self._start(self._watch_waivers())
        self._start(self._look())
        try:
            yield
        finally:
            await self._end()

    async def close(self) -> None:
        """Write what is left to write."""
        await self._end()
        await self.examining.close()
        await self.recorder.close()
        await self.ages.close()

    async def _end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, policy: Policy) -> None:
        self._since, self._error = time.time(), ""
        self.guard.adopt(policy)
        for waiver in policy.expired(self._since):
            _log.warning("a waiver of the policy has ended", waiver=waiver.id, owner=waiver.owner)
        self._start(self._written(PolicyRevision(policy.revision, policy.text, self._since)))

    async def _written(self, revision: PolicyRevision) -> None:
        """Record the revision, as soon as the ledger takes it, unless another one came."""
        while self.guard.policy.revision == revision.revision:
            try:
                await self._gate.standing.books.decisions.adopt(revision)
            except Unavailable as error:
                _log.warning("the policy's revision is not recorded yet", why=error.what)
                await asyncio.sleep(_RETRY)
            else:
                return

    async def _reloaded(self, why: str, *, anew: bool = False) -> None:
        async with self._one:
            if self._loaded is None:
                return
            file, known = self._loaded
            found = await asyncio.to_thread(_identity, file)
            if found == known and not anew:
                return
            try:
                policy = await asyncio.to_thread(read_policy_file, file)
            except ModgateError as error:
                self._refused(error, why, again=found == known)
                self._loaded = (file, found)
                return
            self._loaded = (file, found)
            if policy.revision != self.guard.policy.revision or self._error:
                self._take(policy)
                _log.info("policy loaded", why=why, revision=policy.revision, rules=len(policy.rules))

    def _refused(self, error: ModgateError, why: str, *, again: bool) -> None:
        text = "; ".join(error.lines())
        for line in error.lines():
            _log.error(f"policy not loaded, the old one stays: {line}", why=why)
        if again and text == self._error:
            return
        self._error = text
        self._gate.standing.observer.alert("policy-broken", error.where, text)
        for told in self._broken:
            told(text)

    async def _watch(self) -> None:
        """Load once the file has changed and is left alone for a moment."""
        seen: tuple[int, ...] | None = None
        while True:
            await asyncio.sleep(_LOOK)
            if self._loaded is None or not self._gate.ground.config.reload.watch:
                continue
            file, known = self._loaded
            found = await asyncio.to_thread(_identity, file)
            if found != known and found == seen:
                await self._reloaded("the file changed")
            seen = found

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self.guard.look()

    async def _watch_waivers(self) -> None:
        while True:
            await self.refresh_waivers()
            await asyncio.sleep(_WAIVERS)

    def _told(self, decision: Decision) -> tuple[str, ...]:
        """What a person reads of a refusal; where this major version has no fix, a higher one that has."""
        index, instead = self._advisories(), ""
        if decision.advisories and not decision.fixed and isinstance(index, AdvisoryIndex):
            moves = index.majors(decision.path, index.hits(decision.path, decision.version))
            instead = "@".join(moves[0]) if moves else ""
        return denial_lines(decision, instead=instead)

    def _route(self, path: str) -> tuple[str, bool]:
        table = self._gate.table
        rule = table.find(path)
        return "public" if rule is table.default else rule.source, table.is_private(path)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def wanted(config: Config) -> bool:
    """Whether a configuration has anything that a firewall could go by."""
    return config.policy.file is not None or bool(config.advisories.sources)


def _identity(file: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(file)  # noqa: PTH116  follows the links by which files are swapped together
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
