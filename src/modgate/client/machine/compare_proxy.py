"""A desktop's proxy against the variables that go reads: what follows from the difference.

A proxy that is switched on in the settings and missing in the variables explains why the browser works and
go does not; a script (PAC) cannot be run by go at all. Where the settings themselves let every host of the
chain go out directly, there is nothing to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import system
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.host import System
from modgate.client.machine.showing import safe
from modgate.client.machine.system_proxy import excepted, host_and_port, no_proxy, proxy_of_environment
from modgate.client.repair.plan import Repair
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.machine.system_proxy import SystemProxy

__all__ = ["compare_proxy", "proxy_facts"]


def compare_proxy(
    desktop: SystemProxy,
    environ: Mapping[str, str],
    hosts: Sequence[str],
    *,
    where: str,
    command: str,
    machine: System,
) -> tuple[Finding, ...]:
    """What is wrong between the settings and the variables.

    Args:
        desktop: What the settings say.
        environ: The shell's variables.
        hosts: Of the chain's proxies.
        where: Whose settings, as it is shown: `macOS`, `GNOME`.
        command: How it was read, for the proof.
        machine: Which shell the commands of the repair are for.
    """
    used = proxy_of_environment(environ)
    if hosts and all(excepted(host, desktop) for host in hosts):
        return ()
    proxy = desktop.for_go
    evidence = (Evidence(raw=safe(proxy or desktop.script), source=command),)
    if proxy and not used:
        values = {"proxy": safe(proxy), "system": where}
        return (
            Finding(
                system.SYSTEM_PROXY_UNUSED,
                values,
                impact=Impact.RISK,
                confidence=0.6,
                evidence=(*evidence, *_exceptions(desktop)),
                subject="HTTPS_PROXY",
                repair=Repair(commands=tuple(_commands(desktop, machine)), safe=False),
            ),
        )
    if proxy and host_and_port(proxy) != host_and_port(used):
        values = {"proxy": safe(used), "system_proxy": safe(proxy), "system": where}
        return (
            Finding(
                system.SYSTEM_PROXY_DIFFERS,
                values,
                impact=Impact.RISK,
                confidence=0.5,
                evidence=(*evidence, Evidence(raw=f"HTTPS_PROXY={safe(used)}")),
                subject="HTTPS_PROXY",
                repair=Repair(commands=tuple(_commands(desktop, machine)), safe=False),
            ),
        )
    if desktop.script and not proxy and not used:
        return (
            Finding(
                system.PAC_UNUSED,
                {"url": safe(desktop.script), "system": where},
                impact=Impact.RISK,
                confidence=0.5,
                evidence=evidence,
                subject="HTTPS_PROXY",
            ),
        )
    return ()


def proxy_facts(desktop: SystemProxy, environ: Mapping[str, str], where: str) -> tuple[Message, ...]:
    """What was seen, one line each."""
    used = proxy_of_environment(environ)
    shown: str | Message = safe(desktop.for_go) or Message("desktop.proxy.none")
    facts = [
        Message("desktop.proxy.settings", {"system": where, "proxy": shown}),
        Message("desktop.proxy.variable", {"proxy": safe(used) or Message("desktop.proxy.none")}),
    ]
    if desktop.script:
        facts.append(Message("desktop.proxy.script", {"system": where, "url": safe(desktop.script)}))
    if desktop.discovers:
        facts.append(Message("desktop.proxy.discovers", {"system": where}))
    if desktop.for_go and desktop.exceptions:
        facts.append(_translated(desktop))
    return tuple(facts)


def _translated(desktop: SystemProxy) -> Message:
    written = no_proxy(desktop.exceptions)
    values = {"exceptions": safe(", ".join(desktop.exceptions)), "no_proxy": safe(written)}
    return Message("desktop.proxy.exceptions", values)


def _exceptions(desktop: SystemProxy) -> tuple[Evidence, ...]:
    return (Evidence(what=_translated(desktop)),) if desktop.exceptions else ()


def _commands(desktop: SystemProxy, machine: System) -> list[str]:
    variables = {"HTTPS_PROXY": safe(desktop.for_go), "NO_PROXY": safe(no_proxy(desktop.exceptions))}
    form = 'setx {} "{}"' if machine is System.WINDOWS else "export {}='{}'"
    return [form.format(name, value) for name, value in variables.items() if value]
