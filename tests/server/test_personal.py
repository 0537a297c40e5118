"""What is answered to one consumer alone is ready-made for that consumer, and reaches nobody else."""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.gomod.types import ModulePath, Version
from modgate.model.decision import Decision, Effect
from modgate.model.twins import MemoryBlob, MemorySource
from modgate.server.app import App, Settings
from modgate.server.naming import Naming
from tests.server.running import Running, head_of

if TYPE_CHECKING:
    from modgate.gomod.protocol import Request
    from modgate.model import Answer, Context

MOD = b"module example.com/a\n"
PATH = "/example.com/a/@v/v1.0.0.mod"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class Warned(MemorySource):
    """Puts everything under a decision of whoever asks, and counts who asked."""

    def __init__(self) -> None:
        super().__init__({PATH[1:]: MemoryBlob.of("m", MOD, stored_at=1.7e9)})
        self.askers: list[str] = []

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The answer, under the decision for this consumer."""
        self.askers.append(ctx.consumer)
        version = (ModulePath("example.com/a"), Version("v1.0.0"))
        decision = Decision(Effect.WARN, *version, ctx.consumer, id=f"D-{ctx.consumer}")
        return replace(await super().fetch(ctx, request), decision=decision, personal=True)


def ask(client: socket.socket, *headers: str) -> str:
    """The decision that a request on this connection was answered under."""
    client.sendall("\r\n".join([f"GET {PATH} HTTP/1.1", "Host: a", *headers, "", ""]).encode())
    data = b""
    while not data.endswith(MOD):
        data += client.recv(1 << 16)
    status, told, body = head_of(data)
    assert (status, body) == (200, MOD)
    return told["modgate-decision"]


def test_the_same_bytes_of_two_connections_get_each_their_own() -> None:
    source = Warned()
    naming = Naming(LOOPBACK, header="x-team")
    app = App(source, settings=Settings(naming=naming, instance="x"))
    with Running(app) as running, running.connect() as one, running.connect() as two:
        for _ in range(5):
            assert ask(one, "X-Team: red") == "D-red"
            assert ask(one, "X-Team: blue") == "D-blue"
            assert ask(two, "X-Team: blue") == "D-blue"
            assert ask(two) == "D-127.0.0.1"
            assert ask(one, "X-Forwarded-For: 203.0.113.9") == "D-203.0.113.9"
    assert sorted(source.askers) == ["127.0.0.1", "203.0.113.9", "blue", "red"]


def test_connections_known_by_their_address_get_their_own_ready_made() -> None:
    source = Warned()
    with Running(App(source, settings=Settings(instance="x"))) as running:
        for _ in range(2):
            with running.connect() as client:
                assert [ask(client) for _ in range(4)] == ["D-127.0.0.1"] * 4
    assert source.askers == ["127.0.0.1"]


@pytest.mark.skipif(sys.platform != "linux", reason="one address alone on loopback")
def test_the_same_bytes_from_another_address_are_another_consumers() -> None:
    source = Warned()
    app = App(source, settings=Settings(instance="x"))
    with Running(app) as running, running.connect() as one, socket.socket() as two:
        two.settimeout(20)
        two.bind(("127.0.0.2", 0))
        two.connect(("127.0.0.1", running.port))
        for _ in range(3):
            assert ask(one) == "D-127.0.0.1"
            assert ask(two) == "D-127.0.0.2"
    assert sorted(source.askers) == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize("header", ["", "x-team"])
def test_under_another_naming_nothing_of_before_is_given(header: str) -> None:
    source = Warned()
    naming = Naming(LOOPBACK, header=header) if header else Naming()
    app = App(source, settings=Settings(naming=naming, instance="x"))
    running = Running(app)
    with running, running.connect() as client:
        assert [ask(client, "X-Team: red") for _ in range(3)] == ["D-red" if header else "D-127.0.0.1"] * 3
        done = threading.Event()

        def rename() -> None:
            other = Naming(pseudonym=lambda _name: "p-x")
            app.settings = replace(app.settings, naming=other)
            running.listener._shared.naming = other
            done.set()

        running.call(rename)
        assert done.wait(10)
        assert [ask(client, "X-Team: red") for _ in range(3)] == ["D-p-x"] * 3
    assert source.askers == ["red" if header else "127.0.0.1", "p-x"]
