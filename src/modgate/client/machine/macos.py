"""What commands of macOS print about names, proxies, extensions and protected files, read as text.

Written after the documented formats and Apple's published printing code; none of it was run on a Mac. So
every reader takes what it knows and passes over what it does not: a line more in a newer macOS is no error.
`scutil --dns` numbers its resolvers anew in each of three blocks. The resolvers for multicast names are on
every Mac and mean nothing.
"""

from __future__ import annotations

import plistlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from modgate.client.machine.system_proxy import SystemProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "DnsProfile",
    "Extension",
    "Resolver",
    "added_resolvers",
    "parse_csrutil",
    "parse_dns",
    "parse_dscacheutil",
    "parse_extensions",
    "parse_file_flags",
    "parse_profiles",
    "parse_proxy",
]

_NETWORK = "com.apple.system_extension.network_extension"
_DNS_PAYLOAD = "com.apple.dnsSettings.managed"
_BLOCKS = {
    "DNS configuration": "default",
    "DNS configuration (for scoped queries)": "scoped",
    "DNS configuration (for service-specific queries)": "service",
}
_INTERFACE = re.compile(r"\(([^)]+)\)")
_TUNNEL = re.compile(r"(?:utun|ipsec|ppp|tap|tun)\d+")
_ARRAY_ITEM = re.compile(r"\s*\d+ : (.*)")
_CATEGORY = re.compile(r"--- (\S+)")
_VERSIONED = re.compile(r"(\S+)(?: \(([^)]*)\))?")
_LS = re.compile(r"[bcdlps-][rwxsStT-]{9}[@+. ]?\s+\d+\s+\S+\s+\S+\s+(\S+)\s+(?:\d+,\s*)?\d+\s")
_PROFILE_SERVER = re.compile(r"(?:ServerURL|ServerName)\W+?([A-Za-z][\w.:/?=&{}-]+)")


@dataclass(frozen=True, slots=True)
class Resolver:
    """One resolver of `scutil --dns`. `interface` is empty where none is named."""

    block: str
    domain: str = ""
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    interface: str = ""
    options: str = ""
    flags: tuple[str, ...] = ()

    @property
    def multicast(self) -> bool:
        """One of those that every Mac has."""
        return "mdns" in self.options

    @property
    def tunnelled(self) -> bool:
        """Its questions leave through a VPN's or an extension's interface."""
        return _TUNNEL.fullmatch(self.interface) is not None


@dataclass(frozen=True, slots=True)
class Extension:
    """One row of `systemextensionsctl list`; `state` without its brackets."""

    category: str
    bundle: str
    name: str
    state: str
    enabled: bool
    active: bool
    version: str = ""

    @property
    def filters_network(self) -> bool:
        """Whether it stands in the way of connections now."""
        return self.category == _NETWORK and self.active and "activated enabled" in self.state


@dataclass(frozen=True, slots=True)
class DnsProfile:
    """A profile that sends names to a server of its own: `protocol` is HTTPS or TLS, empty if not told."""

    server: str
    protocol: str = ""


def parse_dns(text: str) -> tuple[Resolver, ...]:
    """The resolvers of `scutil --dns`, in the order of the text."""
    found: list[Resolver] = []
    block = "default"
    rows: list[tuple[str, str]] | None = None
    for line in [*text.splitlines(), "resolver #"]:
        if line.strip() in _BLOCKS:
            next_block: str | None = _BLOCKS[line.strip()]
        elif line.startswith("resolver #"):
            next_block = None
        else:
            key, colon, value = line.partition(" : ")
            if rows is not None and colon:
                rows.append((key.strip(), value.strip()))
            continue
        if rows is not None:
            found.append(_resolver(block, rows))
        rows = [] if next_block is None else None
        block = next_block or block
    return tuple(found)


def _resolver(block: str, rows: list[tuple[str, str]]) -> Resolver:
    one = dict(rows)
    interface = _INTERFACE.search(one.get("if_index", ""))
    return Resolver(
        block,
        one.get("domain", ""),
        tuple(value for key, value in rows if key.startswith("nameserver[")),
        tuple(value for key, value in rows if key.startswith("search domain[")),
        interface[1] if interface else "",
        one.get("options", ""),
        tuple(part.strip() for part in one.get("flags", "").split(",") if part.strip()),
    )


def added_resolvers(resolvers: tuple[Resolver, ...]) -> tuple[Resolver, ...]:
    """Those that a VPN or an extension brought: through a tunnel, or for domains of their own; each once."""
    found: list[Resolver] = []
    for resolver in resolvers:
        if resolver.multicast or not resolver.nameservers:
            continue
        special = resolver.block == "default" and (resolver.domain or "Supplemental" in resolver.flags)
        known = {other.nameservers for other in found}
        if (resolver.tunnelled or special) and resolver.nameservers not in known:
            found.append(resolver)
    return tuple(found)


