"""Stages without any outside: a module proxy on 127.0.0.1 that fails, and no network behind it.

So people try things on a train, and so tests run in a sandbox. What is broken at the proxy must be named
first, although names do not resolve and the checksum database is out of reach; where the proxy is sound, that
is the fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab import tunnels
from tests.lab.apps import HTML, ModuleProxy
from tests.lab.authority import Shown
from tests.lab.internet import PLAIN_PORT, TLS_PORT
from tests.lab.names import CORPORATE_PROXY, SYSTEM_RESOLVER
from tests.lab.stages import stage
from tests.lab.web import Break, Meeting, Reply, Site

if TYPE_CHECKING:
    from tests.lab.internet import Internet

MODULE = "example.test/mod@v1.2.3"
PLAIN = f"http://127.0.0.1:{PLAIN_PORT}"
TLS = f"https://127.0.0.1:{TLS_PORT}"


@dataclass(frozen=True, slots=True)
class Island:
    """One way in which the local proxy, or the way to it, fails."""

    ids: tuple[str, ...]
    row: int | None = None
    url: str = PLAIN
    faults: tuple[tuple[str, Reply], ...] = ()
    shown: Shown = Shown.GOOD
    meeting: Meeting = Meeting.OPEN
    h2: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    tunnel: tunnels.Tunnel | None = None


def _everything(body: bytes = b"", status: int = 200, **more: Break) -> tuple[tuple[str, Reply], ...]:
    return (("/*", Reply(body, status, **more)),)  # type: ignore[arg-type]  # breaks alone is given


def _through(proxy: str, tunnel: tunnels.Tunnel | None, *ids: str, row: int | None) -> Island:
    return Island(ids, row, "https://goproxy.invalid", environ={"HTTPS_PROXY": proxy}, tunnel=tunnel)


_PROXY = f"http://{CORPORATE_PROXY}:3128"

ISLANDS: dict[str, Island] = {
    "database_out_of_reach": Island(("MG-SUM-007",), 2, TLS),
    "refused": Island(("MG-NET-002",), url="http://127.0.0.1:9"),
    "forbidden": Island(("MG-STAT-002",), 11, faults=_everything(b"no\n", 403)),
    "unauthorized": Island(("MG-STAT-001",), faults=_everything(b"no\n", 401)),
    "not_found": Island(("MG-STAT-003", "MG-STAT-012"), 12, faults=_everything(b"not found\n", 404)),
    "gone": Island(("MG-STAT-003", "MG-STAT-004", "MG-STAT-012"), 12, faults=_everything(b"gone\n", 410)),
    "too_many": Island(("MG-STAT-005",), faults=_everything(b"slow down\n", 429)),
    "legal": Island(("MG-STAT-006",), faults=_everything(b"law\n", 451)),
    "unavailable": Island(("MG-STAT-007",), faults=_everything(b"down\n", 503)),
    "portal": Island(("MG-CNT-001", "MG-CNT-009"), 18, faults=(("/*", Reply(HTML, type="text/html")),)),
    "not_a_zip": Island(("MG-CNT-002",), 17, faults=(("*.zip", Reply(b"hello there\n")),)),
    "cut": Island(("MG-BODY-001",), 19, faults=(("*.zip", Reply(breaks=Break.CUT)),)),
    "cut_by_http2": Island(("MG-BODY-003",), 19, TLS, (("*.zip", Reply(breaks=Break.CUT)),), h2=True),
    "reset": Island(("MG-HTTP-002",), faults=_everything(breaks=Break.RESET)),
    "closed": Island(("MG-HTTP-001",), 19, faults=_everything(breaks=Break.CLOSE)),
    "garbage": Island(("MG-HTTP-003",), faults=_everything(breaks=Break.GARBAGE)),
    "stall": Island(("MG-HTTP-004", "MG-HTTP-008"), 20, faults=_everything(breaks=Break.HANG)),
    "body_stall": Island(("MG-BODY-002",), 20, faults=(("*.zip", Reply(breaks=Break.STALL)),)),
    "unknown_authority": Island(("MG-TLS-004",), 6, TLS, shown=Shown.UNKNOWN),
    "other_name": Island(("MG-TLS-005",), 7, TLS, shown=Shown.OTHER_NAME),
    "early": Island(("MG-TLS-006", "MG-SYS-001"), 8, TLS, shown=Shown.EARLY),
    "expired": Island(("MG-TLS-007",), 8, TLS, shown=Shown.EXPIRED),
    "handshake_reset": Island(("MG-TLS-002",), 5, TLS, meeting=Meeting.RESET),
    "handshake_stall": Island(("MG-TLS-001",), 5, TLS, meeting=Meeting.STALL),
    "handshake_closed": Island(("MG-TLS-003",), 5, TLS, meeting=Meeting.CLOSE),
    "https_to_a_plain_port": Island(("MG-TLS-008",), url=f"https://127.0.0.1:{PLAIN_PORT}"),
    "http_to_a_tls_port": Island(
        ("MG-HTTP-006", "MG-HTTP-001", "MG-HTTP-003"), url=f"http://127.0.0.1:{TLS_PORT}"
    ),
    "password": _through(_PROXY, tunnels.Tunnel.WANTS_PASSWORD, "MG-PRX-001", row=9),
    "proxy_forbids": _through(_PROXY, tunnels.Tunnel.FORBIDS, "MG-PRX-003", row=None),
    "proxy_dead": _through(_PROXY, None, "MG-PRX-002", row=10),
    "proxy_hangs": _through(_PROXY, tunnels.Tunnel.HANGS, "MG-PRX-004", row=20),
    "unknown_name": Island(("MG-DNS-001",), 4, "https://goproxy.invalid"),
    "off": Island(("MG-CFG-001",), url="off"),
}


def _register(name: str, island: Island) -> None:
    def bend(lab: Internet) -> None:
        proxy = ModuleProxy(lab.world.root, None, "", faults=list(island.faults))
        lab.local = Site(proxy, island.shown, island.meeting, island.h2)
        for addresses in lab.zone.values():
            lab.silent.update(addresses)
        lab.resolvers = {SYSTEM_RESOLVER: lab.resolvers[SYSTEM_RESOLVER]}
        lab.resolvers[SYSTEM_RESOLVER].missing = frozenset("*")
        lab.tunnel = island.tunnel
        lab.machine.environ |= {
            "GOPROXY": island.url,
            "GOENV": "off",
            "GONOSUMDB": "example.test",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            "SSL_CERT_FILE": str(lab.authorities.bundle),
            **island.environ,
        }

    bend.__name__ = f"island_{name}"
    stage(island.row, *island.ids, modules=(MODULE,))(bend)


for _name, _island in ISLANDS.items():
    _register(_name, _island)
