"""The service manager is told by one datagram, and a manager that cannot be told stops nothing."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from modgate.server.notify import notify_ready, notify_stopping

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name leaves room for a socket's."""
    return tmp_path_factory.mktemp("n")


def test_readiness_and_the_end_are_told(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(short / "s"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(short / "s"))
        notify_ready("http://127.0.0.1:3000")
        assert manager.recv(4096) == b"READY=1\nSTATUS=Listening at http://127.0.0.1:3000"
        notify_stopping()
        assert manager.recv(4096).startswith(b"STOPPING=1")


def test_a_socket_without_a_file_is_found(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{short}")
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{short}")
        notify_ready("u")
        assert manager.recv(4096).startswith(b"READY=1")


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket", "@nobody-listens-here"])
def test_nobody_there_is_no_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify_ready("u")
