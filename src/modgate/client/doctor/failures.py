"""From how a request ended to the cause that names it.

One table for every check that asks something over HTTP, so that a failure is called the same whoever met it,
and the verdict can join what several checks found. The finding's subject is the URL of what was asked
(an entry of the chain, the checksum database), not of the single request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.client.causes import body, connect, dns, headers, proxy, status, tls
from modgate.client.findings import Evidence, Finding, Phase
from modgate.client.net.facts import FailureKind
from modgate.gomod.proxylist import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.findings import Cause
    from modgate.client.net.facts import Exchange, Failure

__all__ = ["host_of", "said", "went_wrong"]

_K = FailureKind
_LONGEST = 200

_CAUSES: Mapping[Phase, Mapping[FailureKind, Cause]] = {
    Phase.DNS: {
        _K.NO_SUCH_HOST: dns.NO_SUCH_HOST,
        _K.TIMEOUT: dns.RESOLVER_TIMEOUT,
        _K.REFUSED: dns.RESOLVER_REFUSED,
        _K.NO_ADDRESS: dns.NO_ADDRESS,
        _K.SERVER_FAILURE: dns.SERVER_FAILURE,
    },
    Phase.CONNECT: {
        _K.TIMEOUT: connect.TIMEOUT,
        _K.REFUSED: connect.REFUSED,
        _K.UNREACHABLE: connect.NO_ROUTE,
        _K.RESET: connect.RESET,
        _K.FORBIDDEN: connect.PERMISSION,
    },
    Phase.TLS: {
        _K.TIMEOUT: tls.TIMEOUT,
        _K.RESET: tls.RESET,
        _K.CLOSED: tls.CLOSED,
        _K.UNKNOWN_AUTHORITY: tls.UNKNOWN_AUTHORITY,
        _K.WRONG_NAME: tls.WRONG_NAME,
        _K.NOT_YET_VALID: tls.NOT_YET_VALID,
        _K.EXPIRED: tls.EXPIRED,
        _K.NOT_TLS: tls.NOT_TLS,
        _K.ALERT: tls.ALERT,
        _K.CERTIFICATE: tls.OTHER_CERTIFICATE,
    },
    Phase.HEADERS: {
        _K.CLOSED: headers.CLOSED,
        _K.RESET: headers.RESET,
        _K.GARBAGE: headers.GARBAGE,
        _K.STALL: headers.STALL,
        _K.H2: headers.H2_ERROR,
        _K.TLS_PORT: headers.TLS_PORT,
        _K.TIMEOUT: headers.HEADER_TIMEOUT,
    },
    Phase.STATUS: {_K.REDIRECT: status.REDIRECT_LOOP, _K.REDIRECT_INSECURE: status.REDIRECT_INSECURE},
    Phase.BODY: {
        _K.CUT: body.CUT,
        _K.CLOSED: body.CUT,
        _K.STALL: body.STALL,
        _K.H2: body.H2_STREAM,
        _K.RESET: body.RESET,
        _K.TIMEOUT: body.TIMEOUT,
    },
}
_LAST_RESORT: Mapping[Phase, Cause] = {
    Phase.DNS: dns.SERVER_FAILURE,
    Phase.CONNECT: connect.NO_ROUTE,
    Phase.TLS: tls.ALERT,
    Phase.STATUS: status.OTHER,
    Phase.BODY: body.CUT,
}
_STATUSES: Mapping[int, Cause] = {
    401: status.UNAUTHORIZED,
    403: status.FORBIDDEN,
    404: status.NOT_FOUND,
    410: status.GONE,
    429: status.TOO_MANY,
    451: status.LEGAL,
}


def went_wrong(exchange: Exchange, subject: str, *, module: str = "") -> Finding | None:
    """The finding that an exchange amounts to, None for a whole answer with status 200.

    `subject` is the URL of the entry or the database; `module` what was asked for, for the texts.
    """
    failure = exchange.failure
    if failure is None and exchange.status == 200:
        return None
    if failure is None:
        cause = _STATUSES.get(exchange.status) or (
            status.SERVER_ERROR if exchange.status >= 500 else status.OTHER
        )
    else:
        cause = _cause(failure, exchange)
    values = _values(exchange, subject, module)
    return Finding(
        cause,
        {name: values.get(name, "") for name in cause.values},
        evidence=(Evidence(raw=_words(exchange), source=redacted(exchange.url)),),
        subject=redacted(exchange.proxy if _is_of_the_proxy(cause) else subject),
    )


def _is_of_the_proxy(cause: Cause) -> bool:
    return cause.phase is Phase.PROXY and cause is not proxy.CONNECT_REFUSED


def host_of(url: str) -> str:
    """The host, with its port where the URL names one."""
    try:
        parts = urlsplit(redacted(url))
    except ValueError:
        return ""
    return parts.netloc.rpartition("@")[2]


def said(exchange: Exchange) -> str:
    """The first words of a text answer, or of what stands in its place; for `text` in the causes."""
    if exchange.failure is not None and exchange.failure.text:
        return _one_line(exchange.failure.text)
    if exchange.failure is not None:
        return exchange.failure.kind.value
    kind = exchange.headers.get("content-type", "")
    text = exchange.body[:2000].decode("utf-8", "replace")
    if text.lstrip()[:1] == "<" or "html" in kind:
        return "HTML"
    return _one_line(text) or f"HTTP {exchange.status}"


def _cause(failure: Failure, exchange: Exchange) -> Cause:
    if failure.phase is Phase.PROXY:
        return _proxy_cause(failure, exchange)
    found = _CAUSES.get(failure.phase, {}).get(failure.kind)
    return found or _LAST_RESORT.get(failure.phase, headers.CLOSED)


def _proxy_cause(failure: Failure, exchange: Exchange) -> Cause:
    if failure.kind is _K.PROXY_STATUS:
        return proxy.AUTH_REQUIRED if failure.status == 407 else proxy.CONNECT_REFUSED
    if failure.kind is _K.SOCKS or exchange.proxy.startswith("socks"):
        return proxy.SOCKS_FAILED
    if failure.kind is _K.SETTING:
        return proxy.MALFORMED
    if any(step.name == "proxy" for step in exchange.steps):
        return proxy.HANGS if failure.kind in {_K.TIMEOUT, _K.STALL} else proxy.BROKEN_ANSWER
    return proxy.UNREACHABLE


def _values(exchange: Exchange, subject: str, module: str) -> dict[str, str]:
    certificate = exchange.certificate
    failure = exchange.failure
    return {
        "host": host_of(subject),
        "address": exchange.address or host_of(subject),
        "server": "system",
        "text": said(exchange),
        "url": redacted(exchange.url),
        "module": module,
        "status": str((failure.status if failure else 0) or exchange.status),
        "proxy": redacted(exchange.proxy),
        "issuer": certificate.issuer if certificate else "",
        "names": ", ".join(certificate.names[:6]) if certificate else "",
        "target": redacted(exchange.redirects[-1]) if exchange.redirects else "",
        "variable": "HTTPS_PROXY" if subject.startswith("https:") else "HTTP_PROXY",
        "value": redacted(exchange.proxy),
        "source": "os",
    }


def _words(exchange: Exchange) -> str:
    failure = exchange.failure
    if failure is not None:
        return f"{failure.phase.value}: {failure.text or failure.kind.value} ({exchange.seconds:.1f} s)"
    return f"{exchange.status}: {said(exchange)}"


def _one_line(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return redacted(line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…")
