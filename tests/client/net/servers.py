"""Servers at socket level on loopback that fail in every way a network can fail."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

DAY = dt.timedelta(days=1)


def now() -> dt.datetime:
    return dt.datetime.fromtimestamp(time.time(), dt.UTC)


@dataclass
class Authority:
    """A CA that lives as long as a test. `file` is what SSL_CERT_FILE takes."""

    folder: Path
    name: str = "Corp Inspection CA"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        self.subject = name
        self.certificate = (
            _builder(name, name, self.key, now() - DAY, now() + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = self.folder / f"{self.name.replace(' ', '-')}.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def context(
        self,
        *names: str,
        begin: dt.datetime | None = None,
        end: dt.datetime | None = None,
        protocols: Sequence[str] = (),
        common_name: str = "",
    ) -> ssl.SSLContext:
        """A server's side with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or (names or ("?",))[0])])
        builder = _builder(subject, self.subject, key, begin or now() - DAY, end or now() + DAY)
        if names:
            general = [
                x509.IPAddress(ipaddress.ip_address(name))
                if name.replace(".", "").isdigit() or ":" in name
                else x509.DNSName(name)
                for name in names
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        leaf = builder.sign(self.key, hashes.SHA256())
        file = self.folder / f"{leaf.serial_number}.pem"
        plain = serialization.NoEncryption()
        file.write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begin: dt.datetime,
    end: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


@contextlib.asynccontextmanager
async def listening(
    serve: Serve, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A TCP server; `serve` gets each connection, which is closed after it."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))


def reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads for ever and says nothing."""
    while await reader.read(4096):
        pass


def after(count: int, then: str = "reset", say: bytes = b"") -> Serve:
    """Read until so many bytes came, say something, then `reset`, `close` or `wait`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = b""
        while len(got) < count:
            got += (data := await reader.read(4096))
            if not data:
                return
        writer.write(say)
        await writer.drain()
        if then == "reset":
            await asyncio.sleep(0.05)
            reset(writer)
        elif then == "wait":
            await asyncio.sleep(30)

    return serve


def answering(*answers: bytes, seen: list[bytes] | None = None, then: str = "close") -> Serve:
    """HTTP: read a head, give the next answer; the last one for ever. `then` after each: close, keep, wait,
    reset.
    """
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if seen is not None:
                seen.append(head)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
            if then == "reset":
                await asyncio.sleep(0.05)
                reset(writer)
            if then == "wait":
                await asyncio.sleep(30)
            if then != "keep":
                return

    return serve


def said(status: int = 200, body: bytes = b"", length: int | None = None, **headers: str) -> bytes:
    lines = {"Content-Length": str(len(body) if length is None else length)}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode("latin-1") + body


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue is full: a SYN is never answered."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
        fillers.append(filler)
    try:
        yield listener.getsockname()[1]
    finally:
        for one in (*fillers, listener):
            one.close()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Names:
    """A resolver: `host -> addresses`, or an rcode's name; `cut` answers of UDP are truncated."""

    records: Mapping[str, Sequence[str] | str]
    cut: bool = False
    deaf: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, data: bytes, *, by_tcp: bool = False) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        host = question.name.to_text(omit_final_dot=True)
        kind = "A" if question.rdtype == 1 else "AAAA"
        self.asked.append(f"{'tcp' if by_tcp else 'udp'} {kind} {host}")
        reply = dns.message.make_response(query)
        found = self.records.get(host, "NXDOMAIN")
        if isinstance(found, str):
            reply.set_rcode(dns.rcode.from_text(found))
            return reply.to_wire()
        if self.cut and not by_tcp:
            reply.flags |= dns.flags.TC
            return reply.to_wire()
        fitting = [address for address in found if (":" in address) == (kind == "AAAA")]
        if fitting:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *fitting))
        return reply.to_wire(max_size=65535)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """By UDP and TCP on one port; gives `127.0.0.1:port`."""
        names = self

        class Datagrams(asyncio.DatagramProtocol):
            transport: asyncio.DatagramTransport

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = cast("asyncio.DatagramTransport", transport)

            def datagram_received(self, data: bytes, addr: object) -> None:
                if not names.deaf:
                    self.transport.sendto(names.answer(data), cast("tuple[str, int]", addr))

        async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            length = int.from_bytes(await reader.readexactly(2))
            out = names.answer(await reader.readexactly(length), by_tcp=True)
            writer.write(len(out).to_bytes(2) + out)
            await writer.drain()

        async with listening(tcp) as port:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                Datagrams, local_addr=("127.0.0.1", port)
            )
            try:
                yield f"127.0.0.1:{port}"
            finally:
                transport.close()
