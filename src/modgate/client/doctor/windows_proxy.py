"""Is a proxy switched on in the settings of Windows that go does not use?

The user's Internet settings (the registry) come first, then those of WinHTTP, which services use. go reads
neither, only variables.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.doctor.chain_hosts import chain_hosts
from modgate.client.doctor.check import Check, Result
from modgate.client.machine.answers import answer
from modgate.client.machine.compare_proxy import compare_proxy, proxy_facts
from modgate.client.machine.host import System
from modgate.client.machine.system_proxy import SystemProxy
from modgate.client.machine.windows import (
    INTERNET_SETTINGS,
    parse_dns_servers,
    parse_internet_settings,
    parse_registry,
    parse_winhttp,
)
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

_WINHTTP = ("netsh", "winhttp", "show", "proxy")
_DNS = (
    *("powershell", "-NoProfile", "-NonInteractive", "-Command"),
    "Get-DnsClientServerAddress | Select-Object InterfaceAlias,ServerAddresses | ConvertTo-Json -Compress",
)


async def _run(scene: Scene) -> Result:
    registry, winhttp, dns = await asyncio.gather(
        answer(scene.host, ("reg", "query", INTERNET_SETTINGS)),
        answer(scene.host, _WINHTTP),
        answer(scene.host, _DNS),
    )
    if registry is None:
        return Result(
            unknown=Message("desktop.command.failed", {"command": f"reg query {INTERNET_SETTINGS}"})
        )
    desktop, command = parse_internet_settings(parse_registry(registry)), f"reg query {INTERNET_SETTINGS}"
    services = parse_winhttp(winhttp or "")
    if not desktop.for_go and not desktop.script and services:
        desktop, command = SystemProxy(https=services, http=services), " ".join(_WINHTTP)
    findings = compare_proxy(
        desktop,
        scene.host.environ,
        chain_hosts(scene),
        where="Windows",
        command=command,
        machine=System.WINDOWS,
    )
    resolvers = tuple(
        Message("desktop.dns.interface", {"interface": name, "servers": ", ".join(servers)})
        for name, servers in parse_dns_servers(dns or "").items()
    )
    return Result(findings, (*proxy_facts(desktop, scene.host.environ, "Windows"), *resolvers))


CHECK = Check("windows-proxy", run=_run, network=False, groups=("SYS",), systems=frozenset({System.WINDOWS}))
