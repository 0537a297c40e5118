"""Stages 1 to 10: connections, names, TLS, clocks, HTTP proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.authority import Shown
from tests.lab.names import CORPORATE_PROXY, SYSTEM_RESOLVER
from tests.lab.stages import stage
from tests.lab.tunnels import Tunnel
from tests.lab.web import Meeting

if TYPE_CHECKING:
    from tests.lab.internet import Internet

GOOGLE = ("proxy.golang.org", "sum.golang.org")
FORGED = "31.13.72.54"


@stage(1, "MG-NET-001", phase="connect")
def address_blocked(lab: Internet) -> None:
    for name in GOOGLE:
        lab.silent.update(lab.zone[name])


@stage(2, "MG-SUM-002", "MG-SUM-006", "MG-SUM-007", phase="checksum")
def database_blocked_and_not_carried(lab: Internet) -> None:
    lab.proxies["mirror.example.net"].database = None
    lab.silent.update(lab.zone["sum.golang.org"])
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net"


@stage(2, "MG-SUM-002", "MG-SUM-006", "MG-SUM-007", phase="checksum")
def database_refused_by_name(lab: Internet) -> None:
    lab.proxies["goproxy.cn"].database = None
    lab.web.sites["sum.golang.org"].meeting = Meeting.RESET
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn,direct"


@stage(3, "MG-DNS-003", phase="dns")
def names_forged_to_a_silent_address(lab: Internet) -> None:
    for address in (SYSTEM_RESOLVER, "8.8.8.8", "114.114.114.114"):
        lab.resolvers[address].lies.update(dict.fromkeys(GOOGLE, (FORGED,)))


@stage(3, "MG-DNS-003", phase="dns")
def names_forged_to_a_foreign_server(lab: Internet) -> None:
    for address in (SYSTEM_RESOLVER, "114.114.114.114", "223.5.5.5"):
        lab.resolvers[address].lies.update({"proxy.golang.org": lab.zone["www.baidu.com"]})


@stage(4, "MG-DNS-001", phase="dns")
def name_denied_by_the_resolver(lab: Internet) -> None:
    lab.resolvers[SYSTEM_RESOLVER].missing = frozenset(GOOGLE)


@stage(4, "MG-DNS-002", "MG-SYS-011", phase="dns")
def no_resolver_on_this_machine(lab: Internet) -> None:
    lab.machine.nameservers = ["127.0.0.1"]


@stage(4, "MG-DNS-004", phase="dns")
def resolver_silent(lab: Internet) -> None:
    lab.resolvers[SYSTEM_RESOLVER].silent = True


@stage(4, "MG-DNS-005", phase="dns")
def resolver_failing(lab: Internet) -> None:
    lab.resolvers[SYSTEM_RESOLVER].failing = True


@stage(5, "MG-TLS-009", phase="tls")
def name_blocked_by_reset(lab: Internet) -> None:
    for name in GOOGLE:
        lab.web.sites[name].meeting = Meeting.RESET


@stage(5, "MG-TLS-001", "MG-TLS-009", phase="tls")
def handshake_swallowed(lab: Internet) -> None:
    for name in GOOGLE:
        lab.web.sites[name].meeting = Meeting.STALL


@stage(6, "MG-TLS-004", phase="tls")
def traffic_inspected(lab: Internet) -> None:
    for site in lab.web.sites.values():
        site.shown = Shown.UNKNOWN


@stage(7, "MG-TLS-005", phase="tls")
def certificate_of_another_host(lab: Internet) -> None:
    lab.web.sites["mirror.example.net"].shown = Shown.OTHER_NAME
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net,direct"


@stage(8, "MG-SYS-001", phase="tls")
def clock_slow(lab: Internet) -> None:
    """The machine's clock cannot be moved in here, so the rest of the world is a year ahead."""
    for site in lab.web.sites.values():
        site.shown = Shown.EARLY
    lab.web.ahead = 400 * 86400


@stage(8, "MG-TLS-007", phase="tls")
def certificate_expired(lab: Internet) -> None:
    lab.web.sites["mirror.example.net"].shown = Shown.EXPIRED
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net,direct"


def _behind_a_proxy(lab: Internet, tunnel: Tunnel | None) -> None:
    lab.tunnel = tunnel
    lab.machine.environ["HTTPS_PROXY"] = f"http://{CORPORATE_PROXY}:3128"


@stage(9, "MG-PRX-001", phase="proxy")
def proxy_wants_a_password(lab: Internet) -> None:
    _behind_a_proxy(lab, Tunnel.WANTS_PASSWORD)


@stage(10, "MG-PRX-002", phase="proxy")
def proxy_dead(lab: Internet) -> None:
    _behind_a_proxy(lab, None)


