"""The checks of the network where no test machine is: in other countries, without IPv6, without anything."""

from __future__ import annotations

import pytest

from modgate.client.causes import connect, dns, system, tls
from modgate.client.findings import Impact, Phase, Severity
from modgate.client.net.facts import Certificate, Exchange, Failure, FailureKind, Step
from modgate.client.net.scripted import ScriptedProber
from tests.client.net.scenes import findings, ids, run, scene

Exchanges = dict[str | tuple[str, str], Exchange]

NOW = 1_800_000_000.0
CHAIN = "https://proxy.one.test,https://proxy.two.test,direct"
LIST = "/rsc.io/quote/@v/list"
INFO = "/rsc.io/quote/@v/v1.5.2.info"
RIGHT, WRONG, OTHER = "20.30.40.50", "31.13.70.9", "20.30.40.51"
PUBLIC = ("9.9.9.9", "149.112.112.112")

TIMEOUT = Failure(Phase.CONNECT, FailureKind.TIMEOUT)
UNREACHABLE = Failure(Phase.CONNECT, FailureKind.UNREACHABLE, "Network is unreachable")
NXDOMAIN = Failure(Phase.DNS, FailureKind.NO_SUCH_HOST, "NXDOMAIN")
NO_ADDRESS = Failure(Phase.DNS, FailureKind.NO_ADDRESS)
SILENT = Failure(Phase.DNS, FailureKind.TIMEOUT)
WRONG_NAME = Failure(Phase.TLS, FailureKind.WRONG_NAME, "other.test")
GOOD = Certificate(("proxy.one.test",), "Public CA", 0, 2e9, trusted=True, chain_root="Root", logged=True)


def whole(
    body: bytes = b"v1.5.2\n", *, date: float | None = NOW, certificate: Certificate = GOOD
) -> Exchange:
    return Exchange(
        "",
        200,
        body=body,
        size=len(body),
        date=date,
        received=NOW,
        certificate=certificate,
        complete=True,
        address=RIGHT,
    )


def answers(*hosts: str, date: float | None = NOW, certificate: Certificate = GOOD) -> Exchanges:
    info = whole(b'{"Version":"v1.5.2"}', date=date, certificate=certificate)
    found: Exchanges = {f"https://{host}{LIST}": whole(date=date, certificate=certificate) for host in hosts}
    return found | {f"https://{host}{INFO}": info for host in hosts}


def healthy(*hosts: str) -> ScriptedProber:
    return ScriptedProber(
        names=dict.fromkeys(hosts, (RIGHT,)),
        connections={RIGHT: 0.01},
        handshakes={(RIGHT, host): GOOD for host in hosts},
        exchanges=answers(*hosts),
    )


async def test_a_healthy_network_gives_no_finding() -> None:
    net = healthy("proxy.one.test", "proxy.two.test")
    assert await findings(scene(net, CHAIN, resolvers=PUBLIC, now=NOW)) == []


async def test_answers_that_differ_prove_nothing_where_the_address_proves_the_name() -> None:
    net = ScriptedProber(
        names={"proxy.one.test": (RIGHT,), ("proxy.one.test", PUBLIC[0]): (OTHER,)},
        connections={RIGHT: 0.01},
        handshakes={(RIGHT, "proxy.one.test"): GOOD},
        exchanges=answers("proxy.one.test"),
    )
    assert await findings(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW)) == []


async def test_public_resolvers_that_cannot_be_reached_are_no_fault() -> None:
    names: dict[str | tuple[str, str], tuple[str, ...] | Failure] = {"proxy.one.test": (RIGHT,)}
    names |= {("proxy.one.test", server): SILENT for server in PUBLIC}
    net = ScriptedProber(
        names=names,
        connections={RIGHT: 0.01},
        handshakes={(RIGHT, "proxy.one.test"): GOOD},
        exchanges=answers("proxy.one.test"),
    )
    assert await findings(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW)) == []


