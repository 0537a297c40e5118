"""The span of a request: what was asked, by whom, and what became of it.

Rules: the names are those of OpenTelemetry's HTTP conventions where these have one. A client's trace is
honoured where it names one that parses, and anything else of it is ignored. A refusal (4xx) is an answer,
so only 5xx and answers that were cut count as failures.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod.protocol import Kind, parse
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from modgate.server.exchange import Exchange
    from modgate.server.respond import Headers
    from modgate.telemetry import RequestResult
    from modgate.telemetry.tracing import Span, Value

__all__ = ["answered", "begin_request", "cut", "refused"]

_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"})
_PAGES = frozenset({"/", "/healthz", "/readyz", "/metrics", "/favicon.ico"})
_SUMDB = re.compile(r"/sumdb/.+?/(?:(supported|latest)$|(lookup|tile)/)")
_CACHED_ONLY = "/cached-only"
_ROUTES = {
    Kind.LIST: "/{module}/@v/list",
    Kind.LATEST: "/{module}/@latest",
    Kind.QUERY: "/{module}/@v/{query}.info",
    Kind.INFO: "/{module}/@v/{version}.info",
    Kind.MOD: "/{module}/@v/{version}.mod",
    Kind.ZIP: "/{module}/@v/{version}.zip",
}


def begin_request(exchange: Exchange, mount: str) -> Span:
    """The span of a request that came; whoever begins it ends it."""
    if not tracing.on():
        return tracing.NO_SPAN
    method = exchange.method if exchange.method in _METHODS else "_OTHER"
    about: dict[str, Value | None] = {
        "http.request.method": method,
        "url.path": exchange.raw_path,
        "url.scheme": exchange.origin.partition("://")[0] or None,
        "client.address": exchange.consumer,
        "modgate.request_id": exchange.request_id,
    }
    route = _route(exchange.raw_path, mount, about)
    about["http.route"] = route or None
    carrier = {
        name: exchange.headers[name.encode()].decode("latin-1")
        for name in ("traceparent", "tracestate")
        if name.encode() in exchange.headers
    }
    name = f"{'HTTP' if method == '_OTHER' else method} {route}".rstrip()
    return tracing.begin(name, about, kind="server", carrier=carrier)


def _route(raw_path: str, mount: str, about: dict[str, Value | None]) -> str:
    """The template of a URL, empty for none of ours; what it names of a module is added to `about`."""
    if mount and not raw_path.startswith(f"{mount}/"):
        return ""
    path = raw_path[len(mount) :]
    if path in _PAGES:
        return mount + path
    if path.startswith("/sumdb/"):
        found = _SUMDB.match(path)
        ending = (
            ""
            if found is None
            else found[1] or f"{found[2]}/{{{'record' if found[2] == 'lookup' else 'tile'}}}"
        )
        return f"{mount}/sumdb/{{database}}/{ending}" if ending else ""
    prefix = _CACHED_ONLY if path.startswith(f"{_CACHED_ONLY}/") else ""
    try:
        request = parse(path[len(prefix) :])
    except Invalid:
        return ""
    about["module.name"] = request.path
    about["module.version"] = request.version or None
    return mount + prefix + _ROUTES[request.kind]


def answered(
    span: Span, status: int, result: RequestResult, headers: Headers, *, size: int, seconds: float
) -> None:
    """The answer is out: say in its span how it ended."""
    if not span.recording:
        return
    verified = next((value for name, value in headers if name == b"modgate-verified"), b"none")
    span.set(
        {
            "http.response.status_code": status,
            "http.response.body.size": size,
            "cache.result": result,
            "download.duration_ms": round(seconds * 1000, 3),
            "modgate.verified": verified.decode("ascii") if verified != b"none" else None,
            "checksum.valid": True if verified != b"none" and status < 400 and result != "error" else None,
        }
    )


def refused(error: BaseException, status: int) -> None:
    """The answer is an error's text."""
    tracing.fail(tracing.current(), error, broken=status >= 500)


def cut(error: BaseException) -> None:
    """The body broke off after the head had left."""
    refused(error.__cause__ or error, 500)
