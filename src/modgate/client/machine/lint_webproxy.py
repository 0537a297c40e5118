"""HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go's net/http reads them.

Go takes a value without a usable scheme for a host and port and puts http:// before it; schemes other than
http, https, socks5 and socks5h are used as if they were http. A value that is no URL at all is ignored
without a word, so that the connection is made directly. Source: x/net/http/httpproxy, net/http/transport.go.
"""

from __future__ import annotations

import ipaddress
import re

from modgate.client.causes import config, proxy
from modgate.client.findings import Finding, Impact
from modgate.client.machine.goproxy_words import QUOTES, SPACES
from modgate.client.machine.showing import safe
from modgate.messages import Message

__all__ = ["lint_proxy_variable"]

_SCHEMES = {"http", "https", "socks5", "socks5h"}


def lint_proxy_variable(name: str, text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about one variable, `name` in either case; NO_PROXY gives one for each entry that cannot
    match.
    """
    if not text:
        return ()
    if name.upper() == "NO_PROXY":
        return _no_proxy(text, source)
    values = {"variable": name, "value": safe(text), "source": source}
    if text[0] in QUOTES or text[-1] in QUOTES:
        return (Finding(config.QUOTES, values, subject=name),)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if scheme and scheme[1].lower() not in _SCHEMES:
        return (Finding(proxy.UNKNOWN_SCHEME, values, subject=name),)
    rest = text[scheme.end() :] if scheme else text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if re.search(r"[\s\x00-\x1f\x7f\\,;]", text) or not _is_host_and_port(authority):
        return (Finding(proxy.MALFORMED, values, subject=name),)
    return ()


def _is_host_and_port(authority: str) -> bool:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?", authority)
    if match is None or int(match[2] or 0) > 65535:
        return False
    host = match[1]
    if host.lower() in {"http", "https", "socks5"} and match[2] is not None:
        return False
    return host.startswith("[") or re.fullmatch(r"[\w][\w.-]*", host) is not None


def _no_proxy(text: str, source: str | Message) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for piece in text.split(","):
        entry = piece.strip(SPACES)
        why = _never(entry)
        if why is not None:
            values: dict[str, str | Message] = {"value": safe(entry), "why": why, "source": source}
            found.append(Finding(proxy.NO_PROXY_PATTERN, values, impact=Impact.DEGRADES, subject="NO_PROXY"))
    return tuple(found)


def _never(entry: str) -> Message | None:
    """Why this entry matches no host, None where it can, and for an empty one."""
    if not entry or entry == "*":
        return None
    if any(char in QUOTES for char in entry):
        return _why("quotes")
    if re.search(r"[\s;|，；、]", entry):
        return _why("separator")
    if "://" in entry:
        return _why("scheme")
    if "/" in entry:
        return _block(entry)
    if "*" in entry.removeprefix("*."):
        return _why("star")
    return None


def _block(entry: str) -> Message | None:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        short = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3}){0,2})/(\d{1,2})", entry)
        if short is None:
            return _why("path")
        full = ".".join([*short[1].split("."), "0", "0", "0"][:4])
        return _why("short-block", right=f"{full}/{short[2]}")
    # Python reads a netmask after the slash, Go a number of bits only.
    return None if entry.rpartition("/")[2].isdigit() else _why("path")


def _why(name: str, **values: str) -> Message:
    return Message(f"settings.no-proxy.{name}", values)
