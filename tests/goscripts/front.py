"""A relay that stands where cmd/go's scripts expect their test proxy, and puts the gate in between.

The scripts reach the test proxy under `/mod/`, and bend it by a first path element: `/mod/403/…`
answers 403, `/mod/redirect/9/…` redirects, `/mod/sumdb-503/…` breaks only the database. Each such
element is an upstream of its own, so each gets a gate of its own. `sumdb-direct`, `sumdb-wrong` and
`sumdb-redirect` are databases that a client names by their address in GOSUMDB: no GOPROXY is
involved, so they are relayed to the test proxy itself.
"""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Address", "Front"]

Address = tuple[str, int]
BENT = re.compile(r"^/mod/(invalid|[2-9]\d\d|redirect/\d+|sumdb-\d+)(?=/)")
DIRECT = re.compile(r"^/mod/sumdb-(?:direct|wrong|redirect)/")


class _Handler(socketserver.BaseRequestHandler):
    server: Front

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._relay()

    def _relay(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (piece := self.request.recv(65536)):
                return
            head += piece
        line, _, rest = head.partition(b"\r\n")
        path = line.split(b" ", 2)[1].decode("latin-1")
        # One request a connection: the relay then needs to know nothing of lengths and chunks.
        rest = re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
        with socket.create_connection(self.server.target(path), timeout=60) as onward:
            onward.sendall(line + b"\r\nConnection: close\r\n" + rest)
            while piece := onward.recv(65536):
                self.request.sendall(piece)


class Front(socketserver.ThreadingTCPServer):
    """`with Front(test_proxy, gate_for) as front:` serves at `front.url`.

    `gate_for(prefix)` gives the address that stands before `/mod` (empty prefix) or `/mod/<prefix>`; it is
    called once a prefix.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, test_proxy: Address, gate_for: Callable[[str], Address]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._test_proxy = test_proxy
        self._gate_for = gate_for
        self._gates: dict[str, Address] = {}
        self._lock = threading.Lock()
        self.requests = 0
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """The GOPROXY of the scripts."""
        return f"http://127.0.0.1:{self.server_address[1]}/mod"

    def target(self, path: str) -> Address:
        """Who answers this path."""
        if DIRECT.match(path):
            return self._test_proxy
        bent = BENT.match(path)
        prefix = bent[1] if bent else ""
        with self._lock:
            self.requests += 1
            if prefix not in self._gates:
                self._gates[prefix] = self._gate_for(prefix)
            return self._gates[prefix]
