"""The log goes on: after a kill at each step, beside other processes, after rot, and not after a restore."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Tampered, Unavailable
from modgate.ledger.logbook import MemoryLogBook
from modgate.ledger.memory import MemoryLedger
from modgate.model.blob import BlobMeta
from modgate.model.ledger import Lease
from modgate.model.logbook import LogEntry, LogHead
from modgate.storage.memory import MemoryStore
from modgate.sumdb.head import open_head
from modgate.sumdb.note import new_verifier, verifier_list
from modgate.sumdb.records import parse_record
from tests.checksumdb.logsetup import ASK, NAME, Company, sums_of
from tests.checksumdb.setup import mv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.checksumdb.log import ChecksumLog
    from modgate.gomod.types import ModuleVersion
    from modgate.storage.memory import MemoryBlob
    from modgate.sumdb.records import Tree


class Killed(BaseException):
    """What a kill is to the code it falls upon."""


def killer(step: str) -> Callable[[str], None]:
    def reached(name: str) -> None:
        if name == step:
            raise Killed

    return reached


def tree_of(company: Company, note: bytes) -> Tree:
    return open_head(note, verifier_list(new_verifier(company.verifier_key))).tree


async def heads(company: Company) -> list[Tree]:
    book = company.book
    assert isinstance(book, MemoryLogBook)
    return [tree_of(company, head.note) for head in book._heads.get(NAME, {}).values()]


@pytest.mark.parametrize("step", ["numbered", "tiled", "signed", "published"])
async def test_a_kill_after_each_step_leaves_a_log_that_is_continued(step: str) -> None:
    company = Company()
    await company.record(*range(254))
    client = company.client()
    await client.sums(ASK, mv("corp.example/m3"))
    head = await company.get("latest")
    victim = company.another("victim")
    await victim.start()
    object.__setattr__(victim._sequencer._parts, "reached", killer(step))
    victim._reached = killer(step)
    with pytest.raises((Killed, asyncio.CancelledError)):
        await asyncio.gather(
            *(
                victim.log(ASK, mv(f"corp.example/m{n}"), sums_of(f"corp.example/m{n}"))
                for n in (300, 301, 302)
            )
        )
    company.now += 10
    company.another("after")
    await company.record(400)
    for number in (3, 300, 301, 302, 400):
        path = f"corp.example/m{number}"
        assert (await client.sums(ASK, mv(path))).zip == sums_of(path).zip
    assert await company.book.size(NAME) == 258
    assert tree_of(company, head).n == 254
    assert await company.alerts() == []


async def test_two_that_both_believe_they_hold_the_lease_come_to_one_log() -> None:
    company = Company()
    company.ledger = Generous(clock=lambda: company.now)
    one, two = company.another("one"), company.another("two")

    async def work(log: ChecksumLog, start: int) -> None:
        for number in range(start, start + 40):
            path = f"corp.example/m{number}"
            await log.log(ASK, mv(path), sums_of(path))

    await asyncio.gather(work(one, 0), work(two, 20), work(one, 1000), work(two, 1020))
    assert await company.book.size(NAME) == 120
    found = await heads(company)
    assert len({tree.n for tree in found}) == len(found)
    company.another("reader")
    client = company.client()
    for number in (0, 59, 1000, 1059):
        await client.sums(ASK, mv(f"corp.example/m{number}"))
    last = max(found, key=lambda tree: tree.n)
    for tree in found:
        edge = await company.log._tiles.edge(tree.n, stored=False)
        assert edge.tree == tree
    assert last.n == 120
    assert await company.alerts() == []


class Generous(MemoryLedger):
    """Gives everybody the lease."""

    async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
        return Lease(name, holder, 1, ttl)


async def test_a_process_that_waits_is_served_by_the_one_that_holds_the_lease() -> None:
    company = Company()
    one, two = company.another("one"), company.another("two")
    lease = await company.ledger.acquire(f"sumlog {NAME}", "somebody", ttl=2)
    assert lease is not None
    waiting = asyncio.create_task(two.log(ASK, mv("corp.example/b"), sums_of("corp.example/b")))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await company.ledger.release(lease)
    await one.log(ASK, mv("corp.example/a"), sums_of("corp.example/a"))
    assert (await waiting).number == 0


async def test_a_store_of_its_own_is_brought_up_to_the_book(tmp_path: object) -> None:
    company = Company()
    await company.record(*range(300))
    fresh = MemoryStore(1 << 28)
    company.store = fresh
    company.another("elsewhere")
    await company.log.start()
    assert tree_of(company, await company.kept("latest") or b"").n == 300
    assert await company.kept("tile/8/0/000") is not None
    assert await company.kept("tile/8/data/001.p/44") is not None
    assert await company.kept("lookup/corp.example/m299@v1.0.0") is not None


async def test_a_restored_older_book_is_refused_with_the_reason(company_of_300: Company) -> None:
    company = company_of_300
    book = MemoryLogBook()
    entries = await company.book.records(NAME, 0, 200)
    await book.append(NAME, [(entry.version, entry.text) for entry in entries])
    assert isinstance(company.book, MemoryLogBook)
    company.book = book
    for _ in range(2):
        company.another("after")
        with pytest.raises(Tampered, match="not continued") as caught:
            await company.record(999)
        assert "fork" in caught.value.next_step
        with pytest.raises(Tampered):
            await company.get("latest")
    assert await book.size(NAME) == 200
    assert await company.alerts() == ["sumdb-fork"] * 2


async def test_a_book_that_grew_differently_from_an_older_state_is_refused(company_of_300: Company) -> None:
    company = company_of_300
    book = MemoryLogBook()
    entries = await company.book.records(NAME, 0, 200)
    await book.append(NAME, [(entry.version, entry.text) for entry in entries])
    company.book = book
    elsewhere = MemoryStore(1 << 28)
    company.another("other", elsewhere)
    await company.record(*range(1000, 1200))
    company.another("here")
    with pytest.raises(Tampered, match="are not those that are published"):
        await company.log.start()


@pytest.mark.parametrize("size", [256, 300])
async def test_the_book_of_another_log_with_the_same_key_is_refused(size: int) -> None:
    company, other = Company(), Company()
    await company.record(*range(size))
    await other.record(*range(1000, 1000 + size))
    company.book = other.book
    company.another("after")
    with pytest.raises(Tampered, match="not continued"):
        await company.log.start()
    await company.alerts()


async def test_a_book_that_goes_back_under_a_running_log_is_noticed(company_of_300: Company) -> None:
    company = company_of_300
    book = company.book
    assert isinstance(book, MemoryLogBook)
    gone = book._entries[NAME].pop()
    del book._numbers[NAME, gone.version]
    with pytest.raises(Tampered, match="is not what was signed"):
        await company.record(5000)
    with pytest.raises(Tampered, match="no longer those that are published"):
        await company.record(5001)
    assert await company.alerts() == ["sumdb-fork", "sumdb-tampered"]
    assert max(tree.n for tree in await heads(company)) == 300


async def test_a_head_of_another_key_is_refused(company_of_300: Company) -> None:
    company = company_of_300
    other = Company(seed=b"d" * 32, book=company.book, store=company.store)
    with pytest.raises(Tampered, match="not signed by the key"):
        await other.record(1)


@pytest.mark.parametrize("rot", [b"garbage", b"\xff\x00", b"shorter", b"flipped"])
@pytest.mark.parametrize("when", ["before the start", "while it runs"])
async def test_a_published_head_that_rots_is_made_anew_from_the_book(
    company_of_300: Company, rot: bytes, when: str
) -> None:
    company = company_of_300
    head = await company.kept("latest") or b""
    if rot == b"shorter":
        rot = head[:60]
    elif rot == b"flipped":
        rot = head.replace(b"\n300\n", b"\n301\n")
    meta = BlobMeta(sha256=hashlib.sha256(rot).hexdigest(), size=len(rot), stored_at=0.0)
    await company.store.replace(f"sumdb/{NAME}/latest", rot, meta)
    if when == "before the start":
        company.another("after")
        assert await company.get("latest") == head
        assert await company.kept("latest") == head
    await company.record(300)
    assert tree_of(company, await company.kept("latest") or b"").n == 301
    assert await company.alerts() == ["sumdb-bitrot"]
    client = company.client()
    assert (await client.sums(ASK, mv("corp.example/m300"))).zip


async def test_another_root_for_a_size_in_the_book_stops_the_log() -> None:
    company = Company()
    forger = Company()
    await forger.record(1, 2, 3)
    head = await forger.book.head(NAME)
    assert head is not None
    await company.record(1)
    await company.book.append(NAME, [(mv("corp.example/x"), b"x\n"), (mv("corp.example/y"), b"y\n")])
    await company.book.set_head(NAME, LogHead(3, head.note))
    with pytest.raises(Tampered, match="no longer holds"):
        await company.get("latest")
    assert tree_of(company, await company.kept("latest") or b"").n == 1


@pytest.fixture
async def company_of_300() -> Company:
    company = Company()
    await company.record(*range(300))
    return company


async def _put(company: Company, rest: str, data: bytes) -> None:
    key = f"sumdb/{NAME}/{rest}"
    await company.log.flush()
    await company.store.remove(key)
    meta = BlobMeta(sha256=hashlib.sha256(data).hexdigest(), size=len(data), stored_at=0.0)
    await company.store.put(key, data, meta)


@pytest.mark.parametrize(
    "rest",
    ["tile/8/0/000", "tile/8/0/001.p/44", "tile/8/1/000.p/1", "tile/8/data/000", "tile/8/data/001.p/44"],
)
@pytest.mark.parametrize("how", ["gone", "flipped", "short"])
@pytest.mark.parametrize("when", ["before the start", "while it runs"])
async def test_a_tile_that_is_gone_or_rotted_is_made_anew_from_the_book(
    company_of_300: Company, rest: str, how: str, when: str
) -> None:
    company = company_of_300
    before = await company.kept(rest)
    assert before is not None
    if when == "while it runs":
        company.another("now")
        await company.log.start()
    if how == "gone":
        await company.store.remove(f"sumdb/{NAME}/{rest}")
    else:
        changed = bytes([before[0] ^ 1]) + before[1:] if how == "flipped" else before[:-1]
        await _put(company, rest, changed)
    if when == "before the start":
        company.another("after")
        await company.log.start()
        assert await company.kept(rest) == before
    assert await company.get(rest) == before
    await company.client().sums(ASK, mv("corp.example/m299"))
    # What was at hand in memory is answered from there; the next start looks at the file.
    await company.log.flush()
    company.another("later")
    await company.log.start()
    assert await company.kept(rest) == before
    await company.record(301, 302)
    await company.client().sums(ASK, mv("corp.example/m302"))
    assert set(await company.alerts()) == (set() if how == "gone" else {"sumdb-bitrot"})


async def test_a_lookup_that_a_power_cut_took_is_written_at_the_next_start(company_of_300: Company) -> None:
    company = company_of_300
    rest = "lookup/corp.example/m299@v1.0.0"
    await company.log.flush()
    await company.store.remove(f"sumdb/{NAME}/{rest}")
    company.another("after")
    await company.log.start()
    assert await company.kept(rest) is not None


async def test_a_tile_of_records_is_not_made_from_a_book_that_rotted(company_of_300: Company) -> None:
    company = company_of_300
    book = company.book
    assert isinstance(book, MemoryLogBook)
    company.another("now")
    await company.log.start()
    entry = book._entries[NAME][17]
    book._entries[NAME][17] = LogEntry(17, entry.version, entry.text.replace(b"h1:", b"h1;"))
    await company.store.remove(f"sumdb/{NAME}/tile/8/data/000")
    with pytest.raises(Tampered, match="no longer holds"):
        await company.get("tile/8/data/000")


class HoledBook(MemoryLogBook):
    """Another book without its record 100."""

    def __init__(self, whole: MemoryLogBook) -> None:
        self.__dict__ = whole.__dict__

    async def records(self, log: str, start: int, stop: int) -> list[LogEntry]:
        return [entry for entry in await super().records(log, start, stop) if entry.number != 100]


async def test_a_record_that_is_gone_from_the_book_does_not_keep_the_others_from_being_answered(
    company_of_300: Company,
) -> None:
    company = company_of_300
    assert isinstance(company.book, MemoryLogBook)
    company.book = HoledBook(company.book)
    company.another("after")
    await company.log.start()
    assert (await company.client().sums(ASK, mv("corp.example/m7"))).zip
    assert await company.alerts() == ["sumdb-tampered"]


async def test_a_signed_head_of_records_that_are_lost_is_refused(company_of_300: Company) -> None:
    company = company_of_300
    book = company.book
    assert isinstance(book, MemoryLogBook)
    book._entries[NAME].pop()
    company.store = MemoryStore(1 << 28)
    company.another("elsewhere")
    with pytest.raises(Tampered, match="has 299 records, and a head of 300 is signed"):
        await company.log.start()


async def test_the_published_head_never_goes_back(company_of_300: Company) -> None:
    company = company_of_300
    older = company.log._sequencer.head
    await company.record(500)
    newest = await company.kept("latest")
    await company.log._sequencer._publish(older)
    assert await company.kept("latest") == newest
    assert newest is not None
    # One that the book does not know is not passed over in silence.
    forger = Company()
    await forger.record(*range(302))
    data = await forger.get("latest")
    meta = BlobMeta(sha256=hashlib.sha256(data).hexdigest(), size=len(data), stored_at=0.0)
    await company.store.replace(f"sumdb/{NAME}/latest", data, meta)
    with pytest.raises(Tampered, match="not the book's"):
        await company.record(501)


async def test_a_record_that_rots_in_the_book_is_refused_not_handed_out(company_of_300: Company) -> None:
    company = company_of_300
    book = company.book
    assert isinstance(book, MemoryLogBook)
    entry = book._entries[NAME][17]
    book._entries[NAME][17] = LogEntry(17, entry.version, entry.text.replace(b"h1:", b"h1;"))
    company.another("after")
    with pytest.raises(Tampered, match="record 17"):
        await company.get(f"lookup/{entry.version.path}@v1.0.0")
    assert "sumdb-tampered" in await company.alerts()


class FullStore(MemoryStore):
    """A store whose disk is full for a while."""

    full = False

    async def put(self, key: str, data: bytes, meta: BlobMeta) -> MemoryBlob:
        self._check()
        return await super().put(key, data, meta)

    async def replace(self, key: str, data: bytes, meta: BlobMeta) -> MemoryBlob:
        self._check()
        return await super().replace(key, data, meta)

    def _check(self) -> None:
        if self.full:
            raise Unavailable("no space left", kind="storage-full")


async def test_what_a_full_disk_refused_is_logged_when_there_is_space_again() -> None:
    store = FullStore(1 << 28)
    company = Company(store=store)
    await company.record(1, 2, 3)
    client = company.client()
    await client.sums(ASK, mv("corp.example/m1"))
    store.full = True
    for _ in range(2):
        with pytest.raises(Unavailable, match="no space"):
            await company.record(4, 5)
    assert parse_record(await company.get("lookup/corp.example/m2@v1.0.0"))[0] == 1
    store.full = False
    await company.record(5, 6)
    for number in (4, 5, 6):
        assert (await client.sums(ASK, mv(f"corp.example/m{number}"))).zip
    assert await company.book.size(NAME) == 6
    assert await company.alerts() == []


async def test_a_locked_book_is_an_outage_and_nothing_is_lost() -> None:
    class LockedBook(MemoryLogBook):
        locked = False

        async def append(self, log: str, records: Sequence[tuple[ModuleVersion, bytes]]) -> list[LogEntry]:
            if self.locked:
                raise Unavailable("locked")
            return await super().append(log, records)

    book = LockedBook()
    company = Company(book=book)
    await company.record(1)
    book.locked = True
    with pytest.raises(Unavailable, match="locked"):
        await company.get("lookup/corp.example/m2@v1.0.0")
    assert await company.get("lookup/corp.example/m1@v1.0.0")
    book.locked = False
    assert parse_record(await company.get("lookup/corp.example/m2@v1.0.0"))[0] == 1


async def test_heads_are_kept_in_the_history_of_the_ledger(company_of_300: Company) -> None:
    await company_of_300.log.flush()
    ledger = company_of_300.ledger
    assert isinstance(ledger, MemoryLedger)
    assert (await ledger.tree_heads(NAME))[0].size == 300