@stage(10, "MG-PRX-008", "MG-PRX-002", phase="proxy")
def proxy_is_none(lab: Internet) -> None:
    _behind_a_proxy(lab, Tunnel.GARBAGE)


@stage(10, "MG-PRX-005", phase="proxy")
def proxy_malformed(lab: Internet) -> None:
    lab.machine.environ["HTTPS_PROXY"] = f"http://{CORPORATE_PROXY}:port"


@stage(None, "MG-PRX-003", phase="proxy")
def proxy_forbids(lab: Internet) -> None:
    _behind_a_proxy(lab, Tunnel.FORBIDS)


@stage(20, "MG-PRX-004", phase="proxy")
def proxy_hangs(lab: Internet) -> None:
    _behind_a_proxy(lab, Tunnel.HANGS)


@stage(None, "MG-NET-002", phase="connect")
def connection_refused(lab: Internet) -> None:
    lab.zone["closed.example.net"] = (CORPORATE_PROXY,)
    lab.machine.settings["GOPROXY"] = "https://closed.example.net,direct"


@stage(None, "MG-NET-003", phase="connect")
def no_route(lab: Internet) -> None:
    lab.unreachable.update(lab.zone["mirror.example.net"])
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net,direct"


@stage(1, "MG-NET-006", "MG-DNS-004", limit=15.0)
def nothing_answers_at_all(lab: Internet) -> None:
    for addresses in lab.zone.values():
        lab.silent.update(addresses)
    lab.silent.update(lab.resolvers)


@stage(3, "MG-SYS-018", phase="dns")
def hosts_file_leads_astray(lab: Internet) -> None:
    lab.machine.hosts = [f"{FORGED} proxy.golang.org"]


@stage(3, "MG-DNS-003", phase="dns")
def names_forged_everywhere_but_in_https(lab: Internet) -> None:
    for resolver in lab.resolvers.values():
        resolver.lies.update(dict.fromkeys(GOOGLE, (FORGED,)))


@stage(3, "MG-DNS-008", "MG-DNS-003", phase="dns")
def names_led_to_this_machine(lab: Internet) -> None:
    lab.resolvers[SYSTEM_RESOLVER].lies.update(dict.fromkeys(GOOGLE, ("127.0.0.1",)))


@stage(5, "MG-TLS-003", "MG-TLS-009", phase="tls")
def handshake_closed(lab: Internet) -> None:
    for name in GOOGLE:
        lab.web.sites[name].meeting = Meeting.CLOSE


@stage(6, "MG-TLS-004", phase="tls")
def one_host_with_a_company_certificate(lab: Internet) -> None:
    lab.web.sites["mirror.example.net"].shown = Shown.UNKNOWN
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net,direct"


@stage(8, "MG-SYS-001", phase="tls")
def clock_fast(lab: Internet) -> None:
    """The rest of the world lives a year ago."""
    for site in lab.web.sites.values():
        site.shown = Shown.EXPIRED
    lab.web.ahead = -400 * 86400


@stage(9, "MG-PRX-001", phase="proxy")
def proxy_refuses_the_password(lab: Internet) -> None:
    lab.tunnel = Tunnel.WANTS_PASSWORD
    lab.machine.environ["https_proxy"] = f"http://me:wrong@{CORPORATE_PROXY}:3128"


@stage(10, "MG-PRX-002", phase="proxy")
def proxy_without_an_address(lab: Internet) -> None:
    lab.machine.environ["HTTPS_PROXY"] = "http://proxy.example-corp.com:3128"


@stage(10, "MG-PRX-002", phase="proxy")
def proxy_silent(lab: Internet) -> None:
    lab.machine.environ["HTTPS_PROXY"] = "http://10.77.99.99:3128"


@stage(10, "MG-PRX-011", "MG-PRX-002", phase="proxy")
def socks_proxy_dead(lab: Internet) -> None:
    lab.machine.environ["HTTPS_PROXY"] = f"socks5://{CORPORATE_PROXY}:1080"


@stage(None, "MG-NET-004")
def ipv6_leads_nowhere(lab: Internet) -> None:
    lab.ipv6 = True
    for name, address in zip(GOOGLE, ("2404:6800:4006:80e::2011", "2404:6800:4006:80e::2012"), strict=True):
        lab.zone[name] = (*lab.zone[name], address)
        lab.silent.add(address)


@stage(6, "MG-SYS-015", phase="tls")
def authority_file_missing(lab: Internet) -> None:
    lab.machine.environ["SSL_CERT_FILE"] = "/opt/corp/ca.pem"
    lab.machine.environ["SSL_CERT_DIR"] = "/opt/corp/certs"


@stage(6, "MG-SYS-014", phase="tls")
def no_authorities_installed(lab: Internet) -> None:
    lab.authorities.bundle.unlink()