@pytest.mark.parametrize("what", [WRONG_NAME, TIMEOUT, Failure(Phase.TLS, FailureKind.RESET)])
async def test_an_address_that_cannot_prove_the_name_beside_one_that_can_is_poisoning(what: Failure) -> None:
    net = ScriptedProber(
        names={"proxy.one.test": (WRONG,), ("proxy.one.test", PUBLIC[1]): (RIGHT,)},
        connections={WRONG: 0.01, RIGHT: 0.01},
        handshakes={(RIGHT, "proxy.one.test"): GOOD, (WRONG, "proxy.one.test"): what},
    )
    found = await findings(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW))
    poisoned = next(finding for finding in found if finding.cause is dns.POISONED)
    assert (poisoned.values["address"], poisoned.values["right"]) == (WRONG, RIGHT)
    assert poisoned.subject == "https://proxy.one.test"


async def test_a_wrong_certificate_everywhere_is_no_poisoning() -> None:
    net = ScriptedProber(
        names={"proxy.one.test": (WRONG,)},
        connections={WRONG: 0.01},
        handshakes={(WRONG, "proxy.one.test"): WRONG_NAME},
    )
    found = await ids(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW))
    assert not set(found) & {dns.POISONED.id, dns.BOGON.id}


async def test_an_impossible_address_for_a_public_host_is_a_bogon() -> None:
    net = ScriptedProber(
        names={"proxy.one.test": ("0.0.0.0",), ("proxy.one.test", PUBLIC[1]): (RIGHT,)},
        handshakes={(RIGHT, "proxy.one.test"): GOOD},
    )
    found = await ids(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW))
    assert dns.BOGON.id in found


async def test_a_line_of_the_hosts_file_that_leads_astray_is_named() -> None:
    net = ScriptedProber(
        names={"proxy.one.test": (WRONG,), ("proxy.one.test", PUBLIC[1]): (RIGHT,)},
        connections={WRONG: 0.01},
        handshakes={(RIGHT, "proxy.one.test"): GOOD, (WRONG, "proxy.one.test"): WRONG_NAME},
    )
    files = {"/etc/hosts": f"127.0.0.1 localhost\n# {WRONG} other.test\n{WRONG} x Proxy.One.Test # old\n"}
    found = await findings(scene(net, "https://proxy.one.test", resolvers=PUBLIC, files=files, now=NOW))
    (named,) = [finding for finding in found if finding.cause.phase is Phase.DNS]
    assert named.cause is system.HOSTS_FILE
    assert (named.values["file"], named.values["line"]) == ("/etc/hosts", "3")


async def test_a_private_address_that_proves_its_name_is_fine() -> None:
    net = ScriptedProber(
        names={"proxy.one.test": ("10.1.2.3",)},
        connections={"10.1.2.3": 0.01},
        handshakes={("10.1.2.3", "proxy.one.test"): GOOD},
        exchanges=answers("proxy.one.test"),
    )
    assert await findings(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW)) == []


@pytest.mark.parametrize(
    ("system_says", "server_says", "cause"),
    [
        (NXDOMAIN, NXDOMAIN, dns.NO_SUCH_HOST),
        (SILENT, Failure(Phase.DNS, FailureKind.REFUSED), dns.RESOLVER_REFUSED),
        (SILENT, SILENT, dns.RESOLVER_TIMEOUT),
        (SILENT, Failure(Phase.DNS, FailureKind.SERVER_FAILURE, "SERVFAIL"), dns.SERVER_FAILURE),
        (
            Failure(Phase.DNS, FailureKind.NO_ADDRESS),
            Failure(Phase.DNS, FailureKind.NO_ADDRESS),
            dns.NO_ADDRESS,
        ),
    ],
    ids=["nxdomain", "refused", "timeout", "servfail", "no-address"],
)
async def test_what_the_resolver_does_is_told_with_its_address(
    system_says: Failure, server_says: Failure, cause: object
) -> None:
    hosts = ("proxy.one.test", "proxy.two.test")
    names: dict[str | tuple[str, str], tuple[str, ...] | Failure] = dict.fromkeys(hosts, system_says)
    names |= {(host, "192.0.2.53"): server_says for host in hosts}
    net = ScriptedProber(names=names, connections=dict.fromkeys(PUBLIC, 0.01))
    files = {"/etc/resolv.conf": "# made by hand\nnameserver 192.0.2.53\n"}
    found = await findings(scene(net, CHAIN, resolvers=PUBLIC, files=files, now=NOW))
    assert {finding.cause for finding in found} == {cause}
    assert all(finding.values.get("server", "192.0.2.53") == "192.0.2.53" for finding in found)
    if cause in {dns.RESOLVER_REFUSED, dns.RESOLVER_TIMEOUT, dns.SERVER_FAILURE}:
        assert len(found) == 1


