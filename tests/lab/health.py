"""Stages of health: everything works, in the many ways in which it can; nothing may be found."""

from __future__ import annotations

from tests.lab.internet import PRIVATE, Internet
from tests.lab.names import CORPORATE_PROXY, SYSTEM_RESOLVER
from tests.lab.stages import stage
from tests.lab.tunnels import Tunnel

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
