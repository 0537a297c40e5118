"""Which checks there are, in the order in which they are shown.

Each is a file of this package with a `CHECK`; the order goes from this machine outwards. What a list of them
shows, and what `--only` chooses by, stands here too, so that neither has to import what it does not run; a
test compares it with the checks themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from modgate.client.machine.host import System

if TYPE_CHECKING:
    from modgate.client.doctor.check import Check

__all__ = ["INDEX", "Listed", "all_checks"]

_LINUX, _MACOS, _WINDOWS = (frozenset({system}) for system in System)


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of a check before it is imported; the words are those of `Check`.

    Attributes:
        file: Its file here, empty where that is its name with underscores.
    """

    name: str
    groups: tuple[str, ...]
    network: bool = False
    systems: frozenset[System] = frozenset(System)
    file: str = ""

    def load(self) -> Check:
        """The check."""
        found: Check = import_module(f"{__package__}.{self.file or self.name.replace('-', '_')}").CHECK
        return found


INDEX: tuple[Listed, ...] = (
    # go's settings and folders
    Listed("go-command", ("CFG",)),
    Listed("goenv-file", ("CFG",)),
    Listed("go-variables", ("CFG",)),
    Listed("goproxy", ("CFG",)),
    Listed("gosumdb", ("CFG",)),
    Listed("goprivate", ("CFG",)),
    Listed("goflags", ("CFG",)),
    Listed("gotoolchain", ("CFG", "TC")),
    Listed("vendoring", ("CFG",)),
    Listed("module-cache", ("CACHE",)),
    Listed("proxy-variables", ("PRX", "CFG")),
    Listed("certificate-files", ("SYS",)),
    # shells and containers
    Listed("shell-profiles", ("SHELL",)),
    Listed("container", ("SYS",), systems=_LINUX),
    Listed("wsl", ("SYS",), systems=_LINUX),
    # editors
    Listed("vscode-settings", ("VSC",)),
    Listed("vscode-trust", ("VSC",)),
    Listed("vscode-environment", ("VSC",)),
    # macOS, Windows and desktops
    Listed("macos-proxy", ("SYS",), systems=_MACOS),
    Listed("macos-dns", ("SYS",), systems=_MACOS),
    Listed("macos-launchd", ("SYS",), systems=_MACOS),
    Listed("macos-extensions", ("SYS",), systems=_MACOS),
    Listed("macos-sip", ("SYS",), systems=_MACOS),
    Listed("windows-proxy", ("SYS",), systems=_WINDOWS),
    Listed("windows-environment", ("VSC",), systems=_WINDOWS),
    Listed("desktop-proxy", ("SYS",), systems=_LINUX),
    # the network
    Listed("dns", ("DNS",), network=True),
    Listed("connect", ("NET",), network=True),
    Listed("http-proxy", ("PRX",), network=True),
    Listed("tls", ("TLS",), network=True),
    Listed("interception", ("TLS",), network=True),
    Listed("clock", ("SYS",), network=True),
    Listed("waterfall", ("HTTP", "STAT", "BODY", "CNT"), network=True),
    Listed("throttling", ("NET",), network=True),
    # the module, the checksum database, version control
    Listed("module", ("STAT", "HTTP", "BODY", "CNT", "CFG", "VCS"), network=True, file="module_chain"),
    Listed("sumdb", ("SUM", "CFG"), network=True),
    Listed("go-sum", ("SUM",), network=True),
    Listed("toolchain", ("TC",), network=True),
    Listed("version-control", ("VCS",), network=True),
)


def all_checks() -> tuple[Check, ...]:
    """Every check, in the order in which they are shown."""
    return tuple(listed.load() for listed in INDEX)
