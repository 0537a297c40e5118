"""Situations as people meet them: a fault beside another, a fault that hides, a fault that is half of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.lab.apps import HTML, ModuleProxy
from tests.lab.authority import Shown
from tests.lab.faults_answers import MIRROR, only
from tests.lab.internet import PLAIN_PORT, PRIVATE
from tests.lab.names import CORPORATE_PROXY, SYSTEM_RESOLVER
from tests.lab.stages import stage
from tests.lab.tunnels import Tunnel
from tests.lab.walls import PROXY, publish, wall
from tests.lab.web import App, Break, Meeting, Reply, Request, Site

if TYPE_CHECKING:
    from tests.lab.internet import Internet

GOOGLE = ("proxy.golang.org", "sum.golang.org")
FORGED = "31.13.72.54"
CLASH = "http://127.0.0.1:7890"
CHINA = "https://goproxy.cn,direct"
GIT = "git.example-corp.com"
INSIDE = "goproxy.corp.example.net"


def aliyun(lab: Internet) -> None:
    lab.zone["mirrors.aliyun.com"] = ("119.96.33.219",)
    proxy = ModuleProxy(lab.world.root, None, "", prefix="/goproxy")
    lab.web.sites["mirrors.aliyun.com"] = Site(proxy)
    lab.machine.settings["GOPROXY"] = "https://mirrors.aliyun.com/goproxy/,direct"


@stage(2, "MG-SUM-002", "MG-SUM-006", "MG-SUM-007", phase="checksum")
def a_mirror_without_database_in_china(lab: Internet) -> None:
    aliyun(lab)
    for name in (*GOOGLE, "www.google.com", "golang.org"):
        lab.silent.update(lab.zone[name])


@stage(5, "MG-TLS-009", phase="tls")
def one_name_blocked_and_the_database_open(lab: Internet) -> None:
    lab.web.sites["proxy.golang.org"].meeting = Meeting.RESET


@stage(3, "MG-DNS-003", phase="dns")
def names_forged_in_ipv4_alone(lab: Internet) -> None:
    """The machine has no IPv6, so the honest half of the answer helps nobody."""
    for name, good in zip(GOOGLE, ("2404:6800:4006:80e::2011", "2404:6800:4006:80e::2012"), strict=True):
        lab.zone[name] = (*lab.zone[name], good)
        lab.silent.add(good)
        for address in (SYSTEM_RESOLVER, "8.8.8.8", "114.114.114.114"):
            lab.resolvers[address].lies[name] = (FORGED, good)


@stage(10, "MG-PRX-002", phase="proxy")
def clash_is_not_running(lab: Internet) -> None:
    lab.machine.environ |= {"HTTPS_PROXY": CLASH, "HTTP_PROXY": CLASH, "NO_PROXY": "localhost,127.0.0.1"}
    lab.machine.settings["GOPROXY"] = CHINA


@stage(10, "MG-PRX-002", phase="proxy")
def clash_is_not_running_and_google_is_blocked(lab: Internet) -> None:
    clash_is_not_running(lab)
    lab.machine.environ |= {"https_proxy": CLASH, "http_proxy": CLASH, "ALL_PROXY": "socks5://127.0.0.1:7890"}
    for name in GOOGLE:
        lab.silent.update(lab.zone[name])


@stage(10, "MG-PRX-002", phase="proxy")
def clash_named_without_a_scheme(lab: Internet) -> None:
    lab.machine.environ["https_proxy"] = "127.0.0.1:7890"


@stage(10, "MG-PRX-015", phase="proxy")
def proxy_spoken_to_in_tls(lab: Internet) -> None:
    """`https://` before a proxy that speaks plain HTTP."""
    lab.tunnel = Tunnel.CARRIES
    lab.machine.environ["HTTPS_PROXY"] = f"https://{CORPORATE_PROXY}:3128"


@stage(None, "MG-SYS-002", phase="proxy")
def desktop_has_a_proxy_and_go_has_none(lab: Internet) -> None:
    wall(lab)
    folder = lab.machine.home / ".config"
    folder.mkdir(parents=True)
    text = f"[Proxy Settings]\nProxyType=1\nhttpsProxy=http://{CORPORATE_PROXY} 3128\n"
    (folder / "kioslaverc").write_text(text, encoding="utf-8")
    lab.machine.environ |= {"XDG_CURRENT_DESKTOP": "KDE", "DISPLAY": ":0"}


@stage(None, "MG-SYS-003", phase="proxy")
def desktop_has_a_script_and_go_has_none(lab: Internet) -> None:
    wall(lab, names=True)
    folder = lab.machine.home / ".config"
    folder.mkdir(parents=True)
    text = "[Proxy Settings]\nProxyType=2\nProxy Config Script=http://pac.corp.example.net/proxy.pac\n"
    (folder / "kioslaverc").write_text(text, encoding="utf-8")
    lab.machine.environ |= {"XDG_CURRENT_DESKTOP": "KDE", "DISPLAY": ":0"}


@stage(None, "MG-PRX-013", phase="proxy")
def all_proxy_alone(lab: Internet) -> None:
    wall(lab, names=True)
    lab.machine.environ["ALL_PROXY"] = PROXY


@stage(None, "MG-PRX-014", phase="proxy")
def http_proxy_alone(lab: Internet) -> None:
    """HTTP_PROXY is not for https."""
    wall(lab, names=True)
    lab.machine.environ["http_proxy"] = PROXY


@stage(None, "MG-PRX-003", phase="proxy")
def no_proxy_lacks_the_company_itself(lab: Internet) -> None:
    wall(lab)
    publish(lab, INSIDE, "10.77.3.3")
    lab.web.sites[INSIDE] = Site(ModuleProxy(lab.world.root, lab.folder / "database", lab.database.name))
    lab.machine.environ |= {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY}
    lab.machine.settings["GOPROXY"] = f"https://{INSIDE}"


@stage(6, "MG-TLS-004", "MG-SYS-015", phase="tls")
def certificate_file_without_the_company(lab: Internet) -> None:
    """The system trusts the company's authority; SSL_CERT_FILE and SSL_CERT_DIR name an older set."""
    for site in lab.web.sites.values():
        site.shown = Shown.UNKNOWN
    old = lab.machine.home / "certs"
    old.mkdir(parents=True)
    (old / "ca.pem").write_bytes(lab.authorities.bundle.read_bytes())
    lab.authorities.trust_inspection()
    lab.machine.environ |= {"SSL_CERT_FILE": str(old / "ca.pem"), "SSL_CERT_DIR": str(old)}


