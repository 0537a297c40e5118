"""Examining zips that rules ask about: their licences, and a scanner's verdict. Each set of bytes once.

What was found is kept: licences by version, verdicts by h1 and scanner, so that another scanner, or the same
one told
to look otherwise, looks again. A scan runs beside the requests that wait for it; one that failed is tried
again when
it is next asked for, after a pause.
"""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

import structlog

from modgate.errors import ModgateError, Unavailable
from modgate.gomod.types import ModuleVersion
from modgate.model.sightings import ScanVerdict
from modgate.policy.facts import Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import Blob, Context
    from modgate.model.decision import Decision
    from modgate.model.sightings import SightingBook

__all__ = ["Examiner", "Scanner"]

V = TypeVar("V")

_REMEMBERED = 20_000
_PAUSE = 30.0

_log = structlog.get_logger("modgate.firewall")


class Scanner(Protocol):
    """Looks at the bytes of one version."""

    @property
    def name(self) -> str:
        """Which scanner it is, and how it is told to look: verdicts of another name do not count."""

    async def scan(self, version: ModuleVersion, h1: str, zip_file: BinaryIO) -> tuple[bool, str]:
        """Whether it is released, and one line about it. Raises Unavailable where that is not known."""


class Examiner:
    """Finds licences and asks a scanner (`firewall.facts.Licences`, `firewall.facts.Scans`).

    Args:
        stored: Has the zip of a version stored, and gives it. Raises what a source raises.
        book: Where findings are kept; None: in memory alone.
        licences: Reads the licences of a zip. Blocking.
        scanner: None for none.
        wait: Seconds that a client may be kept waiting for a verdict.
        concurrency: How many scans at a time.
        clock: Unix seconds.
        monotonic: Seconds.
        told: Told of each new verdict.
    """

    def __init__(
        self,
        stored: Callable[[Context, ModuleVersion], Awaitable[Blob]],
        book: SightingBook | None,
        *,
        licences: Callable[[ModuleVersion, BinaryIO], tuple[str, ...]],
        scanner: Scanner | None,
        wait: float,
        concurrency: int,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        told: Callable[[ModuleVersion, ScanVerdict], None] = lambda _version, _verdict: None,
    ) -> None:
        self._stored = stored
        self._book = book
        self._read = licences
        self._scanner = scanner
        self._wait = wait
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._monotonic = monotonic
        self._told = told
        self._found: OrderedDict[ModuleVersion, tuple[str, ...]] = OrderedDict()
        self._verdicts: OrderedDict[ModuleVersion, ScanVerdict] = OrderedDict()
        self._failed: OrderedDict[ModuleVersion, tuple[float, str]] = OrderedDict()
        self._scans: dict[ModuleVersion, asyncio.Task[None]] = {}

    async def licences(
        self, ctx: Context, path: ModulePath, versions: Sequence[Version], *, exact: bool
    ) -> Mapping[Version, tuple[str, ...] | Unknown]:
        """SPDX ids by version; `exact`: the zip is fetched and read where nobody has yet."""
        return {
            version: await self._licences(ctx, ModuleVersion(path, version), exact=exact)
            for version in versions
        }

    async def verdicts(
        self, ctx: Context, path: ModulePath, versions: Sequence[Version], *, exact: bool
    ) -> Mapping[Version, bool | Unknown]:
        """Released or refused by version; `exact`: a scan is begun where there is no verdict."""
        return {
            version: await self._verdict(ctx, ModuleVersion(path, version), exact=exact)
            for version in versions
        }

    async def settled(self, ctx: Context, decision: Decision) -> None:  # noqa: ARG002  the protocol's
        """Wait for the scan of this version that runs, if one does, as long as a client may be kept."""
        task = self._scans.get(ModuleVersion(decision.path, decision.version))
        if task is not None and self._wait:
            await asyncio.wait([task], timeout=self._wait)

    async def close(self) -> None:
        """End the scans that run: they are begun anew when they are next asked for."""
        tasks = list(self._scans.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _licences(
        self, ctx: Context, version: ModuleVersion, *, exact: bool
    ) -> tuple[str, ...] | Unknown:
        known = self._found.get(version)
        if known is None and self._book is not None:
            try:
                known = await self._book.licences(version)
            except Unavailable:
                known = None  # the zip says it as well
        if known is None:
            if not exact or not await self._at_hand(ctx, version):
                return Unknown("its licence was not looked at yet")
            try:
                known = await self._read_licences(ctx, version)
            except ModgateError as error:
                return Unknown(f"its licence could not be read: {error.what}")
            if self._book is not None:
                try:
                    await self._book.add_licences(version, known)
                except Unavailable as error:
                    _log.warning("licences not recorded", version=str(version), why=error.what)
        _keep(self._found, version, known)
        return known

    async def _read_licences(self, ctx: Context, version: ModuleVersion) -> tuple[str, ...]:
        opened = await _opened(await self._stored(ctx.detached(), version))
        try:
            return await asyncio.to_thread(self._read, version, opened)
        finally:
            opened.close()

    async def _verdict(self, ctx: Context, version: ModuleVersion, *, exact: bool) -> bool | Unknown:
        if self._scanner is None:
            return Unknown("no scanner is configured")
        known = self._verdicts.get(version)
        if known is not None:
            self._verdicts.move_to_end(version)
            return known.clean
        failed = self._failed.get(version)
        if failed is not None and self._monotonic() - failed[0] < _PAUSE:
            return Unknown(failed[1])
        at_hand = exact and await self._at_hand(ctx, version)
        if at_hand and version not in self._scans:
            task = asyncio.create_task(self._scan(ctx.detached(), version, self._scanner))
            self._scans[version] = task
            task.add_done_callback(lambda _task: self._scans.pop(version, None))
        return Unknown("the scan is running" if version in self._scans else "it was not scanned yet")

    async def _at_hand(self, ctx: Context, version: ModuleVersion) -> bool:
        """Whether the zip is stored, or may be fetched: a try that can only fail would hold up others."""
        if ctx.fetch:
            return True
        try:
            await self._stored(ctx.detached(), version)
        except ModgateError:
            return False
        return True

    async def _scan(self, ctx: Context, version: ModuleVersion, scanner: Scanner) -> None:
        try:
            verdict = await self._examined(ctx, version, scanner)
        except ModgateError as error:
            _keep(self._failed, version, (self._monotonic(), error.what))
            _log.warning("scan failed", version=str(version), scanner=scanner.name, why=str(error))
            return
        self._failed.pop(version, None)
        _keep(self._verdicts, version, verdict)

    async def _examined(self, ctx: Context, version: ModuleVersion, scanner: Scanner) -> ScanVerdict:
        blob = await self._stored(ctx, version)
        h1 = blob.meta.h1 or f"sha256:{blob.meta.sha256}"
        known = await self._recorded(h1, scanner.name)
        if known is not None:
            return known
        async with self._slots:
            opened = await _opened(blob)
            try:
                clean, summary = await scanner.scan(version, h1, opened)
            finally:
                opened.close()
        verdict = ScanVerdict(h1, scanner.name, clean, summary, self._clock())
        if self._book is not None:
            try:
                await self._book.add_verdict(verdict, version)
            except Unavailable as error:
                _log.warning("verdict not recorded", version=str(version), why=error.what)
        _log.info("scanned", version=str(version), scanner=scanner.name, clean=clean, summary=summary)
        self._told(version, verdict)
        return verdict

    async def _recorded(self, h1: str, scanner: str) -> ScanVerdict | None:
        if self._book is None:
            return None
        try:
            return await self._book.verdict(h1, scanner)
        except Unavailable:
            return None


async def _opened(blob: Blob) -> BinaryIO:
    """The bytes of a stored object as a file, checked against its SHA-256."""
    await blob.verify()
    path = blob.path
    if path is None:
        return io.BytesIO(await blob.read())
    try:
        return await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise Unavailable(f"it cannot be read: {error.strerror}", where=blob.key) from error


def _keep(kept: OrderedDict[ModuleVersion, V], key: ModuleVersion, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
