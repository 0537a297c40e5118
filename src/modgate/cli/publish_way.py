"""The way to a gate: the certificate that is shown where the gate asks for one, and what it means that a
connection ended.

A server that demands a certificate says so with an alert, or, as Python's own, by ending the connection when
the handshake is over and nothing was answered yet; the two are told alike.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import truststore

from modgate.errors import Invalid
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Way", "unsent", "way_to"]

_OF_CERTIFICATES = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")


@dataclass(frozen=True, slots=True)
class Way:
    """The address of a gate, and how its TLS is spoken; `certified` where a certificate can be shown."""

    base: str
    context: ssl.SSLContext
    certified: bool

    @property
    def encrypted(self) -> bool:
        """Whether it is https."""
        return urlsplit(self.base).scheme == "https"


def way_to(base: str, cert: str | None, key: str | None) -> Way:
    """The way to `base`, with the certificate and key of two PEM files. Raises Invalid.

    Who the gate is, the system's authorities say.
    """
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    way = Way(base, context, cert is not None)
    if cert is None and key is None:
        return way
    if cert is None or key is None:
        raise Invalid("--cert and --key go together: name both files, or neither")
    if not way.encrypted:
        raise Invalid("--cert and --key are for https://, and --to is plain http")
    _check_pem(cert, "certificate", "CERTIFICATE-----")
    _check_pem(key, "key", "PRIVATE KEY-----")
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        if getattr(error, "reason", None) in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
            raise Invalid("the key is not that of the certificate", where=f"{cert}, {key}") from None
        raise Invalid("the certificate or its key is damaged", where=f"{cert}, {key}") from None
    return way


def _check_pem(file: str, what: str, mark: str) -> None:
    """Raise Invalid for what is plainly no such file, or a key with a passphrase."""
    try:
        text = Path(file).read_text("ascii", "replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Invalid(f"the {what} cannot be read: {reason}", where=file) from None
    if mark not in text:
        raise Invalid(f"there is no {what} in PEM form", where=file)
    if what == "key" and "ENCRYPTED" in text:
        raise Invalid(
            "the key has a passphrase, and nobody is asked for it",
            where=file,
            next_step="Write it without one: openssl pkey -in KEY -out PLAIN, readable by you alone.",
        )


def unsent(error: Exception, way: Way, *, begun: bool) -> Message:
    """Why there is no answer; `begun` once the gate has let the body come."""
    values = {"host": urlsplit(way.base).netloc}
    if way.encrypted and (_is_alert(error) or (not begun and _is_end(error))):
        return Message(f"publish.unsent.{'not-accepted' if way.certified else 'no-certificate'}", values)
    if isinstance(error, aiohttp.ClientSSLError):
        return Message("publish.unsent.tls", values)
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return Message("publish.unsent.refused", values)
        return Message("publish.unsent.unreachable", {**values, "why": error.os_error.strerror or str(error)})
    if isinstance(error, TimeoutError):
        return Message("publish.unsent.timeout", values)
    return Message("publish.unsent.cut", values)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, aiohttp.ClientConnectorError):
            yield error.os_error
        error = error.__cause__ or error.__context__


def _is_alert(error: Exception) -> bool:
    """Whether the other side said that it does not like what it was shown."""
    reasons = [str(getattr(each, "reason", "")) for each in _causes(error) if isinstance(each, ssl.SSLError)]
    return any("ALERT" in reason and any(each in reason for each in _OF_CERTIFICATES) for reason in reasons)


def _is_end(error: Exception) -> bool:
    """Whether the other side ended the connection without a word."""
    ends = (aiohttp.ServerDisconnectedError, ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    return any(isinstance(each, ends) for each in _causes(error))
