"""What an upstream's answer means: the table of `modgate.model.upstream`, in one place."""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from typing import TYPE_CHECKING

import aiohttp

from modgate.errors import Absent, Denied, ModgateError, Unavailable
from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FOREIGN", "clean_text", "retry_after", "status_error", "transport_error"]

FOREIGN = (aiohttp.ClientError, TimeoutError, OSError, ValueError, RuntimeError)
"""What may come out of the HTTP client; uvloop says RuntimeError where asyncio says OSError."""

_TEXT_LIMIT = 600
_ALERTS = {
    "CERTIFICATE_REQUIRED": "it requires a client certificate",
    "CERTIFICATE_EXPIRED": "it refuses this gate's client certificate: it has expired",
    "CERTIFICATE_REVOKED": "it refuses this gate's client certificate: it is revoked",
    "UNKNOWN_CA": "it refuses this gate's client certificate: it does not trust who issued it",
    "BAD_CERTIFICATE": "it refuses this gate's client certificate",
    "UNSUPPORTED_CERTIFICATE": "it refuses this gate's client certificate",
    "CERTIFICATE_UNKNOWN": "it refuses this gate's client certificate",
}
"""What the alerts of RFC 8446, 6.2 mean to who receives one: the other side's verdict, not ours."""


def clean_text(data: bytes, content_type: str) -> str:
    """An upstream's error text for people: plain text only, printable, at most 6 lines, 600 characters.

    What looks like a secret is taken out: a host may repeat the header that it was sent.
    """
    if content_type.partition(";")[0].strip().lower() != "text/plain":
        return ""
    text = data[: 4 * _TEXT_LIMIT].decode("utf-8", "replace")
    lines = ["".join(c if c.isprintable() else " " for c in line).strip() for line in text.splitlines()]
    return harmless("\n".join([line for line in lines if line][:6]))[:_TEXT_LIMIT]


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3: seconds or a date), None if absent or nonsense."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), 86400.0)
    try:
        parsed = email.utils.parsedate_tz(value)
        moment = None if parsed is None else email.utils.mktime_tz(parsed)
    except (ValueError, OverflowError, IndexError):
        return None
    if moment is None:
        return None
    return min(max(0.0, moment - (time.time() if now is None else now)), 86400.0)


def status_error(status: int, text: str, headers: Mapping[str, str], where: str) -> ModgateError:
    """The error for any answer that is not the object itself; `headers` without regard to case."""
    said = text or f"HTTP status {status}"
    if status in {404, 410}:
        return Absent(said, where=where, gone=status == 410, verbatim=bool(text))
    if status in {403, 451}:
        return Denied(said, where=where)
    if status == 401:
        return Unavailable(
            "the upstream wants credentials from this gate (401)",
            where=where,
            next_step="give the gate its credentials for this upstream: a secret in [[upstreams]], "
            "[[credentials]], or netrc",
            kind="bad-answer",
        )
    if status in {429, 503}:
        what = "too many requests" if status == 429 else "the upstream is overloaded"
        return Unavailable(
            f"{what} ({status})", where=where, kind="overloaded", retry_after=retry_after(headers)
        )
    if status == 508:
        return Unavailable(
            "the request came by way of it already (508)",
            where=where,
            next_step="take the gates out of each other's upstream chains",
            kind="loop",
        )
    if status == 504:
        return Unavailable("the upstream timed out itself (504)", where=where, kind="timeout")
    return Unavailable(f"the upstream answered with status {status}", where=where, kind="bad-answer")


def transport_error(error: BaseException, where: str, phase: str) -> Unavailable:
    """The error for no answer: time-outs, refusals, DNS, TLS, cut connections."""
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return Unavailable(f"no answer in time ({phase})", where=where, kind="timeout")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Unavailable(f"the name does not resolve: {error.os_error}", where=where)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Unavailable(f"its certificate is refused: {error.certificate_error}", where=where)
    if alert := _alert(error):
        return Unavailable(
            f"TLS failed: {alert}",
            where=where,
            next_step="name the right one as client_cert, for this upstream, in [[upstreams]]",
        )
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return Unavailable(f"TLS failed: {error}", where=where)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        wants = ": it wants a name and password" if error.status == 407 else ""
        return Unavailable(f"the HTTP proxy on the way refused ({error.status}){wants}", where=where)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return Unavailable("the HTTP proxy on the way cannot be reached", where=where)
    if isinstance(error, aiohttp.ClientPayloadError):
        return Unavailable("the body broke off before its end", where=where, kind="bad-answer")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Unavailable("it closed the connection without an answer", where=where)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unavailable(f"cannot connect: {error.os_error.strerror or error.os_error}", where=where)
    if isinstance(error, aiohttp.ClientResponseError):
        return Unavailable("the answer is not HTTP as it should be", where=where, kind="bad-answer")
    if isinstance(error, aiohttp.InvalidURL):
        return Unavailable("it redirects to an address that is none", where=where, kind="bad-answer")
    return Unavailable(f"the connection failed ({type(error).__name__})", where=where)


def _alert(error: BaseException) -> str:
    """What the other side thinks of our certificate; empty where it said nothing of it."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, ssl.SSLError):
        inner = inner.__cause__ or inner.__context__
    reason = "" if inner is None else str(inner.reason or "")
    return next((text for name, text in _ALERTS.items() if reason.endswith(f"ALERT_{name}")), "")
