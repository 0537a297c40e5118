"""Taking an address, and the TLS context for it: what fails is one line with the next step."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from modgate.server.listener import Tls

__all__ = ["BACKLOG", "bind_tcp", "bind_unix", "remove_unix", "tls_context"]

BACKLOG = 2048
"""Connections that may wait to be accepted."""


def bind_tcp(address: str) -> socket.socket:
    """A socket that listens on `HOST:PORT`. Raises Invalid, Unavailable."""
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
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        raise _cannot_listen(error, address, port) from error
    return server


def bind_unix(path: str) -> socket.socket:
    """One that listens on a path; what a dead server left there is taken over. Raises Unavailable."""
    where = Path(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if where.exists() and stat.S_ISSOCK(where.stat().st_mode) and _is_dead(path):
            where.unlink()
        server.setblocking(False)
        server.bind(path)
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        raise _cannot_listen(error, f"unix:{path}", None) from error
    return server


def remove_unix(address: str) -> None:
    """Remove the file of a Unix socket; nothing for another address."""
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


def tls_context(tls: Tls) -> ssl.SSLContext:
    """For a listener. Raises Unavailable for files that are not there or do not belong together."""
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