async def test_without_any_network_there_is_one_finding() -> None:
    down = Failure(Phase.DNS, FailureKind.UNREACHABLE, "Network is unreachable")
    names: dict[str | tuple[str, str], tuple[str, ...] | Failure] = dict.fromkeys(
        ("proxy.one.test", "proxy.two.test"), SILENT
    )
    names |= {(host, server): down for host in ("proxy.one.test", "proxy.two.test") for server in PUBLIC}
    net = ScriptedProber(names=names)
    found = await findings(scene(net, CHAIN, resolvers=PUBLIC, now=NOW))
    assert [finding.cause for finding in found if finding.cause.phase is Phase.CONNECT] == [connect.OFFLINE]
    assert len(found) <= 2


async def test_one_blocked_address_beside_others_that_connect_is_a_timeout() -> None:
    net = ScriptedProber(
        names={"proxy.one.test": (WRONG,), "proxy.two.test": (RIGHT,)},
        connections={WRONG: TIMEOUT, RIGHT: 0.01},
        handshakes={(RIGHT, "proxy.two.test"): GOOD, (WRONG, "proxy.one.test"): TIMEOUT},
        exchanges=answers("proxy.two.test"),
    )
    (found,) = await findings(scene(net, CHAIN, resolvers=PUBLIC, now=NOW))
    assert (found.cause, found.values["address"], found.confidence) == (connect.TIMEOUT, WRONG, 1.0)


async def test_ipv6_that_swallows_connections_is_found_and_one_without_a_route_is_not() -> None:
    for failure, expected in ((TIMEOUT, [connect.IPV6_BROKEN.id]), (UNREACHABLE, [])):
        net = ScriptedProber(
            names={"proxy.one.test": ("2a00:1450::7", RIGHT)},
            connections={RIGHT: 0.01, "2a00:1450::7": failure},
            handshakes={(RIGHT, "proxy.one.test"): GOOD, ("2a00:1450::7", "proxy.one.test"): failure},
            exchanges=answers("proxy.one.test"),
        )
        assert await ids(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW)) == expected


async def test_behind_a_proxy_names_and_addresses_are_left_alone() -> None:
    environ = {"HTTPS_PROXY": "http://10.0.0.1:3128"}
    net = ScriptedProber(exchanges=answers("proxy.one.test"))
    assert await findings(scene(net, "https://proxy.one.test", environ=environ, resolvers=PUBLIC)) == []
    assert not any(probe.startswith(("resolve", "connect", "handshake")) for probe in net.asked)


@pytest.mark.parametrize(("ahead", "found"), [(0.0, 0), (120.0, 0), (-200.0, 0), (400.0, 1), (-86400.0, 1)])
async def test_a_clock_is_only_told_of_when_it_is_minutes_away(ahead: float, found: int) -> None:
    net = healthy("proxy.one.test", "proxy.two.test")
    late = answers("proxy.one.test", "proxy.two.test", date=NOW - ahead)
    net = ScriptedProber(
        names=dict.fromkeys(("proxy.one.test", "proxy.two.test"), (RIGHT,)),
        connections={RIGHT: 0.01},
        handshakes={(RIGHT, host): GOOD for host in ("proxy.one.test", "proxy.two.test")},
        exchanges=late,
    )
    result = await findings(scene(net, CHAIN, now=NOW))
    assert [finding.cause for finding in result] == [system.CLOCK_WRONG] * found
    assert all(finding.shown_severity is Severity.NOTE for finding in result)


