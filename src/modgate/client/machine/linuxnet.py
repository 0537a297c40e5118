"""What Linux tells about names and ports without a probe: resolv.conf, and who listens, from /proc."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from modgate.client.machine.host import Host

__all__ = ["in_container", "is_wsl", "listens", "loopback_port", "nameservers"]

_MARKS = ("/.dockerenv", "/run/.containerenv")
_CGROUP = re.compile(r"docker|kubepods|containerd|libpod|lxc")


def _text(host: Host, path: str) -> str | None:
    try:
        data = host.read(host.path(path))
    except Unavailable:
        return None
    return None if data is None else data.decode(errors="replace")


def in_container(host: Host) -> str:
    """What shows that this is a container: a file or the variable of Kubernetes; empty for none."""
    for mark in _MARKS:
        try:
            if host.status(host.path(mark)) is not None:
                return mark
        except Unavailable:
            continue
    if host.environ.get("KUBERNETES_SERVICE_HOST"):
        return "KUBERNETES_SERVICE_HOST"
    return "/proc/1/cgroup" if _CGROUP.search(_text(host, "/proc/1/cgroup") or "") else ""


def is_wsl(host: Host) -> bool:
    """Whether this Linux runs under Windows."""
    return "microsoft" in (_text(host, "/proc/version") or "").lower()


def nameservers(host: Host) -> tuple[str, ...] | None:
    """The servers of /etc/resolv.conf in order; None where there is no such file."""
    text = _text(host, "/etc/resolv.conf")
    if text is None:
        return None
    return tuple(re.findall(r"^nameserver[ \t]+(\S+)", text, re.MULTILINE))


def listens(host: Host, port: int, protocol: str = "tcp") -> bool | None:
    """Whether something of this machine listens at the port; None where /proc does not tell."""
    told = False
    for name in (protocol, f"{protocol}6"):
        text = _text(host, f"/proc/net/{name}")
        if text is None:
            continue
        told = True
        for line in text.splitlines()[1:]:
            fields = line.split()
            # 0A is LISTEN; a UDP socket that waits is in state 07.
            if len(fields) > 3 and fields[1].endswith(f":{port:04X}") and fields[3] in {"0A", "07"}:
                return True
    return False if told else None


def loopback_port(value: str) -> int | None:
    """The port of a URL or host:port that leads to this machine itself, None where it leads elsewhere."""
    match = re.match(
        r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?:[^/@]*@)?(?P<host>\[[^\]]*\]|[^:/?#]+)(?::(?P<port>\d+))?",
        value.strip(),
        re.IGNORECASE,
    )
    if match is None:
        return None
    name = match["host"].strip("[]")
    try:
        loopback = name.lower() == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        return None
    usual = {"https": 443, "socks5": 1080, "socks5h": 1080}.get((match["scheme"] or "").lower(), 80)
    return int(match["port"] or usual)
