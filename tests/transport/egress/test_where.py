"""Where the guard lets programs go, whatever they were told by a repository, a redirect or a name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.transport.egress.conftest import Town

METADATA = [
    "169.254.169.254",
    "fd00:ec2::254",
    "100.100.100.200",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]
INSIDE = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "fc00::1"]


async def refused(town: Town, host: str, port: int = 443, reach: tuple[str, ...] = ()) -> str:
    """Why a connection is refused; that it is, is asserted."""
    async with town.passage(reach) as passage:
        assert await town.socks(passage).connect(host, port) == 2
        assert town.accepted == 0
        return passage.refusals[0]


@pytest.mark.parametrize("address", METADATA + INSIDE)
async def test_a_name_that_leads_inside_is_refused(town: Town, address: str) -> None:
    town.names["evil.example"] = [[address]]
    port = await town.echo()
    assert await refused(town, "evil.example", port) == (
        f"evil.example resolves to {address}, which is not public"
    )


@pytest.mark.parametrize("address", [*METADATA, *INSIDE, "2130706433", "127.1", "0x7f.1"])
async def test_an_address_inside_is_refused(town: Town, address: str) -> None:
    town.names.update({short: [["127.0.0.1"]] for short in ("2130706433", "127.1", "0x7f.1")})
    assert "not public" in await refused(town, address)


@pytest.mark.parametrize("address", METADATA)
async def test_a_named_zone_does_not_lead_to_metadata(town: Town, address: str) -> None:
    town.names["x.corp.test"] = [[address]]
    assert "not public" in await refused(town, "x.corp.test", 443, ("*.corp.test",))


async def test_a_name_is_resolved_once_and_the_looked_at_address_is_used(town: Town) -> None:
    """A rebound name: the second answer would be another place."""
    port = await town.echo()
    town.names["good.test"] = [["127.0.0.1"], ["127.0.0.2"]]
    async with town.passage() as passage:
        assert await town.socks(passage).connect("good.test", port) == 0
        assert town.asked == ["good.test"]
        assert town.accepted == 1


async def test_of_several_addresses_those_inside_are_left_out(town: Town) -> None:
    port = await town.echo()
    town.names["mixed.test"] = [["169.254.169.254", "127.0.0.1"]]
    async with town.passage(("mixed.test",)) as passage:
        assert await town.socks(passage).connect("mixed.test", port) == 0
    assert town.accepted == 1


async def test_of_several_addresses_the_next_one_is_tried(town: Town) -> None:
    port = await town.echo()
    town.names["good.test"] = [["127.0.0.2", "127.0.0.1"]]
    async with town.passage() as passage:
        assert await town.socks(passage).connect("good.test", port) == 0
        assert passage.refusals == []


async def test_a_run_may_name_further_hosts(town: Town) -> None:
    port = await town.echo()
    town.names["own.test"] = [["127.0.0.1"]]
    gate = town.gate(())
    async with gate.passage(quota=100, internal=frozenset({f"own.test:{port}"})) as passage:
        assert await town.socks(passage).connect("OWN.test.", port) == 0
    async with gate.passage(quota=100) as passage:
        assert await town.socks(passage).connect("own.test", port) == 2


@pytest.mark.parametrize("port", [9418, 25, 23, 1, 111, 445])
async def test_ports_of_no_repository_are_refused(town: Town, port: int) -> None:
    said = await refused(town, "good.test", port, ("good.test",))
    assert said == f"good.test:{port}: no repository is fetched over port {port}"
    assert town.asked == []


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "a\r\nb", "", "x" * 254, "fe80::1%eth0", "a/b"])
async def test_what_is_no_host_is_refused(town: Town, host: str) -> None:
    assert await refused(town, host) == "a host that is none was asked for"
    assert town.asked == []


async def test_a_failure_is_told_and_is_no_refusal(town: Town) -> None:
    async with town.passage() as passage:
        assert await town.socks(passage).connect("nowhere.test", 443) == 4
        assert await town.socks(passage).connect("good.test", 1024) == 4
        assert passage.refusals[0] == "nowhere.test does not resolve: Name or service not known"
        assert passage.refusals[1].startswith("cannot connect to good.test:1024: ")


async def test_a_name_that_never_resolves_ends(town: Town) -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    from modgate.transport.dial import Dialer, DialError  # noqa: PLC0415  one test's
    from modgate.transport.reach import NOWHERE  # noqa: PLC0415

    with pytest.raises(DialError, match=r"good.test:443 did not answer in 0.05 s"):
        await Dialer(resolve=never, proxies=dict, connect=0.05).dial("good.test", 443, NOWHERE)
