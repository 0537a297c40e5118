"""An upstream whose base address is an answer's word (a page names a module proxy) is guarded as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Denied, Unavailable
from modgate.model import Context
from modgate.transport.reach import NOWHERE, Reach
from tests.support.raw_upstream import RawUpstream, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()
NAMES = {
    "metadata.google.internal": ["169.254.169.254"],
    "rebound.example": ["169.254.169.254", "fd00:ec2::254"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "mapped.example": ["::ffff:100.100.100.200"],
    "loop.example": ["127.0.0.1"],
}


async def resolve(host: str, _port: int) -> list[str]:
    """Names of the test; loopback for those below .test."""
    return NAMES.get(host) or (["127.0.0.1"] if host.endswith(".test") else [])


@pytest.mark.parametrize(
    "host",
    [*NAMES, "127.0.0.1", "169.254.169.254", "[::1]", "[fd00:ec2::254]", "10.0.0.1", "[::ffff:10.0.0.1]"],
)
async def test_the_base_address_itself_is_looked_at(make: Make, host: str) -> None:
    async with RawUpstream.saying(said(200, b"x")) as server:
        upstream = make(f"http://{host}:{server.port}", reach=NOWHERE, resolve=resolve)
        with pytest.raises(Denied, match="not public") as caught:
            await upstream.get(CTX, "p", limit=10)
        assert "vcs.internal_hosts" in caught.value.next_step
        assert not upstream.breaker.open
        assert server.seen == []


async def test_a_named_host_is_reached(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x")) as server:
        upstream = make(f"http://proxy.test:{server.port}", reach=Reach(["*.test"]), resolve=resolve)
        assert await upstream.get(CTX, "p", limit=10) == b"x"
        upstream = make(f"http://127.0.0.1:{server.port}", reach=Reach(["127.0.0.1"]), resolve=resolve)
        assert await upstream.get(CTX, "p", limit=10) == b"x"


async def test_a_name_that_does_not_resolve_is_broken(make: Make) -> None:
    upstream = make("http://nowhere.example", reach=NOWHERE, resolve=resolve)
    with pytest.raises(Unavailable, match="does not resolve"):
        await upstream.get(CTX, "p", limit=10)


@pytest.mark.parametrize("host", [*NAMES, "127.0.0.1", "169.254.169.254", "[::ffff:169.254.169.254]"])
async def test_so_is_every_redirect(make: Make, host: str) -> None:
    async with (
        RawUpstream.saying(said(200, b"secret")) as inside,
        RawUpstream.saying(said(302, b"", {"Location": f"http://{host}:{inside.port}/"})) as server,
    ):
        upstream = make(f"http://proxy.test:{server.port}", reach=Reach(["*.test"]), resolve=resolve)
        with pytest.raises(Unavailable, match="it redirects, which is refused"):
            await upstream.get(CTX, "p", limit=10)
        assert inside.seen == []


async def test_behind_a_proxy_what_is_inside_is_not_asked_for(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawUpstream.saying(said(200, b"x")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        for host in ("metadata.google.internal", "169.254.169.254", "10.0.0.1", "nexus"):
            with pytest.raises(Denied):
                await make(f"http://{host}", reach=NOWHERE, resolve=resolve).get(CTX, "p", limit=10)
        assert proxy.seen == []
        assert await make("http://a.example", reach=NOWHERE, resolve=resolve).get(CTX, "p", limit=10) == b"x"
