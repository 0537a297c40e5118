"""One HTTP request as the endpoints see it, read once from the ASGI scope.

Rules: the path stays percent-encoded (it is decoded exactly once, by the endpoint that owns it) and
loses its query, so that queries cannot split the cache; who asks is said by `naming`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid
from modgate.server.naming import UNIX, Naming
from modgate.telemetry import new_request_id

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Exchange", "certificate_name", "check_host", "read_exchange"]

_PLAIN = Naming()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was asked, and by whom.

    Attributes:
        method: `GET`, `HEAD`, or what else the client sent.
        raw_path: Percent-encoded, without the query, with its leading slash.
        headers: Lower-case names; repeated headers joined with commas.
        consumer: Who asks (`naming`): a name, an address, `unix` over a unix socket, or a pseudonym.
        request_id: The client's own where it is harmless, else a new one.
        origin: Scheme and host under which the client sees us; empty where it did not say.
        old: HTTP/1.0: the client cannot tell a cut body without a length from a whole one.
        has_body: A body was announced, which no request to a module proxy has.
        principal: The name in the client's certificate, which the listener verified; empty without one.
        groups: The groups that the consumer belongs to.
    """

    method: str
    raw_path: str
    headers: Mapping[bytes, bytes]
    consumer: str
    request_id: str
    origin: str
    old: bool
    has_body: bool
    principal: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def head(self) -> bool:
        """Whether only the head is wanted."""
        return self.method == "HEAD"


def read_exchange(scope: Mapping[str, Any], naming: Naming = _PLAIN) -> Exchange:
    """Read the scope. Never raises: `check_host` and the endpoints say what is wrong with it."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b", " + value if name in headers else value
    client = scope.get("client")
    peer = UNIX if client is None else str(client[0])
    principal = str((scope.get("extensions") or {}).get("modgate.principal", {}).get("name", ""))
    who = naming.who(peer, principal, headers)
    scheme = str(scope.get("scheme", "http"))
    if headers.get(b"x-forwarded-proto") in {b"http", b"https"} and naming.trusts(peer):
        scheme = headers[b"x-forwarded-proto"].decode("ascii")
    asked_id = headers.get(b"x-request-id", b"")
    host = headers.get(b"host", b"").decode("latin-1")
    return Exchange(
        method=str(scope["method"]),
        raw_path=scope["raw_path"].decode("latin-1"),
        headers=headers,
        consumer=who.consumer,
        request_id=asked_id.decode("ascii") if _REQUEST_ID.fullmatch(asked_id) else new_request_id(),
        origin=f"{scheme}://{host}" if _HOST.fullmatch(host) else "",
        old=scope.get("http_version", "1.1") in {"0.9", "1.0"},
        principal=principal,
        groups=who.groups,
        has_body=b"transfer-encoding" in headers or headers.get(b"content-length", b"0").strip() != b"0",
    )


def certificate_name(certificate: Mapping[str, Any] | None) -> str:
    """Who a verified client certificate names: its common name, else its first alternative name.

    Takes what `ssl.SSLSocket.getpeercert` gives; empty where there is none. Names with control
    characters count as none.
    """
    if not certificate:
        return ""
    subject = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    others = [value for _, value in certificate.get("subjectAltName", ())]
    name = next(iter([*subject, *others]), "")
    return name if name.isprintable() else ""


def check_host(exchange: Exchange) -> None:
    """Raise Invalid unless there is exactly one Host that can be one (RFC 9112, section 3.2)."""
    host = exchange.headers.get(b"host")
    if host is None:
        if not exchange.old:
            raise Invalid("the request has no Host header", malformed=True)
    elif b"," in host or (host and not exchange.origin):
        raise Invalid("the request has no single valid Host header", malformed=True)
