"""Bytes over TCP, and over TLS on top of any other wire.

TLS is driven by hand (memory BIOs), because a library that hides the bytes cannot tell a reset after
ClientHello from a plain HTTP answer or from silence. Foreign exceptions become `Ended` here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from modgate.client.findings import Phase
from modgate.client.net.facts import Failure, FailureKind, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Ended", "Stopwatch", "TcpWire", "TlsWire", "Wire", "failure_of"]

_KINDS = {
    errno.ECONNREFUSED: FailureKind.REFUSED,
    errno.ECONNRESET: FailureKind.RESET,
    errno.ECONNABORTED: FailureKind.RESET,
    errno.EPIPE: FailureKind.RESET,
    errno.ETIMEDOUT: FailureKind.TIMEOUT,
    errno.EACCES: FailureKind.FORBIDDEN,
    errno.EPERM: FailureKind.FORBIDDEN,
    10013: FailureKind.FORBIDDEN,  # Windows has numbers of its own for sockets
    10053: FailureKind.RESET,
    10054: FailureKind.RESET,
    10060: FailureKind.TIMEOUT,
    10061: FailureKind.REFUSED,
}
_CHUNK = 1 << 18
_TLS_RECORDS = range(0x14, 0x18)


class Ended(Exception):
    """A probe ended early; the failure says where and how."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


def failure_of(error: OSError, phase: Phase) -> Failure:
    """The fact in a system's error. What is not known by its number is told as unreachable."""
    if isinstance(error, TimeoutError):
        return Failure(phase, FailureKind.TIMEOUT)
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return Failure(phase, FailureKind.RESET, error.strerror or "")
    kind = _KINDS.get(error.errno or 0, FailureKind.UNREACHABLE)
    return Failure(phase, kind, os.strerror(error.errno) if error.errno else str(error))


class Stopwatch:
    """Measures the steps of one probe and ends it when its time is over."""

    def __init__(self, total: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + total
        self._seconds: dict[str, float] = {}

    @asynccontextmanager
    async def step(
        self, name: str, limit: float, phase: Phase, silent: FailureKind = FailureKind.TIMEOUT
    ) -> AsyncIterator[None]:
        """Measure a step; raises Ended with `phase` for the system's errors, with `silent` when time is
        up.
        """
        begun = self._loop.time()
        try:
            async with asyncio.timeout_at(min(begun + limit, self._end)):
                yield
        except TimeoutError:
            raise Ended(Failure(phase, silent)) from None
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            raise Ended(failure_of(error, phase)) from error
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + self._loop.time() - begun

    def add(self, name: str, seconds: float) -> None:
        """Count a step that was measured elsewhere."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def left(self) -> float:
        """Seconds until the whole probe's time is over."""
        return self._end - self._loop.time()

    def steps(self) -> tuple[Step, ...]:
        """The steps so far, in the order in which they began; hops of a redirect are summed."""
        return tuple(Step(name, seconds) for name, seconds in self._seconds.items())


class Wire(Protocol):
    """A two-way stream of bytes. Both raise OSError for what the network does."""

    async def read(self) -> bytes:
        """Some bytes; none at the end."""

    async def write(self, data: bytes) -> None:
        """Send all of it."""

    def close(self) -> None:
        """Let go at once."""


class TcpWire:
    """A TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """As Wire says."""
        return await self._reader.read(_CHUNK)

    async def write(self, data: bytes) -> None:
        """As Wire says."""
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        """As Wire says."""
        self._writer.transport.abort()


class TlsWire:
    """TLS as a client over another wire; `shake` comes first."""

    def __init__(self, inner: Wire, context: ssl.SSLContext, name: str) -> None:
        self._inner = inner
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._first = b""
        self._ended = False
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=name or None)

    async def shake(self) -> None:
        """The handshake.

        Raises Ended in the phase `tls` (RESET, CLOSED, NOT_TLS, ALERT), and SSLCertVerificationError as
        it is, because only a second look tells what is wrong with a certificate.
        """
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._exchange_bytes()
            except ssl.SSLCertVerificationError:
                with suppress(OSError):
                    await self._flush()
                raise
            except ssl.SSLError as error:
                raise Ended(self._refusal(error)) from error
        await self._flush()

    def _refusal(self, error: ssl.SSLError) -> Failure:
        if self._first and (self._first[0] not in _TLS_RECORDS or self._first[1:2] not in {b"", b"\x03"}):
            line = self._first.split(b"\r\n", 1)[0].decode("latin-1")
            return Failure(Phase.TLS, FailureKind.NOT_TLS, line)
        if self._ended:
            return Failure(Phase.TLS, FailureKind.CLOSED)
        return Failure(Phase.TLS, FailureKind.ALERT, (error.reason or str(error)).replace("_", " ").lower())

    async def _exchange_bytes(self) -> None:
        await self._flush()
        data = await self._inner.read()
        if data:
            self._in.write(data)
            if len(self._first) < 256:
                self._first += data[:256]
        else:
            self._ended = True
            self._in.write_eof()

    async def _flush(self) -> None:
        data = self._out.read()
        if data:
            await self._inner.write(data)

    async def read(self) -> bytes:
        """As Wire says. Raises Ended where the server refuses after the handshake (it wants a
        certificate of ours).
        """
        while True:
            try:
                return self.tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                if self._ended:
                    return b""
                await self._exchange_bytes()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise Ended(self._refusal(error)) from error

    async def write(self, data: bytes) -> None:
        """As Wire says."""
        self.tls.write(data)
        await self._flush()

    def close(self) -> None:
        """As Wire says."""
        self._inner.close()
