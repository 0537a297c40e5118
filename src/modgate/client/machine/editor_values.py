"""What the settings of an editor give to its Go tools, against what the terminal has.

Only variables that decide whether and how modules are fetched are compared: that the editor builds for
another system, or with other C flags, is nobody's fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.machine.settings import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings

__all__ = ["PROXIES", "WATCHED", "short", "terminal_value", "without_shell"]

PROXIES = {
    "HTTPS_PROXY": ("HTTPS_PROXY", "https_proxy"),
    "HTTP_PROXY": ("HTTP_PROXY", "http_proxy"),
    "NO_PROXY": ("NO_PROXY", "no_proxy"),
}
"""The proxy variables, each with the names that go looks for in turn."""

_GO = (
    *("GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOFLAGS", "GOTOOLCHAIN"),
    *("GOAUTH", "GOVCS", "GO111MODULE", "GOMODCACHE", "GOPATH"),
)
WATCHED = (*_GO, *PROXIES, "GOENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What is compared, by its name in upper case."""


def terminal_value(name: str, go: GoSettings, environ: Mapping[str, str]) -> str:
    """What go uses when it is called in the terminal; empty for unset."""
    if name in PROXIES:
        return next((environ[spelt] for spelt in PROXIES[name] if environ.get(spelt)), "")
    return go[name] if name in go.settings else environ.get(name, "")


def without_shell(name: str, go: GoSettings) -> str:
    """What go would use if the shell had not set the variable: the GOENV file's value, or the default."""
    setting = go.settings.get(name)
    if setting is None:
        return ""
    values = (setting.value, *setting.hidden)
    return next((value.text for value in values if value.layer is not Layer.OS), "")


def short(host: Host, path: str | PurePath) -> str:
    """A path as it is shown: the home folder as `~`."""
    text, home = str(path), str(host.home)
    return "~" + text[len(home) :] if text.startswith(home) and len(home) > 1 else text
