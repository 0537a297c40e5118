"""Listening and stopping: one process, one address, one ready line.

Rules: what keeps the server from listening is one line that names the address and the next step;
stopping closes the door first, lets answers that are on their way finish for `grace` seconds, and a
second Ctrl-C ends at once; certificates are read again on `reload_certificates` without a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import ssl
import stat
import sys
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from uvicorn import Config, Server

from modgate.errors import Invalid, Unavailable
from modgate.server.wire import GateProtocol, Limits, Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

    from modgate.server.app import App

__all__ = ["Listen", "Listener", "Tls", "new_event_loop", "print_ready"]

_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Tls:
    """Server certificate and key (PEM), and the authorities of client certificates, if any are asked for.

    With `client_ca` a client must present a certificate that one of them signed.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    """Where and how to listen.

    Attributes:
        address: `HOST:PORT` (`[::1]:0` and port 0, any free one, as well) or `unix:/path`.
        tls: TLS, or None for plain HTTP.
        grace: Seconds that answers on their way may take after a stop was asked for.
        limits: Bounds on connections.
        mount: The URL prefix to name in the ready line.
    """

    address: str = "127.0.0.1:3000"
    tls: Tls | None = None
    grace: float = 30.0
    limits: Limits = field(default_factory=Limits)
    mount: str = ""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop to run on: uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415  not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def print_ready(url: str) -> None:
    """The one line on stdout."""
    sys.stdout.write(f"modgate is ready at {url}\n")
    sys.stdout.flush()


