"""Measuring mirrors side by side, so that what the network does hits all of them alike.

Order: (1) everybody is met: the list, and the newest versions of busy modules; (2) rounds of small
requests: in each round every mirror gets one new connection and a few requests on it, all mirrors in the same
round, each starting a little after the one before, the order turning from round to round, never two requests
to one mirror at once; (3) downloads, one mirror at a time, since they share the line; (4) what is asked once:
conformance, the checksum database, a toolchain. What was measured when it is cancelled stands in `results`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.mirrors import freshness
from modgate.client.mirrors.asker import Asker, failure_word, referers, sample_of, transfer_of
from modgate.client.mirrors.conformance import judge
from modgate.client.mirrors.database import probe_database
from modgate.client.mirrors.results import Freshness, MirrorResult
from modgate.client.mirrors.subject import ABSENT_MODULE
from modgate.client.mirrors.words import cleaned
from modgate.client.net.facts import FailureKind
from modgate.client.net.session import Session
from modgate.errors import ModgateError
from modgate.gomod import module, semver
from modgate.gomod.info import parse_info
from modgate.gomod.protocol import Kind
from modgate.gomod.proxylist import redacted
from modgate.gomod.versionlist import MAX_LIST, parse_list

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

    from modgate.client.mirrors.known import KnownMirror
    from modgate.client.mirrors.subject import Limits, Subject
    from modgate.client.net.facts import Exchange
    from modgate.client.net.session import Outfit
    from modgate.sumdb.head import Record

__all__ = ["Campaign", "Progress", "Target"]

# Who is silent once is not waited for a second time.
_SILENT = frozenset({FailureKind.TIMEOUT, FailureKind.STALL})
_AGES = ("x-go-mod-age", "x-mod-age", "x-cache-age", "x-proxy-age")


@dataclass(frozen=True, slots=True)
class Target:
    """A mirror to be measured: its URL as GOPROXY takes it, credentials included."""

    name: str
    url: str
    known: KnownMirror | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: `stage` is a word of `mirrors.stage`; `total` counts what may still be left out."""

    stage: str
    done: int
    total: int


class _Mirror:
    """One target while it is measured."""

    def __init__(self, target: Target) -> None:
        self.base = target.url.rstrip("/")
        self.result = MirrorResult(target.name, redacted(self.base), target.known)
        self.asked: dict[str, Exchange] = {}
        self.record: Record | None = None