async def test_a_clock_that_makes_certificates_invalid_is_an_error() -> None:
    refused = Failure(Phase.TLS, FailureKind.NOT_YET_VALID)
    shown = Certificate(("proxy.one.test",), "CA", NOW + 1e6, NOW + 9e6, trusted=False)
    net = ScriptedProber(
        names={"proxy.one.test": (RIGHT,)},
        connections={RIGHT: 0.01},
        handshakes={(RIGHT, "proxy.one.test"): (shown, refused)},
        exchanges={
            f"https://proxy.one.test{LIST}": Exchange("", failure=refused, certificate=shown, address=RIGHT),
            "http://proxy.one.test/": Exchange("", 301, date=NOW + 2e6, received=NOW),
        },
    )
    found = {
        finding.cause: finding for finding in await findings(scene(net, "https://proxy.one.test", now=NOW))
    }
    assert set(found) == {system.CLOCK_WRONG, tls.NOT_YET_VALID}
    assert found[system.CLOCK_WRONG].impact is Impact.BLOCKS
    assert found[system.CLOCK_WRONG].values["seconds"] == "2000000"


@pytest.mark.parametrize(
    ("second", "logged", "found"),
    [("mirror.another.test", False, 1), ("mirror.another.test", True, 0), ("mirror.one.test", False, 0)],
)
async def test_inspection_needs_hosts_of_two_owners_and_one_unlogged_authority(
    second: str, *, logged: bool, found: int
) -> None:
    private = Certificate((second,), "Gateway CA", 0, 2e9, trusted=True, chain_root="Corp", logged=logged)
    hosts = ("proxy.one.test", second)
    net = ScriptedProber(
        names=dict.fromkeys(hosts, (RIGHT,)),
        connections={RIGHT: 0.01},
        handshakes={(RIGHT, host): private for host in hosts},
        exchanges=answers(*hosts, certificate=private),
    )
    chain = ",".join(f"https://{host}" for host in hosts)
    result = await findings(scene(net, chain, resolvers=PUBLIC, now=NOW))
    assert [finding.cause for finding in result] == [tls.INTERCEPTED] * found


@pytest.mark.parametrize(
    ("rate", "other", "found"), [(20e3, 2e6, 1), (20e3, 40e3, 0), (2e6, 9e7, 0), (20e3, None, 0)]
)
async def test_throttling_needs_two_rates_that_were_measured(
    rate: float, other: float | None, found: int
) -> None:
    large = "/golang.org/x/text/@v/v0.14.0.zip"

    def body(at: float | None) -> Exchange:
        if at is None:
            return Exchange("", 404, complete=True)
        size = min(int(at * 3), 2 << 20)
        return Exchange("", 200, body=b"x" * size, size=size, steps=(Step("body", size / at),))

    net = healthy("proxy.one.test")
    net = ScriptedProber(
        names={"proxy.one.test": (RIGHT,)},
        connections={RIGHT: 0.01},
        handshakes={(RIGHT, "proxy.one.test"): GOOD},
        exchanges={
            **answers("proxy.one.test"),
            f"https://proxy.one.test{large}": body(rate),
            f"https://goproxy.cn{large}": body(other),
        },
    )
    result = await findings(scene(net, "https://proxy.one.test", resolvers=PUBLIC, now=NOW))
    assert [finding.cause for finding in result] == [connect.THROTTLED] * found


async def test_an_empty_chain_and_folders_are_no_endpoints() -> None:
    net = ScriptedProber()
    for chain in ("off", "direct", "file:///srv/proxy"):
        assert await findings(scene(net, chain, resolvers=PUBLIC, now=NOW)) == []
    assert net.asked == []


async def test_the_data_of_a_check_holds_no_credentials() -> None:
    from modgate.client.doctor import waterfall  # noqa: PLC0415  one check alone

    url = "https://me:secret@proxy.one.test"
    net = ScriptedProber(exchanges={f"{url}{LIST}": whole(), f"{url}{INFO}": whole(b"<html>")})
    result = await run(waterfall.CHECK, scene(net, url, now=NOW))
    assert result.findings
    assert "secret" not in f"{result}"
