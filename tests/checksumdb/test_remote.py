"""Which way to a database is taken, and what its failures mean."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.remote import Candidate
from modgate.errors import Absent, Denied, Unavailable, Unverified
from modgate.ledger.memory import MemoryLedger
from modgate.storage.memory import MemoryStore
from modgate.transport.memory import MemoryUpstream
from tests.checksumdb.setup import ASK, bridge, filled, mv, spec_of
from tests.support.sumdb_server import TestDatabase

if TYPE_CHECKING:
    from modgate.model import Context

DB = filled(60, modules=3)
SUPPORTED = f"sumdb/{DB.name}/supported"


@dataclass
class Ways:
    """A first proxy, a second, and the database itself."""

    db: TestDatabase = field(default_factory=lambda: DB)

    def __post_init__(self) -> None:
        self.first = MemoryUpstream("https://first.test")
        self.second = MemoryUpstream("https://second.test")
        self.direct = MemoryUpstream("https://sum.test", otherwise=bridge(self.db))

    def mirror(self, *candidates: Candidate) -> Mirror:
        ways = candidates or (
            Candidate(self.first),
            Candidate(self.second),
            Candidate(self.direct, proxy=False),
        )
        return Mirror(
            [Mirrored(spec_of(self.db), ways)], MemoryStore(1 << 20), MemoryLedger(clock=float), float
        )

    def opens(self, upstream: MemoryUpstream) -> None:
        upstream.pages[SUPPORTED] = b""
        upstream.otherwise = bridge(self.db)


async def test_a_proxy_that_supports_the_database_is_the_only_one_asked() -> None:
    ways = Ways()
    ways.opens(ways.first)
    await ways.mirror().sums(ASK, mv("example.com/m1"))
    assert ways.first.requests[f"sumdb/{DB.name}/lookup/example.com/m1@v1.0.0"] == 1
    assert not ways.second.requests
    assert not ways.direct.requests


@pytest.mark.parametrize("error", [Absent("404"), Absent("410", gone=True)])
async def test_absent_support_leads_to_the_next_way(error: Absent) -> None:
    ways = Ways()
    ways.first.pages[SUPPORTED] = error
    ways.opens(ways.second)
    await ways.mirror().sums(ASK, mv("example.com/m1"))
    assert not ways.direct.requests


async def test_the_database_itself_comes_last() -> None:
    ways = Ways()
    await ways.mirror().sums(ASK, mv("example.com/m1"))
    assert ways.direct.requests["lookup/example.com/m1@v1.0.0"] == 1
    assert ways.first.requests == {SUPPORTED: 1}


@pytest.mark.parametrize("error", [Unavailable("502"), Denied("403")])
async def test_broken_support_is_not_absent_support(error: Exception) -> None:
    ways = Ways()
    ways.first.pages[SUPPORTED] = error
    mirror = ways.mirror()
    with pytest.raises(Unavailable):
        await mirror.sums(ASK, mv("example.com/m1"))
    assert not ways.second.requests
    assert not ways.direct.requests
    # Nothing was decided by an outage.
    ways.opens(ways.first)
    assert (await mirror.sums(ASK, mv("example.com/m1"))).zip == "h1:zip1="


async def test_a_bar_in_the_chain_goes_on_after_any_error() -> None:
    ways = Ways()
    ways.first.pages[SUPPORTED] = Unavailable("502")
    mirror = ways.mirror(Candidate(ways.first, any_error=True), Candidate(ways.direct, proxy=False))
    assert (await mirror.sums(ASK, mv("example.com/m1"))).zip == "h1:zip1="


async def test_without_a_way_it_is_unavailable_not_unverified() -> None:
    ways = Ways()
    with pytest.raises(Unavailable):
        await ways.mirror(Candidate(ways.first)).sums(ASK, mv("example.com/m1"))
    ways.second.pages[SUPPORTED] = Unavailable("502 from the second")
    mirror = ways.mirror(Candidate(ways.second, any_error=True), Candidate(ways.first))
    with pytest.raises(Unavailable, match="502 from the second"):
        await mirror.sums(ASK, mv("example.com/m1"))


async def test_the_choice_is_made_once_for_all_who_ask_together() -> None:
    ways = Ways()
    ways.opens(ways.first)
    mirror = ways.mirror()
    await asyncio.gather(*(mirror.sums(ASK, mv(f"example.com/m{i}")) for i in range(3)))
    assert ways.first.requests[SUPPORTED] == 1


async def test_a_chosen_proxy_that_breaks_is_not_gone_round() -> None:
    ways = Ways()
    ways.opens(ways.first)
    mirror = ways.mirror()
    await mirror.sums(ASK, mv("example.com/m1"))
    ways.first.broken = Unavailable("down")
    with pytest.raises(Unavailable):
        await mirror.sums(ASK, mv("example.com/m2"))
    ways.first.broken = None
    with pytest.raises(Unverified):
        await mirror.sums(ASK, mv("example.com/none"))
    assert not ways.direct.requests


async def test_a_database_with_a_slash_in_its_name_is_mirrored() -> None:
    db = TestDatabase("localhost.localdev/sumdb")
    db.add("example.com/a", "v1.0.0", "h1:a=", "h1:am=")
    ways = Ways(db)
    mirror = ways.mirror(Candidate(ways.direct, proxy=False))
    assert mirror.names == ("localhost.localdev/sumdb",)
    answer = await mirror.fetch(ASK, "localhost.localdev/sumdb", "lookup/example.com/a@v1.0.0")
    assert b"h1:a=" in answer.body


async def test_a_way_that_is_closed_after_another_was_given_breaks_nothing() -> None:
    ways = Ways()
    ways.opens(ways.second)
    closed = asyncio.Event()

    class Closing(MemoryUpstream):
        async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:  # noqa: ARG002  the protocol's
            await closed.wait()
            raise Unavailable("the gate is stopping", kind="stopping")

    ways.first = Closing("https://first.test")
    mirror = ways.mirror(Candidate(ways.first))
    asking = asyncio.create_task(mirror.sums(ASK, mv("example.com/m1")))
    await asyncio.sleep(0.01)
    mirror.retarget([Mirrored(spec_of(DB), [Candidate(ways.second)])], private=lambda _path: False, exempt="")
    closed.set()
    assert (await asking).zip.startswith("h1:")
    assert ways.second.requests
