"""What containers and WSL have in common: a loopback that is not the host's, a resolver made for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import system
from modgate.client.findings import Evidence, Finding, Impact, Severity
from modgate.client.machine.goproxy_words import split_list
from modgate.client.machine.linuxnet import listens, loopback_port, nameservers
from modgate.client.machine.showing import safe

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["loopback_proxies", "lost_resolver"]

_DNS = 53


def loopback_proxies(scene: Scene) -> tuple[Finding, ...]:
    """Proxies at 127.0.0.1 where nothing of this machine listens: the program runs outside."""
    environ = scene.host.environ
    values = {
        name: environ.get(name) or environ.get(name.lower(), "") for name in ("HTTPS_PROXY", "HTTP_PROXY")
    }
    found: list[Finding] = []
    for item, _ in split_list(scene.go["GOPROXY"]):
        if item in {"direct", "off"}:
            break
        if loopback_port(item) is not None:
            values["GOPROXY"] = item
    for name, value in values.items():
        port = loopback_port(value) if value else None
        if port is None or listens(scene.host, port) is not False:
            continue
        proof = Evidence(raw=f"{name}={safe(value)}", source="/proc/net/tcp")
        shown = {"variable": name, "value": safe(value)}
        # Nothing listens: whether it should have been the host's port or just does not run, nobody can see.
        found.append(
            Finding(
                system.CONTAINER_LOOPBACK,
                shown,
                impact=Impact.RISK,
                confidence=0.5,
                evidence=(proof,),
                subject=name,
                severity=Severity.WARNING,
            )
        )
    return tuple(found)


def lost_resolver(scene: Scene) -> tuple[Finding, ...]:
    """resolv.conf without a server, or with this machine alone while nothing answers there.

    Without a server go asks 127.0.0.1 and ::1. Docker's own resolver is 127.0.0.11, which /proc of the
    container does not show.
    """
    servers = nameservers(scene.host)
    asked = servers or ("127.0.0.1",)
    for server in asked:
        if not server.startswith("127.") and server not in {"::1", "0.0.0.0"}:  # noqa: S104  as written there
            return ()
        if server == "127.0.0.11" or listens(scene.host, _DNS, "udp") is not False:
            return ()
    name = servers[0] if servers else "—"
    raw = f"nameserver {name}" if servers else ""
    proof = Evidence(raw=raw, source="/etc/resolv.conf")
    return (
        Finding(
            system.CONTAINER_RESOLVER,
            {"nameserver": name},
            impact=Impact.BLOCKS,
            confidence=0.8,
            evidence=(proof,),
            subject="/etc/resolv.conf",
        ),
    )
