"""What every prober promises, whether it goes out or reads from a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.findings import Phase
from modgate.client.net.facts import FailureKind

if TYPE_CHECKING:
    from modgate.client.net.prober import Prober


class ProberContract:
    """A subclass gives `net`, a prober in a small world: `url` answers 200 with the body `hello`, `dead` is a
    port of 127.0.0.1 where nobody listens, `open_port` one where somebody does.
    """

    url: str
    open_port: int
    dead: int

    async def test_an_exchange_tells_the_whole_answer(self, net: Prober) -> None:
        exchange = await net.get(self.url)
        assert (exchange.url, exchange.status, exchange.body, exchange.size) == (self.url, 200, b"hello", 5)
        assert exchange.failure is None
        assert exchange.complete

    async def test_only_so_much_of_a_body_is_read(self, net: Prober) -> None:
        exchange = await net.get(self.url, most=2)
        assert (exchange.body, exchange.size, exchange.complete) == (b"he", 2, False)
        assert exchange.failure is None

    async def test_what_fails_is_a_fact_with_a_phase(self, net: Prober) -> None:
        exchange = await net.get(f"http://127.0.0.1:{self.dead}/x")
        assert exchange.failure is not None
        assert exchange.failure.phase is Phase.CONNECT
        assert exchange.status == 0

    async def test_a_connection_fails_or_takes_a_time(self, net: Prober) -> None:
        seconds, failure = await net.connect("127.0.0.1", self.open_port)
        assert failure is None
        assert seconds >= 0
        _, failure = await net.connect("127.0.0.1", self.dead)
        assert failure is not None
        assert failure.kind in {FailureKind.REFUSED, FailureKind.UNREACHABLE}

    async def test_an_address_needs_no_resolver(self, net: Prober) -> None:
        for server in ("system", "127.0.0.1:1"):
            assert (await net.resolve("127.0.0.1", server)).addresses == ("127.0.0.1",)

    async def test_a_name_that_nobody_has_is_a_failure(self, net: Prober) -> None:
        resolution = await net.resolve("nobody.invalid")
        assert resolution.addresses == ()
        assert resolution.failure is not None
        assert resolution.failure.phase is Phase.DNS
