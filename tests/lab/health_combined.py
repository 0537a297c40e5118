"""More stages of health: settings and networks that look odd and work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.apps import ModuleProxy
from tests.lab.authority import Shown
from tests.lab.faults_combined import CHINA, CLASH, GOOGLE, INSIDE, aliyun
from tests.lab.internet import PLAIN_PORT
from tests.lab.names import SYSTEM_RESOLVER
from tests.lab.stages import Bend, stage
from tests.lab.walls import PROXY, publish, wall
from tests.lab.web import Break, Reply, Site

if TYPE_CHECKING:
    from tests.lab.internet import Internet


def _value(name: str, **settings: str) -> None:
    def bend(lab: Internet) -> None:
        lab.machine.settings.update(settings)

    bend.__name__ = f"healthy_with_{name}"
    register: Bend = stage(None, limit=5.0)(bend)
    assert register is bend


_value("bars", GOPROXY="https://goproxy.cn|https://goproxy.io|direct")
_value("slashes_at_the_end", GOPROXY="https://goproxy.cn/,https://goproxy.io/,direct")
_value("usual_flags", GOFLAGS="-mod=mod -trimpath -buildvcs=false -ldflags=-w")
_value("toolchain_local", GOTOOLCHAIN="local")
_value("toolchain_of_its_own", GOTOOLCHAIN="go1.26.8")
_value("toolchain_or_newer", GOTOOLCHAIN="go1.26.8+auto")
_value("toolchain_path", GOTOOLCHAIN="path")
_value("private_patterns", GOPRIVATE="*.corp.example.net,github.com/our-org/*", GOPROXY=CHINA)


def _company(lab: Internet, url: str = f"https://{INSIDE}") -> None:
    publish(lab, INSIDE, "10.77.3.3")
    lab.web.sites[INSIDE] = Site(ModuleProxy(lab.world.root, lab.folder / "database", lab.database.name))
    lab.machine.settings["GOPROXY"] = url


@stage(None)
def healthy_in_a_closed_company(lab: Internet) -> None:
    """Its own GOPROXY at a private address is all there is; no other resolver can be asked."""
    wall(lab)
    lab.more.clear()
    _company(lab)


@stage(None)
def healthy_with_a_plain_proxy_nearby(lab: Internet) -> None:
    _company(lab, f"http://{INSIDE},direct")


@stage(None)
def healthy_with_the_company_first(lab: Internet) -> None:
    """Public resolvers do not know the company's name: split horizon, no fault."""
    _company(lab, f"https://{INSIDE},https://proxy.golang.org,direct")
    for address, resolver in lab.resolvers.items():
        if address != SYSTEM_RESOLVER:
            resolver.missing = frozenset({INSIDE})


@stage(None)
def healthy_behind_a_wall(lab: Internet) -> None:
    """Names of the outside do not resolve; the HTTP proxy resolves them."""
    wall(lab)
    lab.machine.environ |= {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": "localhost,127.0.0.1"}


@stage(None)
def healthy_behind_a_wall_with_a_company_proxy(lab: Internet) -> None:
    wall(lab)
    _company(lab)
    lab.machine.environ |= {"HTTPS_PROXY": PROXY, "NO_PROXY": ".corp.example.net,10.0.0.0/8"}


@stage(None)
def healthy_with_clash(lab: Internet) -> None:
    """Google is blocked and its names are forged; Clash on this machine leads past it."""
    wall(lab, names=True, address="127.0.0.1", port=7890)
    lab.resolvers[SYSTEM_RESOLVER].lies.update(dict.fromkeys(GOOGLE, ("31.13.72.54",)))
    both = {"HTTPS_PROXY": CLASH, "HTTP_PROXY": CLASH}
    lab.machine.environ |= both | {name.lower(): value for name, value in both.items()}


@stage(None)
def healthy_with_clash_as_a_tunnel(lab: Internet) -> None:
    """Fake addresses of 198.18.0.0/15 that lead to the right servers."""
    fake = {name: (f"198.18.0.{i + 1}",) for i, name in enumerate(GOOGLE)}
    lab.resolvers[SYSTEM_RESOLVER].lies.update(fake)
    for name, addresses in fake.items():
        lab.zone[name] = (*lab.zone[name], *addresses)
    for resolver in lab.resolvers.values():
        resolver.lies.update(fake)


@stage(None)
def healthy_on_loopback_although_clash_is_dead(lab: Internet) -> None:
    """A local proxy that carries everything; go never sends loopback through a proxy."""
    lab.local = Site(ModuleProxy(lab.world.root, lab.folder / "database", lab.database.name))
    lab.machine.settings["GOPROXY"] = f"http://127.0.0.1:{PLAIN_PORT}"
    lab.machine.environ["HTTPS_PROXY"] = CLASH


@stage(None)
def healthy_with_localhost_first(lab: Internet) -> None:
    lab.local = Site(ModuleProxy(lab.world.root, lab.folder / "database", lab.database.name))
    lab.machine.settings["GOPROXY"] = f"http://localhost:{PLAIN_PORT},https://goproxy.cn,direct"


@stage(None)
def healthy_with_a_mirror_without_database(lab: Internet) -> None:
    """The database itself answers."""
    aliyun(lab)


@stage(None)
def healthy_with_clock_ten_minutes_off(lab: Internet) -> None:
    lab.web.ahead = 600


@stage(None)
def healthy_with_an_older_certificate_file(lab: Internet) -> None:
    """SSL_CERT_FILE lacks the company's authority, and go reads the system's folder all the same."""
    for site in lab.web.sites.values():
        site.shown = Shown.UNKNOWN
    lab.machine.home.mkdir()
    old = lab.machine.home / "ca.pem"
    old.write_bytes(lab.authorities.bundle.read_bytes())
    lab.authorities.trust_inspection()
    lab.machine.environ["SSL_CERT_FILE"] = str(old)


@stage(None)
def healthy_in_continuous_integration(lab: Internet) -> None:
    lab.machine.environ |= {"CI": "true", "NO_COLOR": "1", "LANG": "C", "SHELL": "", "GITHUB_ACTIONS": "true"}


@stage(None)
def healthy_without_a_home(lab: Internet) -> None:
    cache = lab.folder / "cache"
    lab.machine.environ |= {
        "HOME": "",
        "GOPATH": str(cache / "go"),
        "GOCACHE": str(cache / "build"),
        "GOENV": "off",
    }


@stage(None)
def healthy_with_ipv6_alone(lab: Internet) -> None:
    """NAT64 without IPv4: every name has an IPv6 address that answers, no IPv4 address does."""
    lab.ipv6 = True
    for name in lab.zone:
        lab.silent.update(lab.zone[name])
    for index, name in enumerate(sorted(lab.zone)):
        lab.zone[name] = (f"2001:db8:77::{index + 1:x}",)


@stage(None)
def healthy_past_a_silent_mirror_later(lab: Internet) -> None:
    lab.proxies["second.example.net"].faults = [("/*", Reply(breaks=Break.HANG))]
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn,https://second.example.net,direct"


@stage(None)
def healthy_with_the_profile_and_the_file_alike(lab: Internet) -> None:
    lab.machine.settings["GOPROXY"] = CHINA
    lab.machine.environ["GOPROXY"] = CHINA
    lab.machine.home.mkdir()
    (lab.machine.home / ".bashrc").write_text(f"export GOPROXY={CHINA}\n", encoding="utf-8")
