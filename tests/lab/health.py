"""Stages of health: everything works, in the many ways in which it can; nothing may be found."""

from __future__ import annotations

from tests.lab.authority import Shown
from tests.lab.internet import PRIVATE, Internet
from tests.lab.names import CORPORATE_PROXY, SYSTEM_RESOLVER
from tests.lab.stages import stage
from tests.lab.tunnels import Tunnel
from tests.lab.web import Reply

CHINA = "https://goproxy.cn,direct"


@stage(None, limit=5.0)
def healthy(lab: Internet) -> None:
    """A new computer with go and nothing set."""


@stage(None, limit=5.0, modules=("example.com/tool@v1.1.0",))
def healthy_with_a_module(lab: Internet) -> None:
    """The same, asked about a module."""


@stage(None)
def healthy_where_google_is_blocked(lab: Internet) -> None:
    """goproxy.cn carries everything; the poisoned names are not needed."""
    lab.machine.settings["GOPROXY"] = CHINA
    for name in ("proxy.golang.org", "sum.golang.org", "www.google.com", "golang.org"):
        lab.silent.update(lab.zone[name])


@stage(None)
def healthy_although_resolvers_differ(lab: Internet) -> None:
    """A content delivery network: each resolver gives another address, and all prove the name."""
    lab.zone["proxy.golang.org"] = ("142.250.70.209", "172.217.24.81")
    lab.resolvers[SYSTEM_RESOLVER].lies["proxy.golang.org"] = ("172.217.24.81",)
    lab.resolvers["8.8.8.8"].lies["proxy.golang.org"] = ("142.250.70.209",)


@stage(None)
def healthy_behind_a_proxy(lab: Internet) -> None:
    """A company's computer: only the HTTP proxy leads out."""
    lab.tunnel = Tunnel.CARRIES
    lab.machine.environ["HTTPS_PROXY"] = f"http://{CORPORATE_PROXY}:3128"


@stage(None)
def healthy_with_a_chain(lab: Internet) -> None:
    """The first mirror is down, and `|` leads past it."""
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn|https://proxy.golang.org,direct"


@stage(None, modules=(f"{PRIVATE}@v1.0.0",))
def healthy_with_a_private_module(lab: Internet) -> None:
    """GOPRIVATE covers it and the repository is open to this machine."""
    lab.machine.settings["GOPRIVATE"] = "git.example-corp.com"
    netrc = lab.machine.home / ".netrc"
    netrc.parent.mkdir(parents=True)
    netrc.write_text("machine git.example-corp.com login me password secret\n", encoding="utf-8")
    netrc.chmod(0o600)


@stage(None)
def healthy_with_ipv6_of_no_use(lab: Internet) -> None:
    """Names have IPv6 addresses, the machine has no IPv6: go passes over them at once."""
    lab.zone["proxy.golang.org"] = (*lab.zone["proxy.golang.org"], "2404:6800:4006:80e::2011")
    lab.silent.add("2404:6800:4006:80e::2011")


@stage(None)
def healthy_past_a_mirror_that_lacks_it(lab: Internet) -> None:
    """The first entry says 404, the second has it: a comma is enough."""
    lab.proxies["mirror.example.net"].faults = [("/*", Reply(b"not found\n", 404))]
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net,https://goproxy.cn,direct"


@stage(None)
def healthy_past_a_broken_mirror(lab: Internet) -> None:
    """The first entry answers 503, and `|` leads past it."""
    lab.proxies["mirror.example.net"].faults = [("/*", Reply(b"down\n", 503))]
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net|https://goproxy.cn,direct"


@stage(None)
def healthy_in_a_company_that_inspects(lab: Internet) -> None:
    """Its authority is installed, so go works."""
    for site in lab.web.sites.values():
        site.shown = Shown.UNKNOWN
    lab.authorities.trust_inspection()


@stage(None)
def healthy_with_ipv6(lab: Internet) -> None:
    """Names have IPv6 addresses that answer."""
    lab.ipv6 = True
    for name, address in (
        ("proxy.golang.org", "2404:6800:4006:80e::2011"),
        ("sum.golang.org", "2404:6800:4006:80e::2012"),
    ):
        lab.zone[name] = (*lab.zone[name], address)


@stage(None)
def healthy_with_an_editor(lab: Internet) -> None:
    """VS Code has settings, and they agree with the terminal."""
    user = lab.machine.home / ".config" / "Code" / "User"
    user.mkdir(parents=True)
    text = '{"go.toolsEnvVars": {"GOPROXY": "https://goproxy.cn,direct"}, "editor.fontSize": 14}\n'
    (user / "settings.json").write_text(text, encoding="utf-8")
    lab.machine.settings["GOPROXY"] = CHINA


@stage(None)
def healthy_with_settings_of_every_kind(lab: Internet) -> None:
    """A careful person's GOENV file, profile and project."""
    lab.machine.settings |= {
        "GOPROXY": CHINA,
        "GOPRIVATE": "git.example-corp.com,*.corp.example.com",
        "GOFLAGS": "-mod=mod",
        "GOTOOLCHAIN": "auto",
    }
    lab.machine.home.mkdir()
    profile = 'export PATH="$PATH:$HOME/go/bin"\nexport EDITOR=vim\n'
    (lab.machine.home / ".bashrc").write_text(profile, encoding="utf-8")
    lab.machine.work.mkdir()
    record = lab.world.modules["example.com/tool", "v1.1.0"].record.decode()
    (lab.machine.work / "go.mod").write_text(
        "module example.org/app\n\ngo 1.21\n\nrequire example.com/tool v1.1.0\n", encoding="utf-8"
    )
    (lab.machine.work / "go.sum").write_text(record, encoding="utf-8")


@stage(None)
def healthy_with_a_right_line_in_the_hosts_file(lab: Internet) -> None:
    """It names the address that DNS names."""
    lab.machine.hosts = ["142.250.70.209 proxy.golang.org"]


@stage(None)
def healthy_with_one_resolver_silent(lab: Internet) -> None:
    """8.8.8.8 and DNS over HTTPS are blocked, the system's own resolver is honest."""
    lab.machine.settings["GOPROXY"] = CHINA
    lab.resolvers["8.8.8.8"].silent = True
    lab.silent.update(lab.zone["dns.alidns.com"])
    lab.resolvers = {name: one for name, one in lab.resolvers.items() if name not in lab.silent}
