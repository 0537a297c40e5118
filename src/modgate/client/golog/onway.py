"""Which cause a fault on the way is, given what go was doing.

The phase of a cause is where the person has to act. A proxy variable is mended in one place whatever was
asked for; all else that fails on the way to the checksum database or to a toolchain is theirs (the mirror
that does not carry them), and a name that does not exist behind `direct` is a question of the module path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import body, checksum, connect, dns, headers, proxy, status, tls, toolchain, vcs
from modgate.client.golog.making import find
from modgate.client.golog.said import Doing
from modgate.client.golog.transport import Kind

if TYPE_CHECKING:
    from collections.abc import Container

    from modgate.client.findings import Cause, Finding
    from modgate.client.golog.said import Said
    from modgate.client.golog.transport import Trouble

__all__ = ["on_the_way"]

_PROXY_KINDS: dict[Kind, Cause] = {
    Kind.PROXY_AUTH: proxy.AUTH_REQUIRED,
    Kind.PROXY_STATUS: proxy.CONNECT_REFUSED,
    Kind.PROXY_UNREACHABLE: proxy.UNREACHABLE,
    Kind.PROXY_NONSENSE: proxy.BROKEN_ANSWER,
    Kind.PROXY_MALFORMED: proxy.MALFORMED,
    Kind.PROXY_SCHEME: proxy.UNKNOWN_SCHEME,
    Kind.PROXY_HANGS: proxy.HANGS,
    Kind.SOCKS: proxy.SOCKS_FAILED,
}
_KINDS: dict[Kind, Cause] = {
    Kind.NO_SUCH_HOST: dns.NO_SUCH_HOST,
    Kind.RESOLVER_REFUSED: dns.RESOLVER_REFUSED,
    Kind.RESOLVER_TIMEOUT: dns.RESOLVER_TIMEOUT,
    Kind.RESOLVER_FAILURE: dns.SERVER_FAILURE,
    Kind.NO_ADDRESS: dns.NO_ADDRESS,
    Kind.CONNECT_TIMEOUT: connect.TIMEOUT,
    Kind.REFUSED: connect.REFUSED,
    Kind.NO_ROUTE: connect.NO_ROUTE,
    Kind.CONNECT_RESET: connect.RESET,
    Kind.PERMISSION: connect.PERMISSION,
    Kind.TLS_TIMEOUT: tls.TIMEOUT,
    Kind.UNKNOWN_AUTHORITY: tls.UNKNOWN_AUTHORITY,
    Kind.WRONG_NAME: tls.WRONG_NAME,
    Kind.NOT_YET_VALID: tls.NOT_YET_VALID,
    Kind.EXPIRED: tls.EXPIRED,
    Kind.OTHER_CERTIFICATE: tls.OTHER_CERTIFICATE,
    Kind.NOT_TLS: tls.NOT_TLS,
    Kind.ALERT: tls.ALERT,
    Kind.GARBAGE: headers.GARBAGE,
    Kind.TLS_PORT: headers.TLS_PORT,
    Kind.H2: headers.H2_ERROR,
    Kind.GOAWAY: headers.H2_GOAWAY,
    Kind.TIMEOUT: headers.HEADER_TIMEOUT,
    Kind.CUT: headers.CLOSED,
    Kind.REDIRECT_INSECURE: status.REDIRECT_INSECURE,
    Kind.REDIRECT_LOOP: status.REDIRECT_LOOP,
}
_IN_BODY: dict[Kind, Cause] = {
    Kind.RESET: body.RESET,
    Kind.CONNECT_RESET: body.RESET,
    Kind.H2: body.H2_STREAM,
    Kind.GOAWAY: body.H2_STREAM,
    Kind.TIMEOUT: body.TIMEOUT,
}
_TIMEOUTS = {Kind.CONNECT_TIMEOUT, Kind.TIMEOUT, Kind.TLS_TIMEOUT}


def on_the_way(said: Said, trouble: Trouble, *, in_body: bool, answered: Container[str]) -> Finding | None:
    """The finding for a fault on the way, None where the text is none.

    `in_body`: go had the head already (`read "url": …`). `answered`: the hosts that have answered over TLS in
    this log, since a reset is told from a block in the handshake by nothing else.
    """
    kind = trouble.kind
    if cause := _PROXY_KINDS.get(kind):
        return _at_proxy(cause, said, trouble)
    if kind is Kind.OTHER:
        return None
    host = said.url.host if said.url else ""
    if not in_body and host not in answered and _at_the_tunnel(said, trouble):
        return find(
            proxy.BROKEN_ANSWER,
            said,
            confidence=0.8,
            subject=trouble.address,
            proxy=trouble.address,
            text=trouble.detail or trouble.text,
        )
    if said.doing is Doing.DATABASE:
        cause = checksum.DATABASE_TIMEOUT if kind in _TIMEOUTS else checksum.DATABASE_UNREACHABLE
        return find(cause, said, text=trouble.text)
    if said.doing is Doing.TOOLCHAIN:
        return find(toolchain.UNREACHABLE, said, text=trouble.text)
    if said.doing in {Doing.GO_IMPORT, Doing.VCS} and kind is Kind.NO_SUCH_HOST:
        return find(vcs.HOST_UNRESOLVED, said, host=trouble.host, text=trouble.text)
    if in_body:
        return find(_IN_BODY.get(kind, body.CUT), said, text=trouble.text)
    if kind in {Kind.RESET, Kind.CLOSED}:
        return _ended(said, trouble, host, answered)
    name = _host_name(trouble.host if kind.name.startswith(("NO_SUCH", "RESOLVER", "NO_ADDR")) else host)
    if kind is Kind.REDIRECT_INSECURE:
        return find(
            status.REDIRECT_INSECURE, said, host=_host_of(trouble.host) or host, target=trouble.detail
        )
    address = trouble.address or _port(said)
    return find(
        _KINDS[kind],
        said,
        subject=host or trouble.host,
        host=(name if "address" in _KINDS[kind].values else host)
        or trouble.host
        or _host_name(trouble.address),
        address=address,
        server=trouble.server,
        text=trouble.detail or trouble.text,
        names=trouble.detail,
        issuer=trouble.detail,
    )


def _ended(said: Said, trouble: Trouble, host: str, answered: Container[str]) -> Finding:
    """Reset or closed before the head: in the handshake, unless TLS has stood with this host before."""
    reset = trouble.kind is Kind.RESET
    if said.url is not None and said.url.scheme == "https":
        if host not in answered:
            cause = tls.RESET if reset else tls.CLOSED
            return find(
                cause,
                said,
                confidence=0.8,
                subject=host,
                host=_host_name(host),
                address=trouble.address or _port(said),
            )
        return find(headers.RESET if reset else headers.CLOSED, said, confidence=0.8)
    return find(headers.RESET if reset else headers.CLOSED, said)


def _at_the_tunnel(said: Said, trouble: Trouble) -> bool:
    """Whether a proxy variable stood between, though go does not say so: an answer to CONNECT is read without
    the words that HTTP/1 wraps around it, and a socket names whom it was connected to.
    """
    if said.url is None:
        return False
    if trouble.kind is Kind.GARBAGE:
        return said.url.scheme == "https" and said.core.startswith("malformed HTTP")
    port = trouble.address.rpartition(":")[2]
    return (
        trouble.kind in {Kind.RESET, Kind.CLOSED, Kind.TIMEOUT}
        and bool(port)
        and port != _port(said).removeprefix(":")
    )


def _at_proxy(cause: Cause, said: Said, trouble: Trouble) -> Finding:
    variable = "HTTP_PROXY" if said.url and said.url.scheme == "http" else "HTTPS_PROXY"
    return find(
        cause,
        said,
        subject=trouble.detail if trouble.kind is not Kind.PROXY_STATUS else "",
        proxy=trouble.address or (trouble.host if trouble.kind is Kind.PROXY_UNREACHABLE else ""),
        text=trouble.text,
        status=trouble.detail,
        variable=variable,
        value=trouble.detail,
        source=variable,
    )


def _first(*names: str) -> str:
    return next((name for name in names if name), "")


def _host_of(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _host_name(host: str) -> str:
    """Without the port."""
    name, colon, port = host.rpartition(":")
    return name.strip("[]") if colon and port.isdigit() and (name.endswith("]") or ":" not in name) else host


def _port(said: Said) -> str:
    if said.url is None:
        return ""
    port = said.url.host.rpartition(":")[2]
    if port.isdigit() and not said.url.host.endswith("]"):
        return f":{port}"
    return ":443" if said.url.scheme == "https" else ":80"