@stage(14, "MG-VCS-001", phase="vcs", modules=(f"{PRIVATE}@v1.0.0",))
def netrc_with_an_old_password(lab: Internet) -> None:
    lab.machine.settings["GOPRIVATE"] = GIT
    lab.git.status = 401
    lab.machine.home.mkdir()
    netrc = lab.machine.home / ".netrc"
    netrc.write_text(f"machine {GIT} login me password old\n", encoding="utf-8")
    netrc.chmod(0o644)


def project(lab: Internet, *, go: str = "1.21") -> None:
    lab.machine.work.mkdir()
    record = lab.world.modules["example.com/tool", "v1.1.0"].record.decode()
    (lab.machine.work / "go.mod").write_text(
        f"module example.org/app\n\ngo {go}\n\nrequire example.com/tool v1.1.0\n", encoding="utf-8"
    )
    (lab.machine.work / "go.sum").write_text(record, encoding="utf-8")
    (lab.machine.work / "main.go").write_text(
        'package main\n\nimport _ "example.com/tool"\n\nfunc main() {}\n', encoding="utf-8"
    )


@stage(None, "MG-CFG-020", "MG-CFG-021", phase="config")
def vendoring_ordered_and_no_vendor(lab: Internet) -> None:
    project(lab)
    lab.machine.environ["GOFLAGS"] = "-mod=vendor"


