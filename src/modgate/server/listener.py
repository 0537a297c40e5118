"""Listening and stopping: one process, one address, one ready line.

Rules: what keeps the server from listening is one line that names the address and the next step;
stopping closes the door first, lets answers that are on their way finish for `grace` seconds, and a
second Ctrl-C ends at once; SIGHUP is passed on; certificates and limits can be renewed (`renew`) without
a restart and without a moment in which nobody listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING

from uvicorn import Config, Server

from modgate.errors import Unavailable
from modgate.server.binding import BACKLOG, bind_tcp, bind_unix, remove_unix, tls_context
from modgate.server.notify import notify_ready, notify_stopping
from modgate.server.shared import Limits, Shared
from modgate.server.traced import TracedProtocol
from modgate.server.wire import GateProtocol
from modgate.telemetry import tracing

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Generator
    from pathlib import Path
    from types import FrameType

    from modgate.server.app import App
    from modgate.server.naming import Naming
    from modgate.server.switch import Switch

__all__ = ["Listen", "Listener", "Tls", "new_event_loop", "print_ready"]


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
    """The one line on stdout; a service manager that waits is told as well."""
    sys.stdout.write(f"modgate is ready at {url}\n")
    sys.stdout.flush()
    notify_ready(url)


class Listener:
    """Serves an application on one address. Use: `bind()`, then `await serve()`; `stop()` from anywhere in
    the loop.

    Args:
        app: What to serve.
        listen: Where and how.
        on_ready: Called with the URL once connections are accepted.
        on_hangup: Called when SIGHUP comes.
        monotonic: Seconds, for time-outs.
        clock: Unix seconds, for the Date header.
    """

    def __init__(
        self,
        app: App | Switch,
        listen: Listen | None = None,
        *,
        on_ready: Callable[[str], None] = print_ready,
        on_hangup: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.listen = listen or Listen()
        self._app = app
        self._on_ready = on_ready
        self._on_hangup = on_hangup
        self._shared = Shared(
            app.memo,
            app.metrics,
            self.listen.limits,
            monotonic,
            app.tally,
            shortcuts=app.settings.access_log != "all",
            naming=app.settings.naming,
        )
        self._clock = clock
        self._socket: socket.socket | None = None
        self._context = tls_context(self.listen.tls) if self.listen.tls is not None else None
        self._renewing = asyncio.Lock()
        self._server: _GateServer | None = None
        self.url = ""

    def bind(self) -> str:
        """Take the address; the URL. Raises Unavailable, Invalid."""
        address = self.listen.address
        scheme = "http" if self._context is None else "https"
        if address.startswith("unix:"):
            self._socket = bind_unix(address.removeprefix("unix:"))
            self.url = address
        else:
            self._socket = bind_tcp(address)
            host, port = self._socket.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self.url = f"{scheme}://{shown}:{port}{self.listen.mount}"
        return self.url

    def prepare(self, listen: Listen) -> ssl.SSLContext | None:
        """What new connections need under other settings, not yet in force. Raises Unavailable."""
        return tls_context(listen.tls) if listen.tls is not None else None

    async def renew(
        self, listen: Listen, context: ssl.SSLContext | None, *, shortcuts: bool, naming: Naming | None = None
    ) -> None:
        """Take new connections under other settings, with what `prepare` made; those that are open go on, and
        their next requests are named as `naming` says (None: as before).

        The address, the mount, and whether it is TLS at all stay as they are.
        """
        async with self._renewing:
            if context is not None and self._server is not None:
                try:
                    await self._server.renew(context)
                except OSError as error:
                    raise Unavailable(
                        f"cannot accept with the new certificate: {error.strerror or error}", where=self.url
                    ) from error
                self._context = context
            self.listen = replace(self.listen, tls=listen.tls, limits=listen.limits, grace=listen.grace)
            self._shared.limits = listen.limits
            self._shared.shortcuts = shortcuts
            if naming is not None:
                self._shared.naming = naming

    async def serve(self) -> None:
        """Serve until stopped by SIGTERM, SIGINT or `stop`, then finish what is on its way."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None
        config = Config(
            self._app,
            http=self._protocol(),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            loop="none",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=max(1, int(self.listen.grace)),
            ssl_context_factory=None if self._context is None else self._give_context,
        )
        # What it has to say is said by our own logs and metrics.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self._server = _GateServer(
            config,
            self._shared,
            self._clock,
            partial(self._on_ready, self.url),
            self._on_hangup,
            self._socket,
        )
        try:
            await self._server.serve(sockets=[self._socket.dup()])
        finally:
            self._socket.close()
            remove_unix(self.listen.address)
            self._app.memo.clear()

    def _protocol(self) -> Callable[..., GateProtocol]:
        """What makes connections. That hits have spans costs nothing where there are none."""
        if not tracing.on():
            return partial(GateProtocol, shared=self._shared)
        return partial(TracedProtocol, shared=self._shared, mount=self.listen.mount)

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

    def __init__(  # noqa: PLR0917  made in one place
        self,
        config: Config,
        shared: Shared,
        clock: Callable[[], float],
        on_ready: Callable[[], None],
        on_hangup: Callable[[], None],
        door: socket.socket,
    ) -> None:
        super().__init__(config)
        # What uvicorn accepts from are copies: it closes them, and the queue is gone with the last.
        self._door = door
        self._on_hangup = on_hangup
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
            loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        try:
            yield
        finally:
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                for number in (*numbers, signal.SIGHUP):
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

    async def renew(self, context: ssl.SSLContext) -> None:
        """Accept with another context: first there are two acceptors of one queue, then the new one."""
        if not self.started or self.should_exit:
            return
        old, before = self.servers, self.config.ssl
        self.config.ssl = context
        try:
            await self.startup(sockets=[self._door.dup()])
        except BaseException:
            self.servers, self.config.ssl = old, before
            raise
        for server in old:
            server.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, wait for answers on their way, then drop what is left."""
        notify_stopping()
        self._door.close()
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
