"""A real HTTP server on loopback that receives webhooks, and may be told to misbehave.

It runs in threads of its own, so that it goes on when the sender is killed, and speaks plain sockets, so
that it can do what no proper server does: stall, close in the middle of an answer, promise more than it
sends.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["OK", "Answer", "Received", "Receiver", "status"]


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """The bytes of an answer. `stall`: none, until the receiver stops; `more`: comes after, piece by piece;
    `linger`: the connection stays open, and nothing more comes.
    """

    data: bytes = b""
    stall: bool = False
    more: tuple[bytes, ...] = ()
    linger: bool = False


def status(number: int, body: bytes = b"", **headers: str) -> Answer:
    """A proper answer."""
    lines = [f"HTTP/1.1 {number} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Answer("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


OK = status(200, b"ok")


@dataclass
class Receiver:
    """Listens from `with` on; `answer` decides on each request, `port` stays the same over a restart."""

    answer: Callable[[Received], Answer] = lambda _received: OK
    port: int = 0
    got: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/secret-path"

    def start(self) -> Self:
        self._stopping.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept, self._listener)
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._listener is not None:
            # Closing alone would leave accept() waiting.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._threads.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _spawn(self, run: Callable[[socket.socket], None], connection: socket.socket) -> None:
        thread = threading.Thread(target=run, args=(connection,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while (received := _read(stream)) is not None:
                    with self._lock:
                        self.got.append(received)
                        answer = self.answer(received)
                        if answer.data.startswith(b"HTTP/1.1 2") and not answer.stall:
                            self.taken.append(received)
                    if answer.stall:
                        self._stopping.wait(60)
                        return
                    connection.sendall(answer.data)
                    for piece in answer.more:
                        self._stopping.wait(0.02)
                        connection.sendall(piece)
                    if answer.linger:
                        self._stopping.wait(60)
                    if not _whole(answer.data + b"".join(answer.more)):
                        return
        except OSError:
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)


def _read(stream: object) -> Received | None:
    readline = stream.readline  # type: ignore[attr-defined]
    request = readline(65536).decode("latin-1").split()
    if len(request) != 3:
        return None
    headers: dict[str, str] = {}
    while (line := readline(65536).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
    return Received(request[1], headers, body)


def _whole(data: bytes) -> bool:
    """Whether an answer is complete, so that the connection may go on."""
    head, blank, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return bool(blank) and int(value) == len(body)
    return False
