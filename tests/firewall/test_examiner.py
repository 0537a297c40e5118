"""Zips are examined once: licences by version, verdicts by h1 and scanner."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, BinaryIO

import pytest

from modgate.errors import Absent, Unavailable
from modgate.firewall.examiner import Examiner
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.sql import SqlLedger
from modgate.model import BlobMeta, Context
from modgate.model.decision import Decision, Effect
from modgate.policy.facts import Unknown
from modgate.storage.memory import MemoryStore
from modgate.wiring.books import build_books

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model import Blob
    from modgate.model.sightings import SightingBook

_PATH = ModulePath("example.test/lib")
_V1, _V2, _V3 = Version("v1.0.0"), Version("v1.1.0"), Version("v1.2.0")
_CTX = Context(consumer="team-a")


class _Scanner:
    def __init__(self, *, clean: bool = True, name: str = "scanner-1") -> None:
        self.name = name
        self.clean = clean
        self.failing = False
        self.go = asyncio.Event()
        self.go.set()
        self.seen: list[str] = []

    async def scan(self, version: ModuleVersion, h1: str, zip_file: BinaryIO) -> tuple[bool, str]:
        self.seen.append(f"{version} {h1} {zip_file.read().decode()}")
        await self.go.wait()
        if self.failing:
            raise Unavailable("the scanner failed")
        return self.clean, "looked"


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[SightingBook]:
    ledger = await SqlLedger.open(tmp_path / "ledger.sqlite3", clock=time.time)
    yield build_books(ledger).sightings
    await ledger.close()


async def _examiner(
    book: SightingBook | None, scanner: _Scanner | None, *, wait: float = 5.0
) -> tuple[Examiner, list[str]]:
    store = MemoryStore(1 << 20, clock=time.time)
    asked: list[str] = []
    for version in (_V1, _V2, _V3):
        # All have the same bytes, and so the same h1.
        meta = BlobMeta(
            sha256="5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
            size=1,
            stored_at=1.0,
            h1="h1:same",
        )
        await store.put(f"{_PATH}/@v/{version}.zip", b"0", meta)

    fetched = {_V1, _V2}

    async def stored(ctx: Context, version: ModuleVersion) -> Blob:
        if not ctx.fetch and version.version not in fetched:
            raise Absent("it is not stored")
        fetched.add(version.version)
        asked.append(version.version)
        blob = await store.get(f"{_PATH}/@v/{version.version}.zip")
        assert blob is not None
        return blob

    examiner = Examiner(
        stored,
        book,
        licences=lambda _version, _file: ("MIT",),
        scanner=scanner,
        wait=wait,
        concurrency=1,
        clock=lambda: 1000.0,
        monotonic=time.monotonic,
    )
    return examiner, asked


def _quarantined(version: Version) -> Decision:
    return Decision(Effect.QUARANTINE, _PATH, version)


async def test_a_scan_runs_beside_and_is_waited_for_only_so_long(book: SightingBook) -> None:
    scanner = _Scanner()
    scanner.go.clear()
    examiner, _ = await _examiner(book, scanner, wait=0.05)
    first = await examiner.verdicts(_CTX, _PATH, [_V1], exact=True)
    assert first[_V1] == Unknown("the scan is running")
    await examiner.settled(_CTX, _quarantined(_V1))
    assert isinstance((await examiner.verdicts(_CTX, _PATH, [_V1], exact=True))[_V1], Unknown)
    scanner.go.set()
    await examiner.settled(_CTX, _quarantined(_V1))
    await asyncio.sleep(0.2)
    assert (await examiner.verdicts(_CTX, _PATH, [_V1], exact=False))[_V1] is True
    assert scanner.seen == ["example.test/lib@v1.0.0 h1:same 0"], "everybody waits for one scan"


async def test_the_same_bytes_are_not_scanned_again_under_another_name_or_after_a_restart(
    book: SightingBook,
) -> None:
    scanner = _Scanner(clean=False)
    for version in (_V1, _V2):
        examiner, _ = await _examiner(book, scanner)
        await examiner.verdicts(_CTX, _PATH, [version], exact=True)
        await examiner.settled(_CTX, _quarantined(version))
        assert (await examiner.verdicts(_CTX, _PATH, [version], exact=True))[version] is False
    assert len(scanner.seen) == 1
    other = _Scanner(name="scanner-2")
    examiner, _ = await _examiner(book, other)
    await examiner.verdicts(_CTX, _PATH, [_V1], exact=True)
    await examiner.settled(_CTX, _quarantined(_V1))
    assert len(other.seen) == 1, "another scanner looks for itself"


async def test_a_list_begins_no_scan_and_reads_no_zip(book: SightingBook) -> None:
    examiner, asked = await _examiner(book, _Scanner())
    assert isinstance((await examiner.verdicts(_CTX, _PATH, [_V1], exact=False))[_V1], Unknown)
    assert isinstance((await examiner.licences(_CTX, _PATH, [_V1], exact=False))[_V1], Unknown)
    assert asked == []


async def test_a_scan_that_failed_is_no_verdict_and_not_repeated_at_once(book: SightingBook) -> None:
    scanner = _Scanner()
    scanner.failing = True
    examiner, _ = await _examiner(book, scanner)
    for _ in range(3):
        await examiner.verdicts(_CTX, _PATH, [_V1], exact=True)
        await examiner.settled(_CTX, _quarantined(_V1))
    assert (await examiner.verdicts(_CTX, _PATH, [_V1], exact=True))[_V1] == Unknown("the scanner failed")
    assert len(scanner.seen) == 1


async def test_licences_are_read_once_and_kept(book: SightingBook) -> None:
    examiner, asked = await _examiner(book, None)
    assert (await examiner.licences(_CTX, _PATH, [_V1], exact=True))[_V1] == ("MIT",)
    again, asked_again = await _examiner(book, None)
    assert (await again.licences(_CTX, _PATH, [_V1], exact=False))[_V1] == ("MIT",)
    assert (asked, asked_again) == (["v1.0.0"], [])


async def test_closing_ends_what_runs(book: SightingBook) -> None:
    scanner = _Scanner()
    scanner.go.clear()
    examiner, _ = await _examiner(book, scanner)
    await examiner.verdicts(_CTX, _PATH, [_V1], exact=True)
    await asyncio.sleep(0.05)
    await examiner.close()
    assert (await book.verdict("h1:same", "scanner-1")) is None


async def test_who_may_not_have_it_fetched_begins_no_scan_and_keeps_nobody_else_from_one(
    book: SightingBook,
) -> None:
    examiner, asked = await _examiner(book, _Scanner())
    offline = Context(consumer="team-b", fetch=False)
    for _ in range(2):
        found = (await examiner.verdicts(offline, _PATH, [_V3], exact=True))[_V3]
        assert found == Unknown("it was not scanned yet")
    await asyncio.sleep(0.05)
    assert asked == []
    assert (await examiner.verdicts(_CTX, _PATH, [_V3], exact=True))[_V3] == Unknown("the scan is running")
    await examiner.settled(_CTX, _quarantined(_V3))
    assert (await examiner.verdicts(offline, _PATH, [_V3], exact=True))[_V3] is True


async def test_what_is_stored_is_examined_for_those_too_who_may_not_fetch(book: SightingBook) -> None:
    """Else `Disable-Module-Fetch: true` would lead past a rule about a zip that is here."""
    examiner, _ = await _examiner(book, _Scanner())
    offline = Context(consumer="team-b", fetch=False)
    assert (await examiner.licences(offline, _PATH, [_V1], exact=True))[_V1] == ("MIT",)
    assert isinstance((await examiner.licences(offline, _PATH, [_V3], exact=True))[_V3], Unknown)
    await examiner.verdicts(offline, _PATH, [_V1], exact=True)
    await examiner.settled(offline, _quarantined(_V1))
    assert (await examiner.verdicts(offline, _PATH, [_V1], exact=True))[_V1] is True