@stage(None, "MG-CFG-023", phase="config")
def profile_shadows_what_go_env_wrote(lab: Internet) -> None:
    for name in GOOGLE:
        lab.silent.update(lab.zone[name])
    lab.machine.settings["GOPROXY"] = CHINA
    lab.machine.environ["GOPROXY"] = "https://proxy.golang.org,direct"
    lab.machine.home.mkdir()
    (lab.machine.home / ".bashrc").write_text(
        "export GOPROXY=https://proxy.golang.org,direct\n", encoding="utf-8"
    )


@stage(None, "MG-CFG-022", phase="config")
def modules_switched_off(lab: Internet) -> None:
    lab.machine.settings["GO111MODULE"] = "off"
    lab.machine.settings["GOPROXY"] = CHINA


@stage(4, "MG-DNS-002", "MG-SYS-011", phase="dns")
def stub_resolver_dead(lab: Internet) -> None:
    lab.machine.nameservers = ["127.0.0.53"]
    lab.machine.settings["GOPROXY"] = CHINA


@stage(4, "MG-DNS-004", "MG-DNS-002", phase="dns")
def resolver_of_ipv6_unreachable(lab: Internet) -> None:
    lab.machine.nameservers = ["2400:3200::1"]


@stage(20, "MG-HTTP-004", "MG-HTTP-008", phase="headers", modules=("example.com/tool@v1.1.0",))
def second_of_the_chain_hangs(lab: Internet) -> None:
    lab.machine.settings["GOPROXY"] = f"https://goproxy.cn,https://{MIRROR},https://proxy.golang.org"
    lab.proxies["goproxy.cn"].faults = [("/example.com/tool/*", Reply(b"not found\n", 404))]
    lab.proxies[MIRROR].faults = [("/*", Reply(breaks=Break.HANG))]


@stage(None, "MG-STAT-005", phase="status")
def too_many_requests(lab: Internet) -> None:
    wait = (("Retry-After", "120"),)
    only(lab, ("/*", Reply(b"slow down\n", 429, headers=wait)), more=",direct")


@stage(None, "MG-STAT-007", phase="status")
def bad_gateway_with_a_page(lab: Internet) -> None:
    only(lab, ("/*", Reply(b"<html><h1>502 Bad Gateway</h1>nginx</html>", 502, "text/html")), more=",direct")


@stage(18, "MG-CNT-001", "MG-CNT-009", "MG-STAT-008", phase="content")
def hotel_redirects_to_its_login(lab: Internet) -> None:
    away = Reply(b"", 302, "text/html", headers=(("Location", "http://login.hotel.example.net/"),))
    publish(lab, "login.hotel.example.net", "10.77.5.5")
    lab.web.sites["login.hotel.example.net"] = Site(_always(Reply(HTML, type="text/html")))
    for name, site in lab.web.sites.items():
        if name != "login.hotel.example.net":
            site.app = _always(away)
            site.meeting = Meeting.RESET
    lab.machine.settings["GOPROXY"] = f"http://{MIRROR}"


def _always(reply: Reply) -> App:
    async def answer(request: Request) -> Reply:
        return reply

    return answer


@stage(None, "MG-STAT-001", phase="status")
def athens_refuses_its_password(lab: Internet) -> None:
    wanted = (("WWW-Authenticate", 'Basic realm="athens"'),)
    only(lab, ("/*", Reply(b"unauthorized\n", 401, headers=wanted)))
    lab.machine.settings["GOPROXY"] = f"https://dev:s3cr3t@{MIRROR}"


