"""What commands of Windows print about proxies, variables and resolvers, read as text.

`reg query` prints names and types the same in every language, `ipconfig` and `netsh` do not: resolvers come
from PowerShell as JSON, and of `netsh winhttp` only the address is taken. Nothing here was run on Windows.
A user's variable hides the machine's of the same name; PATH alone is joined.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.machine.system_proxy import SystemProxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "INTERNET_SETTINGS",
    "MACHINE_VARIABLES",
    "USER_VARIABLES",
    "RegistryValue",
    "desktop_variables",
    "parse_dns_servers",
    "parse_internet_settings",
    "parse_registry",
    "parse_winhttp",
]

INTERNET_SETTINGS = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
USER_VARIABLES = r"HKCU\Environment"
MACHINE_VARIABLES = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
_ROW = re.compile(r" {4}(?P<name>.+?) {4}(?P<type>REG_[A-Z_]+)(?: {4}(?P<text>.*))?")
_PERCENT = re.compile(r"%([^%]+)%")
_HOST_PORT = re.compile(r":\s+((?:[a-z]+=)?[\w.-]+:\d+\S*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """One value: its type (`REG_SZ`, `REG_EXPAND_SZ`, `REG_DWORD`) and its text."""

    type: str
    text: str

    @property
    def number(self) -> int:
        """Of a REG_DWORD, which reg prints in hexadecimal; 0 for what is none."""
        try:
            return int(self.text, 0)
        except ValueError:
            return 0


def parse_registry(text: str) -> dict[str, RegistryValue]:
    """The values of `reg query KEY`, by name as written there."""
    rows = (_ROW.fullmatch(line.rstrip("\r")) for line in text.splitlines())
    return {row["name"]: RegistryValue(row["type"], row["text"] or "") for row in rows if row}


def parse_internet_settings(values: Mapping[str, RegistryValue]) -> SystemProxy:
    """The proxy of the user's Internet settings, which browsers use."""
    servers: dict[str, str] = {}
    enabled = values.get("ProxyEnable")
    if enabled is not None and enabled.number:
        servers = _servers(_text(values, "ProxyServer"))
    exceptions = tuple(part.strip() for part in _text(values, "ProxyOverride").split(";") if part.strip())
    return SystemProxy(
        https=servers.get("https", ""),
        http=servers.get("http", ""),
        socks=servers.get("socks", ""),
        script=_text(values, "AutoConfigURL"),
        exceptions=exceptions,
        simple_names="<local>" in exceptions,
    )


def parse_winhttp(text: str) -> str:
    """The proxy of `netsh winhttp show proxy` as a URL, in whatever language; empty for direct access."""
    found = _HOST_PORT.search(text)
    return _servers(found[1]).get("https", "") if found else ""


def _text(values: Mapping[str, RegistryValue], name: str) -> str:
    value = values.get(name)
    return value.text.strip() if value is not None else ""


def _servers(text: str) -> dict[str, str]:
    """`host:port` for all, or `http=…;https=…;socks=…`."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        kind, equals, address = part.strip().partition("=")
        if equals:
            found[kind.lower()] = _url(address, "socks5" if kind.lower() == "socks" else "http")
        elif kind:
            found = {"http": _url(kind, "http"), "https": _url(kind, "http"), **found}
    return found


def _url(address: str, scheme: str) -> str:
    return address if "://" in address else f"{scheme}://{address}"


def desktop_variables(
    machine: Mapping[str, RegistryValue], user: Mapping[str, RegistryValue], environ: Mapping[str, str]
) -> dict[str, str]:
    """What a program started from the desktop gets, names in upper case; `environ` fills in `%NAME%`."""
    found: dict[str, str] = {}
    for values in (machine, user):
        for name, value in values.items():
            text = value.text
            if value.type == "REG_EXPAND_SZ":
                text = _PERCENT.sub(lambda match: environ.get(match[1].upper(), match[0]), text)
            joined = name.upper() == "PATH" and found.get("PATH")
            found[name.upper()] = f"{found['PATH']};{text}" if joined else text
    return found


def parse_dns_servers(text: str) -> dict[str, tuple[str, ...]]:
    """Interface -> addresses, of `Get-DnsClientServerAddress | ConvertTo-Json`."""
    try:
        read = json.loads(text or "[]")
    except ValueError:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, addresses in _interfaces(read if isinstance(read, list) else [read]):
        found[name] = (*found.get(name, ()), *addresses)
    return found


def _interfaces(rows: list[object]) -> Iterator[tuple[str, list[str]]]:
    for row in rows:
        addresses = row.get("ServerAddresses") if isinstance(row, dict) else None
        if isinstance(row, dict) and isinstance(addresses, list) and addresses:
            yield str(row.get("InterfaceAlias", "")), [str(address) for address in addresses]
