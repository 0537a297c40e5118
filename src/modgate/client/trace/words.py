"""A failure of the tap's in the words that go would have had for it.

The analyser of logs knows go's words, and so do people who search for them. Sources: net.OpError,
net/http/transport.go, crypto/tls and crypto/x509 errors.
"""

from __future__ import annotations

import errno
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp

__all__ = ["in_words_of_go"]

_ERRNO = {
    errno.ECONNREFUSED: "connect: connection refused",
    errno.ENETUNREACH: "connect: network is unreachable",
    errno.EHOSTUNREACH: "connect: no route to host",
    errno.ETIMEDOUT: "i/o timeout",
    errno.ECONNRESET: "read: connection reset by peer",
    errno.EACCES: "connect: permission denied",
    errno.EPERM: "connect: operation not permitted",
}
_VERIFY = {
    9: "certificate has expired or is not yet valid: the clock is before its beginning",
    10: "certificate has expired or is not yet valid: the clock is after its end",
    62: "certificate is not valid for this host",
    64: "certificate is not valid for this address",
}


def in_words_of_go(error: BaseException, url: str, *, in_body: bool = False) -> str:
    """The words, without the `Get "URL":` before them."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    at = f"{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"
    if in_body:
        return "unexpected EOF"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"proxyconnect tcp: dial tcp {error.host}:{error.port}: {_system(error.os_error)}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return error.message or f"proxy answers {error.status}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {error.host}: no such host"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return _handshake(error.os_error, at)
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"dial tcp {at}: {_system(error.os_error)}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    if isinstance(error, TimeoutError):
        return f"dial tcp {at}: i/o timeout"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"net/http: HTTP/1.x transport connection broken: malformed HTTP response: {error.message}"
    if isinstance(error, OSError):
        return f"read tcp {at}: {_system(error)}"
    return str(error) or type(error).__name__


def _system(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    return _ERRNO.get(error.errno or 0, error.strerror or str(error))


def _certificate(error: BaseException) -> str:
    why = _VERIFY.get(getattr(error, "verify_code", 0), "certificate signed by unknown authority")
    return f"tls: failed to verify certificate: x509: {why}"


def _handshake(error: OSError, at: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    if "WRONG_VERSION_NUMBER" in str(error) or "HTTP_REQUEST" in str(error):
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(error, ConnectionResetError):
        return f"read tcp {at}: read: connection reset by peer"
    return f"remote error: tls: {error.strerror or error}"
