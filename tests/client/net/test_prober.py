"""Both probers keep the promises of their contract; the live one measures what it does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.client.findings import Phase
from modgate.client.net.facts import Exchange, FailureKind
from modgate.client.net.limits import Limits
from modgate.client.net.scripted import ScriptedProber
from modgate.wiring.client import prober
from tests.client.net.prober_contract import ProberContract
from tests.client.net.servers import Names, answering, closed_port, listening, said, silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.client.net.prober import Prober

SHORT = Limits(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 2.5)


class TestLiveProber(ProberContract):
    @pytest.fixture
    async def net(self) -> AsyncIterator[Prober]:
        async with listening(answering(said(200, b"hello"))) as port:
            self.url, self.open_port, self.dead = f"http://127.0.0.1:{port}/x", port, closed_port()
            yield prober({}, limits=SHORT)


class TestScriptedProber(ProberContract):
    @pytest.fixture
    def net(self) -> Prober:
        self.url, self.open_port, self.dead = "http://127.0.0.1:8080/x", 8080, 8081
        return ScriptedProber(
            connections={("127.0.0.1", 8080): 0.001},
            exchanges={self.url: Exchange("", 200, body=b"hello", size=5, complete=True)},
        )


async def test_two_that_ask_the_same_share_one_experiment() -> None:
    seen: list[bytes] = []
    async with listening(answering(said(200, b"hello"), seen=seen)) as port:
        net, url = prober({}, limits=SHORT), f"http://127.0.0.1:{port}/x"
        await asyncio.gather(*(net.get(url) for _ in range(5)))
        assert len(seen) == 1
        await net.get(url, fresh=True)
        assert len(seen) == 2


async def test_who_stops_waiting_does_not_spoil_the_answer_of_others() -> None:
    async with listening(answering(said(200, b"hello"))) as port:
        net, url = prober({}, limits=SHORT), f"http://127.0.0.1:{port}/x"
        first = asyncio.create_task(net.get(url))
        await asyncio.sleep(0)
        first.cancel()
        assert (await net.get(url)).status == 200


async def test_a_resolver_answers_for_both_families() -> None:
    names = Names({"a.test": ["192.0.2.1", "2001:db8::1"], "b.test": [], "c.test": "SERVFAIL"})
    async with names.listening() as server:
        net = prober({}, limits=SHORT)
        assert (await net.resolve("a.test", server)).addresses == ("192.0.2.1", "2001:db8::1")
        kinds = {
            host: getattr((await net.resolve(host, server)).failure, "kind", None)
            for host in ("b.test", "c.test", "d.test")
        }
    assert kinds == {
        "b.test": FailureKind.NO_ADDRESS,
        "c.test": FailureKind.SERVER_FAILURE,
        "d.test": FailureKind.NO_SUCH_HOST,
    }


async def test_a_cut_answer_is_asked_for_again_by_tcp() -> None:
    names = Names({"a.test": [f"192.0.2.{n}" for n in range(1, 100)]}, cut=True)
    async with names.listening() as server:
        net = prober({}, limits=SHORT)
        assert len((await net.resolve("a.test", server)).addresses) == 99
        assert {asked.split()[0] for asked in names.asked} == {"udp", "tcp"}
        names.asked.clear()
        await net.resolve("a.test", f"tcp://{server}")
        assert {asked.split()[0] for asked in names.asked} == {"tcp"}


async def test_a_resolver_that_is_deaf_or_absent_is_told_apart() -> None:
    net = prober({}, limits=SHORT)
    async with Names({}, deaf=True).listening() as server:
        failure = (await net.resolve("a.test", server)).failure
        assert failure is not None
        assert failure.kind is FailureKind.TIMEOUT
    failure = (await net.resolve("a.test", f"127.0.0.1:{closed_port()}")).failure
    assert failure is not None
    assert failure.kind is FailureKind.REFUSED


async def test_dns_over_https_is_asked_by_post() -> None:
    names = Names({"a.test": ["192.0.2.1"]})
    asked: list[bytes] = []

    async def doh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        length = int(
            next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")).split()[1]
        )
        answer = names.answer(await reader.readexactly(length))
        writer.write(said(200, answer, Content_Type="application/dns-message"))
        await writer.drain()

    async with listening(doh) as port:
        resolution = await prober({}, limits=SHORT).resolve("a.test", f"http://127.0.0.1:{port}/dns-query")
    assert resolution.addresses == ("192.0.2.1",)
    assert all(head.startswith(b"POST /dns-query") for head in asked)


async def test_a_probe_ends_when_its_whole_time_is_over() -> None:
    limits = Limits(5, 5, 5, 5, 5, 5, total=0.4)
    async with listening(silent) as port:
        exchange = await prober({}, limits=limits).get(f"http://127.0.0.1:{port}/x")
    assert exchange.failure is not None
    assert exchange.failure.phase is Phase.HEADERS
    assert exchange.seconds < 2


async def test_a_slow_body_is_left_after_the_seconds_that_it_may_take() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said(200, b"", length=100000))
        while True:
            writer.write(b"x" * 10)
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(drip) as port:
        exchange = await prober({}, limits=SHORT).get(f"http://127.0.0.1:{port}/x", seconds=0.3)
    assert exchange.failure is None
    assert not exchange.complete
    assert 0 < exchange.size < 1000
