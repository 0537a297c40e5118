"""The proxy of GNOME's and KDE's settings, as `gsettings` prints and `kioslaverc` holds it.

GNOME prints values as GVariant text (`'manual'`, `uint32 8080`, `['localhost']`, `@as []`); KDE writes the
port after a blank. Sources: GNOME's gsettings-desktop-schemas (org.gnome.system.proxy), KDE's kioslaverc.
"""

from __future__ import annotations

import configparser
import re

from modgate.client.machine.system_proxy import SystemProxy

__all__ = ["parse_gsettings", "parse_kioslaverc"]

_SCHEMA = "org.gnome.system.proxy"
_ROW = re.compile(r"(org\.gnome\.system\.proxy(?:\.\w+)?) ([\w-]+) (.*)")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_MANUAL, _SCRIPT, _DISCOVERY = "1", "2", "3"


def parse_gsettings(text: str) -> SystemProxy:
    """The output of `gsettings list-recursively org.gnome.system.proxy`."""
    rows = {
        (match[1].removeprefix(_SCHEMA).removeprefix("."), match[2]): match[3].strip()
        for match in map(_ROW.fullmatch, text.splitlines())
        if match
    }
    mode = _word(rows.get(("", "mode"), ""))
    exceptions = tuple(_words(rows.get(("", "ignore-hosts"), "")))
    if mode == "auto":
        script = _word(rows.get(("", "autoconfig-url"), ""))
        return SystemProxy(script=script, discovers=not script)
    if mode != "manual":
        return SystemProxy()
    found: dict[str, str] = {}
    for kind, scheme in (("https", "http"), ("http", "http"), ("socks", "socks5")):
        host = _word(rows.get((kind, "host"), ""))
        port = rows.get((kind, "port"), "0").rpartition(" ")[2]
        if host and port != "0":
            found[kind] = f"{scheme}://{host}:{port}"
    if rows.get(("", "use-same-proxy")) == "true" and "http" in found:
        found.setdefault("https", found["http"])
    return SystemProxy(
        found.get("https", ""), found.get("http", ""), found.get("socks", ""), exceptions=exceptions
    )


def parse_kioslaverc(text: str) -> SystemProxy:
    """KDE's `~/.config/kioslaverc`. A type 4 (variables) is what go does too, so it says nothing."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
        section = parser["Proxy Settings"]
    except (configparser.Error, KeyError):
        return SystemProxy()
    kind = section.get("ProxyType", "0")
    if kind == _SCRIPT:
        return SystemProxy(script=section.get("Proxy Config Script", ""))
    if kind == _DISCOVERY:
        return SystemProxy(discovers=True)
    if kind != _MANUAL:
        return SystemProxy()
    exceptions = tuple(part.strip() for part in section.get("NoProxyFor", "").split(",") if part.strip())
    return SystemProxy(
        https=_kde(section.get("httpsProxy", "")),
        http=_kde(section.get("httpProxy", "")),
        socks=_kde(section.get("socksProxy", "")).replace("socks://", "socks5://"),
        exceptions=exceptions,
    )


def _kde(text: str) -> str:
    url, _, port = text.strip().partition(" ")
    return f"{url}:{port}" if url and port.isdigit() else url


def _words(text: str) -> list[str]:
    return [match[1] or match[2] or "" for match in _QUOTED.finditer(text)]


def _word(text: str) -> str:
    return next(iter(_words(text)), "")
