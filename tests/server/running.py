"""The real listener on loopback, in a thread with its own loop, and raw sockets to talk to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

from modgate.server.listener import Listen, Listener, new_event_loop
from tests.support.client import Reply, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from modgate.server.app import App

__all__ = ["Running", "head_of", "read_all"]


class Running:
    """`with Running(app) as server:` serves until the block ends, then drops what is left."""

    def __init__(
        self,
        app: App,
        listen: Listen | None = None,
        *,
        loop: Callable[[], asyncio.AbstractEventLoop] = new_event_loop,
        **more: Any,
    ) -> None:
        self.app = app
        self._up = threading.Event()
        self.listener = Listener(
            app, listen or Listen("127.0.0.1:0", grace=5), on_ready=lambda _: self._up.set(), **more
        )
        self.url = self.listener.bind()
        self._factory = loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run)
        self.error: BaseException | None = None

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._factory) as runner:
                self._loop = runner.get_loop()
                runner.run(self.listener.serve())
        except BaseException as error:
            self.error = error
            self._up.set()

    def renew(self) -> None:
        """Read the files of the present settings again, as a reload does. Raises Unavailable."""
        listener = self.listener
        context = listener.prepare(listener.listen)
        assert self._loop is not None
        renewed = asyncio.run_coroutine_threadsafe(
            listener.renew(listener.listen, context, shortcuts=True), self._loop
        )
        renewed.result(20)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(20)
        if self.error is not None:
            raise self.error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(now=True)
        self.join()
        if self.error is not None and error is None:
            raise self.error

    def call(self, function: Callable[[], Any]) -> None:
        """Run it in the server's loop."""
        assert self._loop is not None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(function)

    def stop(self, *, now: bool = False) -> None:
        self.call(lambda: self.listener.stop(now=now))

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    def ask(self, path: str, **more: Any) -> Reply:
        return ask(self.url, path, **more)

    def connect(self, *, receive_buffer: int | None = None) -> socket.socket:
        client = socket.socket()
        client.settimeout(20)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            raise
        return client

    def raw(self, *pieces: bytes) -> bytes:
        """Send the pieces, and read until the server closes."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            return read_all(client)


def read_all(client: socket.socket) -> bytes:
    """What comes until the connection ends, by whatever end."""
    got = bytearray()
    while True:
        try:
            piece = client.recv(1 << 20)
        except ConnectionResetError:
            return bytes(got)
        if not piece:
            return bytes(got)
        got += piece


def head_of(answer: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """Status, lower-case headers and the rest."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, rest
