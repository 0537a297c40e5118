"""Whom the gate trusts, and as whom it presents itself, towards one upstream.

Its own CAs stand instead of the system's, so that what they name is all that may answer there. Files are
read when the context is made: what is wrong with them is said with the file, before anything is asked.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import truststore

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["client_context"]

_MAX = 16 << 20


def client_context(
    ca: Path | None = None, cert: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """The context for connections to a server.

    `ca` is a PEM file of CAs, None for the system's trust; `cert` a PEM file of a certificate (chain), `key`
    that of its key where `cert` does not hold it. Raises Unavailable with the file and the reason.
    """
    if ca is None:
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(context, ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        _present(context, cert, key)
    return context


def _trust(context: ssl.SSLContext, path: Path) -> None:
    text = _read(path, "the file of CAs")
    if "-----BEGIN CERTIFICATE-----" not in text and "-----BEGIN TRUSTED CERTIFICATE-----" not in text:
        raise _unusable("the file of CAs holds no certificate", path, "It must be PEM.")
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise _unusable(f"a certificate in the file of CAs is broken ({_reason(error)})", path) from None


def _present(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    text = _read(cert, "the client certificate")
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise _unusable("the file of the client certificate holds no certificate", cert, "It must be PEM.")
    where = cert if key is None else key
    text = text if key is None else _read(key, "the key of the client certificate")
    if "PRIVATE KEY-----" not in text:
        next_step = "Name its file in client_key." if key is None else "It must be PEM."
        raise _unusable("there is no key of the client certificate in it", where, next_step)
    if "ENCRYPTED" in text:
        next_step = f"Write it without: openssl pkey -in {where} -out NEW.key, and chmod 600 NEW.key."
        raise _unusable("the key of the client certificate has a passphrase", where, next_step)
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        reason = _reason(error)
        what = f"the client certificate and its key cannot be used ({reason})"
        if "MISMATCH" in reason:
            what = f"the key does not belong to the client certificate {cert}"
        raise _unusable(what, where) from None


def _read(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX).decode("ascii", "replace")
    except OSError as error:
        next_step = "Check the path and who may read it."
        raise _unusable(f"{what} cannot be read: {error.strerror}", path, next_step) from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or type(error).__name__)


def _unusable(what: str, path: Path, next_step: str = "") -> Unavailable:
    return Unavailable(what, where=str(path), next_step=next_step, kind="bad-answer")
