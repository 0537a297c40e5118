"""A folder served over TLS by OpenSSL's own sockets, to who shows a certificate and a token."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["Asked", "TlsFolder"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its path, the common name of its certificate, what it was told."""

    path: str
    subject: str
    authorization: str


@dataclass(slots=True)
class TlsFolder:
    """`with TlsFolder(root, certificate) as server:`; `clients` is the CA of the certificates it requires.

    `token` is the value that `Authorization` must have, "" for any; it may be changed while it runs.
    """

    root: Path
    certificate: tuple[Path, Path]
    clients: Path | None = None
    token: str = ""
    asked: list[Asked] = field(default_factory=list)
    _server: ThreadingHTTPServer = field(init=False)
    _thread: threading.Thread = field(init=False)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def __enter__(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        if self.clients is not None:
            context.load_verify_locations(self.clients)
            context.verify_mode = ssl.CERT_REQUIRED
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self, directory=str(self.root)))
        # The handshake belongs to the thread of a connection: a slow one must not stop the others.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A handshake that a test lets fail is no news."""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, folder: TlsFolder, *args: Any, **options: Any) -> None:
        self._folder = folder
        with contextlib.suppress(ConnectionError):
            super().__init__(*args, **options)

    def setup(self) -> None:
        self.request.settimeout(20)
        try:
            self.request.do_handshake()
        except ssl.SSLError:
            # What is left unread would turn the alert into a reset connection.
            self.request.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while socket.socket.recv(self.request, 65536):
                    pass
            raise
        super().setup()

    def do_GET(self) -> None:
        found = self.request.getpeercert() or {}
        subject = next((value for part in found.get("subject", ()) for _, value in part), "")
        told = self.headers.get("Authorization", "")
        self._folder.asked.append(Asked(self.path, subject, told))
        if self._folder.token and told != self._folder.token:
            self.send_error(401)
            return
        super().do_GET()

    do_HEAD = do_GET  # noqa: N815  likewise

    def log_message(self, *_: Any) -> None:
        """Nothing."""