class Listener:
    """Serves an application on one address. Use: `bind()`, then `await serve()`; `stop()` from anywhere in
    the loop.

    Args:
        app: What to serve.
        listen: Where and how.
        on_ready: Called with the URL once connections are accepted.
        monotonic: Seconds, for time-outs.
        clock: Unix seconds, for the Date header.
    """

    def __init__(
        self,
        app: App,
        listen: Listen | None = None,
        *,
        on_ready: Callable[[str], None] = print_ready,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.listen = listen or Listen()
        self._app = app
        self._on_ready = on_ready
        self._shared = Shared(
            app.memo, app.metrics, self.listen.limits, monotonic, shortcuts=app.settings.access_log != "all"
        )
        self._clock = clock
        self._socket: socket.socket | None = None
        self._context = _tls_context(self.listen.tls) if self.listen.tls is not None else None
        self._server: _GateServer | None = None
        self.url = ""

    def bind(self) -> str:
        """Take the address; the URL. Raises Unavailable, Invalid."""
        address = self.listen.address
        scheme = "http" if self._context is None else "https"
        if address.startswith("unix:"):
            self._socket = _bind_unix(address.removeprefix("unix:"))
            self.url = address
        else:
            self._socket = _bind_tcp(address)
            host, port = self._socket.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self.url = f"{scheme}://{shown}:{port}{self.listen.mount}"
        return self.url

    def reload_certificates(self) -> None:
        """Read the TLS files again, for new connections. Raises Unavailable; the old ones then stay."""
        if self.listen.tls is not None and self._context is not None:
            _tls_context(self.listen.tls)
            self._context.load_cert_chain(self.listen.tls.certificate, self.listen.tls.key, password="")

    async def serve(self) -> None:
        """Serve until stopped by SIGTERM, SIGINT or `stop`, then finish what is on its way."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None
        config = Config(
            self._app,
            http=partial(GateProtocol, shared=self._shared),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            loop="none",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=max(1, int(self.listen.grace)),
            ssl_context_factory=None if self._context is None else self._give_context,
        )
        # What it has to say is said by our own logs and metrics.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self._server = _GateServer(config, self._shared, self._clock, partial(self._on_ready, self.url))
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._socket.close()
            _remove_unix(self.listen.address)
            self._app.memo.clear()

    def _give_context(self, _config: Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        assert self._context is not None
        return self._context

    def stop(self, *, now: bool = False) -> None:
        """Stop accepting and finish; with `now` (or when asked a second time by Ctrl-C) finish nothing."""
        if self._server is not None:
            self._server.should_exit = True
            if now:
                self._server.quit()


class _GateServer(Server):
    """uvicorn's server with our signals, clock and sweep."""

    def __init__(
        self, config: Config, shared: Shared, clock: Callable[[], float], on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._shared = shared
        self._clock = clock
        self._on_ready = on_ready
        self._said = False

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """SIGTERM and SIGINT stop the server; afterwards the process ends as if it had ended by itself."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            for number in numbers:
                loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                for number in numbers:
                    loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came; a second Ctrl-C does not wait for anybody."""
        super().handle_exit(sig, frame)
        if self.force_exit:
            self.quit()

    def quit(self) -> None:
        """Drop every connection."""
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, wait for answers on their way, then drop what is left."""
        await super().shutdown(sockets)
        self.quit()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second. Once a second: the Date, and connections that wait for nothing."""
        done = await super().on_tick(counter)
        if counter % 10 == 0:
            self._new_second()
        if not self._said and not done:
            self._said = True
            self._on_ready()
        return done

    def _new_second(self) -> None:
        date = formatdate(self._clock(), usegmt=True).encode("ascii")
        self.server_state.default_headers = [(b"date", date)]
        self._shared.status_line = b"HTTP/1.1 200 OK\r\ndate: " + date + b"\r\n"
        now = self._shared.monotonic()
        for connection in list(self.server_state.connections):
            if isinstance(connection, GateProtocol):
                connection.sweep(now)


def _bind_tcp(address: str) -> socket.socket:
    host, colon, port_text = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port_text.isdecimal() or int(port_text) > 65535:
        raise Invalid(
            "no address to listen on",
            where=address,
            next_step="Write HOST:PORT, for example 127.0.0.1:3000, or unix:/path/to/socket.",
        )
    port = int(port_text)
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except OSError as error:
        raise Unavailable(
            "the host name to listen on is not known here",
            where=address,
            next_step="Use an address of this machine, such as 127.0.0.1 or 0.0.0.0.",
        ) from error
    family, kind, protocol, _, where = found[0]
    server = socket.socket(family, kind, protocol)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setblocking(False)
        server.bind(where)
        server.listen(_BACKLOG)
    except OSError as error:
        server.close()
        raise _cannot_listen(error, address, port) from error
    return server


def _bind_unix(path: str) -> socket.socket:
    where = Path(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if where.exists() and stat.S_ISSOCK(where.stat().st_mode) and _is_dead(path):
            where.unlink()
        server.setblocking(False)
        server.bind(path)
        server.listen(_BACKLOG)
    except OSError as error:
        server.close()
        raise _cannot_listen(error, f"unix:{path}", None) from error
    return server


def _remove_unix(address: str) -> None:
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)


def _is_dead(path: str) -> bool:
    """Whether nobody listens on the socket file: a server that was killed left it behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _cannot_listen(error: OSError, address: str, port: int | None) -> Unavailable:
    if error.errno == errno.EADDRINUSE:
        next_step = "Stop the other server (ss -ltnp names it), or choose another address with --listen."
        return Unavailable("the address is in use", where=address, next_step=next_step)
    if error.errno in {errno.EACCES, errno.EPERM}:
        what = "not permitted to listen here"
        if port is not None and port < 1024:
            return Unavailable(
                f"{what}: ports below 1024 are for root",
                where=address,
                next_step="Choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE.",
            )
        return Unavailable(what, where=address, next_step="Check who owns the folder of the socket.")
    if error.errno == errno.EADDRNOTAVAIL:
        next_step = "Use an address of this machine, such as 127.0.0.1 or 0.0.0.0."
        return Unavailable("this machine has no such address", where=address, next_step=next_step)
    reason = os.strerror(error.errno) if error.errno else str(error)
    return Unavailable(f"cannot listen: {reason}", where=address)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for what, path in (("certificate", tls.certificate), ("key", tls.key), ("client CA", tls.client_ca)):
        if path is not None and not path.is_file():
            raise Unavailable(
                f"the TLS {what} file cannot be read",
                where=str(path),
                next_step="Check path and permissions.",
            )
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(tls.certificate, tls.key, password="")
        if tls.client_ca is not None:
            context.load_verify_locations(cafile=tls.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            "the TLS files do not work together",
            where=f"{tls.certificate}, {tls.key}",
            next_step="Both must be PEM without a passphrase, and the key must belong to the certificate.",
        ) from error
    return context