class Campaign:
    """One measurement. `run` once; `results` can be read at any time.

    Args:
        targets: With unique names.
        subject: What is asked for; its version is filled in where it is empty.
        limits: How much.
        outfit: The way out.
        clock: Seconds since 1970.
        progress: Told after each step.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        subject: Subject,
        limits: Limits,
        outfit: Outfit,
        *,
        clock: Callable[[], float],
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.subject = subject
        self.limits = limits
        self._mirrors = [_Mirror(target) for target in targets]
        bounds = replace(
            outfit.limits,
            **dict.fromkeys(("dns", "connect", "proxy", "tls", "head", "silence"), limits.timeout),
            total=limits.timeout * 2,
        )
        self._outfit = replace(outfit, limits=bounds)
        long = replace(bounds, total=limits.timeout * 2 + limits.body_seconds)
        self._long = replace(outfit, limits=long)
        self._clock = clock
        self._progress = progress
        self._times: dict[str, dict[str, str]] = {}
        self.rounds_done = 0

    @property
    def results(self) -> list[MirrorResult]:
        """One for each target, in their order."""
        return [mirror.result for mirror in self._mirrors]

    async def run(self) -> None:
        """Measure. Cancelling it leaves what was measured, judged as far as it goes."""
        try:
            await self._meet()
            if self._reached():
                await self._rounds()
                await self._downloads()
                await self._suite()
                await self._date_the_missing()
        finally:
            self._conclude()

    def _reached(self) -> list[_Mirror]:
        return [mirror for mirror in self._mirrors if mirror.result.reachable]

    def _asker(self, mirror: _Mirror, outfit: Outfit | None = None) -> Asker:
        return Asker(Session(outfit or self._outfit), mirror.result)

    async def _each(
        self, stage: str, mirrors: Sequence[_Mirror], work: Callable[[_Mirror], Awaitable[None]]
    ) -> None:
        """The same for each mirror, all of them at once."""
        done = 0

        async def one(mirror: _Mirror) -> None:
            nonlocal done
            await work(mirror)
            done += 1
            self._progress(Progress(stage, done, len(mirrors)))

        self._progress(Progress(stage, 0, len(mirrors)))
        await _together(one(mirror) for mirror in mirrors)

    # (1)

    async def _meet(self) -> None:
        await self._each("meet", self._mirrors, self._meet_one)
        if not self.subject.version:
            version = self._newest_known()
            own = self.subject.escaped
            path = self.subject.path
            escaped = (path, version) if path != path.lower() else own
            self.subject = replace(self.subject, version=version, escaped=escaped)
            if not version:
                for mirror in self._reached():
                    mirror.result.reachable = False
                    mirror.result.trouble = "content/no-version"

    async def _meet_one(self, mirror: _Mirror) -> None:
        subject, result = self.subject, mirror.result
        async with self._asker(mirror) as asker:
            url = subject.url(mirror.base, Kind.LIST)
            answer = await asker.get(url, most=MAX_LIST)
            if answer.failure is not None and answer.failure.kind not in _SILENT:
                answer = await asker.get(url, most=MAX_LIST)
            result.reachable = bool(answer.status) and answer.failure is None
            result.trouble = failure_word(answer)
            if not result.reachable:
                return
            mirror.asked["list"] = answer
            result.http_version = answer.http_version
            result.server = cleaned(
                " ".join(answer.headers[name] for name in ("server", "via") if name in answer.headers)
            )
            for path in dict.fromkeys((subject.path, *subject.busy)):
                listed = answer if path == subject.path else None
                found, latest = await self._newest(asker, mirror.base, path, listed)
                if path == subject.path:
                    mirror.asked["latest"] = latest
                if path in subject.busy or not subject.version:
                    result.freshness[path] = found

    async def _newest(
        self, asker: Asker, base: str, path: str, listed: Exchange | None
    ) -> tuple[Freshness, Exchange]:
        """What the mirror names as newest of a module."""
        listed = listed or await asker.settled(self.subject.url(base, Kind.LIST, path), most=MAX_LIST)
        latest = await asker.settled(self.subject.url(base, Kind.LATEST, path))
        versions: tuple[str, ...] = ()
        named, time = "", ""
        try:
            if listed.status == 200 and listed.failure is None:
                versions = tuple(parse_list(listed.body, module.check_path(path)))
        except ModgateError:
            versions = ()
        try:
            if latest.status == 200 and latest.failure is None:
                info = parse_info(latest.body, asked=None, path=module.check_path(path))
                named, time = info.version, info.time
        except ModgateError:
            named = ""
        newest = freshness.newest_of(versions, named)
        age = listed.headers.get("age", "")
        own = next((f"{name}: {listed.headers[name]}" for name in _AGES if name in listed.headers), "")
        released = tuple(v for v in versions if not semver.prerelease(v))
        found = Freshness(
            path,
            newest,
            time if newest == named else "",
            released,
            int(age) if age.isascii() and age.isdigit() and len(age) < 12 else None,
            cleaned(own),
        )
        return found, latest

    def _newest_known(self) -> str:
        named = [
            fresh.newest
            for mirror in self._mirrors
            if (fresh := mirror.result.freshness.get(self.subject.path)) and fresh.newest
        ]
        # What most have: a version that only one mirror knows yet would make the others look broken.
        return max(set(named), key=lambda v: (named.count(v), semver.sort_key(v))) if named else ""

    # (2)

    async def _rounds(self) -> None:
        limits = self.limits
        for number in range(limits.rounds):
            self._progress(Progress("rounds", number, limits.rounds))
            active = [mirror for mirror in self._reached() if not self._given_up(mirror)]
            turn = number % len(active) if active else 0
            order = active[turn:] + active[:turn]
            await _together(
                self._round(mirror, number, place * limits.stagger) for place, mirror in enumerate(order)
            )
            self.rounds_done = number + 1
            if number + 1 < limits.rounds:
                await asyncio.sleep(limits.pause)
        self._progress(Progress("rounds", limits.rounds, limits.rounds))

    def _given_up(self, mirror: _Mirror) -> bool:
        samples = mirror.result.samples
        return len(samples) >= self.limits.give_up and all(sample.failure for sample in samples)

    async def _round(self, mirror: _Mirror, number: int, delay: float) -> None:
        await asyncio.sleep(delay)
        result = mirror.result
        url = self.subject.url(mirror.base, Kind.INFO)
        async with self._asker(mirror) as asker:
            answer = await asker.get(url)
            result.samples.append(sample_of(answer, number, cold=True))
            if failure_word(answer):
                return
            mirror.asked.setdefault("info", answer)
            result.status_existing = answer.status
            result.http_version = answer.http_version
            for _ in range(self.limits.warm):
                kept = answer.complete and "close" not in answer.headers.get("connection", "").lower()
                if not kept:
                    return
                answer = await asker.get(url)
                result.samples.append(sample_of(answer, number, cold=False))
                if failure_word(answer):
                    return

    # (3)

    async def _downloads(self) -> None:
        reached = [mirror for mirror in self._reached() if mirror.result.status_existing == 200]
        total = self.limits.downloads * len(reached)
        done = 0
        for _ in range(self.limits.downloads):
            for mirror in reached:
                self._progress(Progress("downloads", done, total))
                await self._download(mirror)
                done += 1
        self._progress(Progress("downloads", done, total))

    async def _download(self, mirror: _Mirror) -> None:
        url = self.subject.url(mirror.base, Kind.ZIP)
        async with self._asker(mirror, self._long) as asker:
            answer = await asker.get(url, most=self.limits.body, seconds=self.limits.body_seconds)
        result = mirror.result
        result.transfers.append(transfer_of(answer))
        if answer.status and answer.failure is None:
            result.redirects = referers(answer)
            result.cache_control = cleaned(answer.headers.get("cache-control", ""))
        before = mirror.asked.get("zip")
        if before is None or before.failure is not None or not before.complete:
            mirror.asked["zip"] = answer

    # (4)

    async def _suite(self) -> None:
        await self._each("suite", self._reached(), self._suite_one)

    async def _suite_one(self, mirror: _Mirror) -> None:
        subject, result, asked = self.subject, mirror.result, mirror.asked
        base = mirror.base
        async with self._asker(mirror) as asker:
            if "info" not in asked:
                asked["info"] = await asker.settled(subject.url(base, Kind.INFO))
                result.status_existing = asked["info"].status
            asked["mod"] = await asker.settled(subject.url(base, Kind.MOD), most=1 << 20)
            asked["escaped"] = await asker.settled(subject.url(base, Kind.INFO, *subject.escaped))
            asked["head"] = await asker.settled(subject.url(base, Kind.MOD), method="HEAD")
            asked["absent"] = await asker.settled(
                subject.url(base, Kind.INFO, subject.path, subject.absent_version)
            )
            result.status_absent = asked["absent"].status
            asked["absent-module"] = await asker.get(subject.url(base, Kind.LIST, ABSENT_MODULE))
            result.database, mirror.record = await probe_database(asker, base, subject)
            answer = await asker.settled(subject.url(base, Kind.ZIP, *subject.toolchain), most=1024)
            result.toolchain_status = answer.status
            if answer.failure is None and not failure_word(answer):
                result.toolchain = answer.status == 200 and answer.body[:2] == b"PK"

    async def _date_the_missing(self) -> None:
        """When the first version that a mirror misses was made: any mirror that has it can tell."""
        for path in self.subject.busy:
            known = [(m, m.result.freshness[path]) for m in self._reached() if path in m.result.freshness]
            everywhere = {v for _, fresh in known for v in (*fresh.versions, fresh.newest) if v}
            wanted = {
                missing[0] for _, fresh in known if (missing := freshness.first_missing(fresh, everywhere))
            }
            for version in sorted(wanted):
                holder = next((m for m, fresh in known if version in (*fresh.versions, fresh.newest)), None)
                if holder is not None:
                    await self._date(holder, path, version)

    async def _date(self, mirror: _Mirror, path: str, version: str) -> None:
        async with self._asker(mirror) as asker:
            answer = await asker.settled(self.subject.url(mirror.base, Kind.INFO, path, version))
        try:
            if answer.status == 200 and answer.failure is None:
                info = parse_info(answer.body, asked=version)
                self._times.setdefault(path, {})[version] = info.time
        except ModgateError:
            return

    def _conclude(self) -> None:
        for path in self.subject.busy:
            known = {
                m.result.name: m.result.freshness[path] for m in self._mirrors if path in m.result.freshness
            }
            found = freshness.compared(known, self._times.get(path, {}), self._clock())
            for mirror in self._mirrors:
                if mirror.result.name in found:
                    mirror.result.freshness[path] = found[mirror.result.name]
        for mirror in self._mirrors:
            if mirror.asked:
                subject = self.subject
                recorded = ""
                if mirror.record is not None:
                    recorded = mirror.record.h1(subject.path, subject.version)
                mirror.result.checks = judge(mirror.asked, subject, recorded)


async def _together(works: Iterable[Coroutine[object, object, None]]) -> None:
    """All of them; one that is cancelled takes the others with it."""
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)