@stage(13, "MG-CFG-017", "MG-SUM-005", modules=("git.corp.example.net/team/lib@v1.0.0",))
def private_host_that_only_the_company_resolves(lab: Internet) -> None:
    """No repository here: the name exists inside alone, the mirror says 404."""
    publish(lab, "git.corp.example.net", "10.77.4.4")
    lab.web.sites["git.corp.example.net"] = Site(lab.git)
    lab.machine.settings["GOPROXY"] = CHINA


@stage(3, "MG-DNS-003", phase="dns")
def names_forged_and_a_typo_in_the_editor(lab: Internet) -> None:
    for address in (SYSTEM_RESOLVER, "8.8.8.8", "114.114.114.114"):
        lab.resolvers[address].lies.update(dict.fromkeys(GOOGLE, (FORGED,)))
    folder = lab.machine.home / ".config" / "Code" / "User"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(
        json.dumps({"go.toolsEnvVars": {"GOPROXY": "https://goproxy.cn;direct"}}), encoding="utf-8"
    )


@stage(24, "MG-CFG-003", "MG-PRX-002")
def dead_proxy_and_a_typo(lab: Internet) -> None:
    lab.machine.environ["HTTPS_PROXY"] = CLASH
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn，direct"


@stage(8, "MG-TLS-007", phase="tls")
def expired_mirror_and_a_silent_database(lab: Internet) -> None:
    lab.web.sites[MIRROR].shown = Shown.EXPIRED
    lab.machine.settings["GOPROXY"] = f"https://{MIRROR}"
    lab.proxies[MIRROR].database = None
    lab.silent.update(lab.zone["sum.golang.org"])


@stage(12, "MG-STAT-011", "MG-STAT-003", "MG-STAT-012", phase="status", modules=("rsc.io/quote@v1.5.3",))
def mirror_has_only_what_it_had(lab: Internet) -> None:
    """Its list ends before the version that others have."""
    only(
        lab,
        ("/rsc.io/quote/@v/v1.5.3.*", Reply(b"not found\n", 404)),
        ("/rsc.io/quote/@v/list", Reply(b"v1.5.1\nv1.5.2\n")),
    )


@stage(None, "MG-CFG-016", phase="config")
def toolchain_wanted_and_nothing_verified(lab: Internet) -> None:
    """go asks the database for toolchains whatever GONOSUMDB says, so this is the risk alone."""
    lab.machine.settings["GONOSUMDB"] = "*"
    lab.machine.settings["GOPROXY"] = CHINA
    lab.machine.work.mkdir()
    (lab.machine.work / "go.mod").write_text("module example.org/app\n\ngo 1.27.0\n", encoding="utf-8")


@stage(None, "MG-CFG-018", phase="config")
def everything_past_the_proxies(lab: Internet) -> None:
    """GONOPROXY=* sends all to the origin, which is blocked."""
    lab.machine.settings |= {"GONOPROXY": "*", "GOPROXY": CHINA, "GONOSUMDB": ""}
    publish(lab, "rsc.io", "203.119.30.30")
    lab.silent.add("203.119.30.30")


@stage(10, "MG-PRX-002", phase="proxy")
def docker_with_the_proxy_of_its_host(lab: Internet) -> None:
    lab.machine.environ |= {"HTTPS_PROXY": "http://host.docker.internal:7890"}


@stage(None, "MG-NET-002", phase="connect")
def local_proxy_stopped(lab: Internet) -> None:
    lab.machine.settings["GOPROXY"] = f"http://localhost:{PLAIN_PORT},direct"


@stage(6, "MG-TLS-004", phase="tls")
def fakeip_with_inspection(lab: Internet) -> None:
    """A proxy program answers every name with 198.18.0.0/15 and shows its own certificates."""
    fake = {name: (f"198.18.0.{i + 1}",) for i, name in enumerate(("proxy.golang.org", "sum.golang.org"))}
    lab.resolvers[SYSTEM_RESOLVER].lies.update(fake)
    for name, addresses in fake.items():
        lab.web.sites[name].shown = Shown.UNKNOWN
        lab.zone[name] = (*lab.zone[name], *addresses)