def parse_proxy(text: str) -> SystemProxy:
    """The dictionary of `scutil --proxy`. What stands under `__SCOPED__` holds for single interfaces and is
    left out.
    """
    values: dict[str, str] = {}
    exceptions: list[str] = []
    path: list[str] = []
    for line in text.splitlines():
        key, colon, value = line.strip().partition(" : ")
        if value.endswith("{") or line.strip().endswith("{"):
            path.append(key if colon else "")
        elif line.strip() == "}":
            path = path[:-1]
        elif len(path) == 1 and colon:
            values[key] = value
        elif len(path) == 2 and path[1] == "ExceptionsList" and (item := _ARRAY_ITEM.fullmatch(line)):
            exceptions.append(item[1].strip())
    return SystemProxy(
        https=_address(values, "HTTPS", "http"),
        http=_address(values, "HTTP", "http"),
        socks=_address(values, "SOCKS", "socks5"),
        script=values.get("ProxyAutoConfigURLString", "") if _on(values, "ProxyAutoConfigEnable") else "",
        discovers=_on(values, "ProxyAutoDiscoveryEnable"),
        exceptions=tuple(exceptions),
        simple_names=_on(values, "ExcludeSimpleHostnames"),
    )


def _on(values: Mapping[str, str], key: str) -> bool:
    return values.get(key, "0") == "1"


def _address(values: Mapping[str, str], kind: str, scheme: str) -> str:
    host, port = values.get(f"{kind}Proxy", ""), values.get(f"{kind}Port", "")
    if not _on(values, f"{kind}Enable") or not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}" if port and port != "0" else f"{scheme}://{shown}"


def parse_extensions(text: str) -> tuple[Extension, ...]:
    """The rows of `systemextensionsctl list`, of every category."""
    return tuple(_extensions(text))


def _extensions(text: str) -> Iterator[Extension]:
    category = ""
    for line in text.splitlines():
        heading = _CATEGORY.match(line)
        if heading:
            category = heading[1]
            continue
        fields = line.split("\t")
        if len(fields) < 6 or fields[0] == "enabled":
            continue
        enabled, active, _, bundle, name, state = (field.strip() for field in fields[:6])
        parts = _VERSIONED.fullmatch(bundle)
        yield Extension(
            category,
            parts[1] if parts else bundle,
            name,
            state.strip("[]"),
            enabled == "*",
            active == "*",
            parts[2] or "" if parts else "",
        )


def parse_csrutil(text: str) -> bool | None:
    """Whether System Integrity Protection is on, by `csrutil status`; None for a custom setup."""
    found = re.search(r"status: (enabled|disabled)\b", text)
    return found[1] == "enabled" if found and "Custom Configuration" not in text else None


def parse_file_flags(text: str) -> frozenset[str]:
    """The flags that `ls -lOd PATH` shows for its one path (`restricted`, `uchg`, …); `-` stands for none."""
    found = _LS.match(text.strip())
    return frozenset(found[1].split(",")) - {"-"} if found else frozenset()


def parse_profiles(text: str) -> tuple[DnsProfile, ...]:
    """The DNS settings among the configuration profiles: of `profiles show -output stdout-xml`, or of the
    plain listing, which may not name the server.
    """
    if text.lstrip().startswith("<?xml"):
        try:
            return tuple(_payloads(plistlib.loads(text.strip().encode())))
        except (plistlib.InvalidFileException, ExpatError, ValueError):
            return ()
    servers = _PROFILE_SERVER.findall(text) if _DNS_PAYLOAD in text else []
    return (DnsProfile(servers[0] if servers else ""),) if _DNS_PAYLOAD in text else ()


def _payloads(value: object) -> Iterator[DnsProfile]:
    if isinstance(value, list):
        for item in value:
            yield from _payloads(item)
    elif isinstance(value, dict):
        if value.get("PayloadType") == _DNS_PAYLOAD:
            settings = _dns_settings(value)
            server = settings.get("ServerURL") or settings.get("ServerName") or ""
            yield DnsProfile(str(server), str(settings.get("DNSProtocol", "")))
            return
        for item in value.values():
            yield from _payloads(item)


def _dns_settings(payload: dict[str, object]) -> dict[str, object]:
    """The dictionary may lie one or two levels down, by the tool that wrote it."""
    for value in (payload, payload.get("PayloadContent")):
        settings = value.get("DNSSettings") if isinstance(value, dict) else None
        if isinstance(settings, dict):
            return settings
    return {}


def parse_dscacheutil(text: str) -> tuple[str, ...]:
    """The addresses of `dscacheutil -q host -a name H`: what the system's own resolver answers."""
    rows = (line.partition(": ") for line in text.splitlines())
    return tuple(value.strip() for key, _, value in rows if key in {"ip_address", "ipv6_address"})
