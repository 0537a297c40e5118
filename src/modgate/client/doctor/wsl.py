"""WSL: a resolv.conf that Windows no longer writes, and proxies at 127.0.0.1 that run on the Windows side.

With mirrored networking 127.0.0.1 is shared, so such a proxy counts only without it. Resets and the clock
that drifts after sleep are told as a fact; the clock itself has a check.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.inside import loopback_proxies, lost_resolver
from modgate.client.machine.host import System
from modgate.client.machine.linuxnet import is_wsl
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.host import Host

__all__ = ["CHECK"]

_USERS = "/mnt/c/Users"
_MIRRORED = re.compile(r"^\s*networkingMode\s*=\s*mirrored", re.IGNORECASE | re.MULTILINE)


async def _run(scene: Scene) -> Result:
    if not is_wsl(scene.host):
        return Result()
    findings = [*lost_resolver(scene)]
    mirrored = _is_mirrored(scene.host)
    if not mirrored:
        findings.extend(loopback_proxies(scene))
    facts = [Message("settings.wsl.is")]
    if _writes_no_resolver(scene.host):
        facts.append(Message("settings.wsl.resolver"))
    if mirrored:
        facts.append(Message("settings.wsl.mirrored"))
    return Result(findings=tuple(findings), facts=tuple(facts))


def _read(host: Host, path: str) -> str:
    try:
        return (host.read(host.path(path)) or b"").decode(errors="replace")
    except Unavailable:
        return ""


def _is_mirrored(host: Host) -> bool:
    try:
        users = host.listdir(host.path(_USERS))
    except Unavailable:
        return False
    texts = (_read(host, f"{_USERS}/{user}/.wslconfig") for user in users)
    return any(_MIRRORED.search(text) for text in texts)


def _writes_no_resolver(host: Host) -> bool:
    text = _read(host, "/etc/wsl.conf")
    return re.search(r"^\s*generateResolvConf\s*=\s*false", text, re.IGNORECASE | re.MULTILINE) is not None


CHECK = Check("wsl", run=_run, network=False, groups=("SYS",), systems=frozenset({System.LINUX}))
