"""The two guards of the suite: connections that leave the machine, and skips nobody allowed."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

__all__ = ["NetworkGuard", "SkipLedger", "is_local", "read_allowed"]

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


def is_local(address: object) -> bool:
    """Whether a socket address stays on this machine: a unix socket, or a loopback host."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        parsed = ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback or (mapped or parsed).is_unspecified)


class NetworkGuard:
    """Refuses, through an audit hook, connections that leave the machine while it is armed."""

    def __init__(self) -> None:
        self._attempts: list[str] | None = None

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """The hook for `sys.addaudithook`."""
        if event not in _EVENTS or self._attempts is None:
            return
        sock, address = args
        if address is None or sock.family not in {socket.AF_INET, socket.AF_INET6} or is_local(address):
            return
        self._attempts.append(str(address))
        raise ConnectionRefusedError(f"tests connect to loopback only, not to {address}")

    @contextmanager
    def refusing(self) -> Iterator[list[str]]:
        """Arm the guard; the list collects what was tried."""
        before, attempts = self._attempts, list[str]()
        self._attempts = attempts
        try:
            yield attempts
        finally:
            self._attempts = before


def read_allowed(path: Path) -> list[str]:
    """The entries of the list: `@marker`, or the beginning of a test id."""
    lines = (line.split("#", 1)[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


class SkipLedger:
    """Collects skips that the allowed list does not name."""

    def __init__(self, allowed: list[str]) -> None:
        self._markers = {entry[1:] for entry in allowed if entry.startswith("@")}
        self._prefixes = tuple(entry for entry in allowed if not entry.startswith("@"))
        self.unexplained: list[str] = []

    def see(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Judge one report."""
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        if self._markers & set(getattr(report, "keywords", ())):
            return
        if self._prefixes and report.nodeid.startswith(self._prefixes):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self.unexplained.append(f"{report.nodeid}: {reason}")
