"""A real smart HTTP server for git on loopback: `git http-backend` behind the standard library's server.

It counts requests and bytes of both ways, keeps the Authorization header of every request for
assertions, and answers otherwise where a test says so (a status, a redirect, a hang, endless bytes).
"""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tests.support.git_repos import git_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["Answer", "GitServer", "Seen"]


@dataclass
class Seen:
    """One request, as the server saw it."""

    method: str
    path: str
    query: str
    authorization: str
    status: int = 0
    received: int = 0
    sent: int = 0

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Name and password of basic authentication."""
        scheme, _, rest = self.authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        name, _, password = base64.b64decode(rest).decode().partition(":")
        return name, password


@dataclass(frozen=True)
class Answer:
    """What to answer instead of git's own answer.

    Attributes:
        status: The status.
        headers: Its headers.
        body: Its body.
        hang: Say nothing until the server closes.
        endless: After the body, more of it until the client goes away.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False
    endless: bytes = b""


class GitServer:
    """`with GitServer(root) as server:` serves the bare repositories below `root` at `server.url`.

    Attributes:
        users: Names and passwords that are let in; None lets everyone in. `protect` does it for
            single folders.
        requests: Everything that was asked, in order.
        answer: Asked first about each request; None lets git answer.
        pages: HTML by path, for go-import pages.
        protocol: Given to git as the protocol that the client wished for; None passes on the wish.
    """

    def __init__(
        self,
        root: Path,
        *,
        certificate: tuple[Path, Path] | None = None,
        users: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.root = root
        self.users = users
        self.requests: list[Seen] = []
        self.answer: Callable[[Seen], Answer | None] = lambda _: None
        self.pages: dict[str, str] = {}
        self.protocol: str | None = None
        self.closing = threading.Event()
        self._protected: dict[str, Mapping[str, str]] = {}
        self._lock = threading.Lock()
        self._server = _Server((host, 0), _Handler)
        self._server.owner = self
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.tls = context
            scheme = "https"
        self.port: int = self._server.server_address[1]
        self.netloc = f"{host}:{self.port}"
        self.url = f"{scheme}://{self.netloc}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def protect(self, folder: str, users: Mapping[str, str]) -> None:
        """Only these may read below `/folder`."""
        self._protected[f"/{folder.strip('/')}"] = users

    def allowed(self, seen: Seen) -> bool:
        """Whether the request's name and password suffice."""
        users = self.users
        for folder, names in self._protected.items():
            if seen.path == folder or seen.path.startswith(folder + "/"):
                users = names
        if users is None:
            return True
        given = seen.credentials
        return given is not None and users.get(given[0]) == given[1]

    def saw(self, seen: Seen) -> None:
        """Keep a request in the log."""
        with self._lock:
            self.requests.append(seen)

    def count(self, part: str = "") -> int:
        """How many requests had this in their path and query."""
        return sum(part in f"{seen.path}?{seen.query}" for seen in self.requests)

    @property
    def sent(self) -> int:
        """Body bytes that left so far."""
        return sum(seen.sent for seen in self.requests)

    @property
    def received(self) -> int:
        """Body bytes that came so far."""
        return sum(seen.received for seen in self.requests)

    def reset(self) -> None:
        """Forget what was asked."""
        with self._lock:
            self.requests.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and end what runs."""
        self.closing.set()
        self._server.shutdown()
        self._server.end_all()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    owner: GitServer
    tls: ssl.SSLContext | None = None
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[Any] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is not None:
            # The handshake belongs to the connection's own thread: a silent client must not stop others.
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self._open.discard(request)
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def end_all(self) -> None:
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(2)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """The log is `requests`."""

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        owner = self.server.owner
        parts = urlsplit(self.path)
        seen = Seen(self.command, unquote(parts.path), parts.query, self.headers.get("Authorization", ""))
        body = self._body()
        seen.received = len(body)
        owner.saw(seen)
        answer = owner.answer(seen)
        if answer is None and not owner.allowed(seen):
            answer = Answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"who are you?\n")
        if answer is None and seen.path in owner.pages:
            page = owner.pages[seen.path].encode()
            answer = Answer(200, {"Content-Type": "text/html; charset=utf-8"}, page)
        if answer is None:
            self._git(seen, body)
        else:
            self._say(seen, answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _say(self, seen: Seen, answer: Answer) -> None:
        if answer.hang:
            self.server.owner.closing.wait()
            self.close_connection = True
            return
        seen.status = answer.status
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.endless:
            self.send_header("Connection", "close")
        elif "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self._send(seen, answer.body)
        while answer.endless and not self.server.owner.closing.is_set():
            self._send(seen, answer.endless)
        if answer.endless:
            self.close_connection = True

    def _send(self, seen: Seen, data: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(data)
            seen.sent += len(data)

    def _git(self, seen: Seen, body: bytes) -> None:
        environment = {
            **git_environment(),
            "GIT_PROJECT_ROOT": str(self.server.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": seen.path,
            "QUERY_STRING": seen.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.server.owner.protocol or self.headers.get("Git-Protocol") or "",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": (seen.credentials or ("",))[0],
        }
        ran = subprocess.run(
            ["git", "http-backend"],
            env={name: value for name, value in environment.items() if value or name == "QUERY_STRING"},
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=os.sep,
            check=False,
        )
        head, _, rest = ran.stdout.partition(b"\r\n\r\n")
        status, headers = 200, {}
        for line in head.decode("latin-1").splitlines():
            name, _, value = line.partition(":")
            if name.lower() == "status":
                status = int(value.split()[0])
            elif name:
                headers[name] = value.strip()
        self._say(seen, Answer(status, headers, rest))
