"""The span of a request: what was asked, by whom, and what became of it.

Rules: the names are those of OpenTelemetry's HTTP conventions where these have one. A client's trace is
honoured where it names one that parses, and anything else of it is ignored. A refusal (4xx) is an answer,
so only 5xx and answers that were cut count as failures.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod.protocol import Kind, parse
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modgate.server.exchange import Exchange
    from modgate.server.respond import Headers
    from modgate.telemetry import RequestResult
    from modgate.telemetry.tracing import Span, Value

__all__ = ["answered", "asked_by", "begin_request", "cut", "refused"]

_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"})
_PAGES = frozenset({"/", "/healthz", "/readyz", "/metrics", "/favicon.ico"})
_SUMDB = re.compile(r"/sumdb/.+?/(?:(supported|latest)$|(lookup|tile)/)")
_SUMDB_ENDINGS = {"lookup": "lookup/{record}", "tile": "tile/{tile}"}
_CACHED_ONLY = "/cached-only"
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate"})
_SHORT = 300
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NAMES = {"decision": "modgate.decision"}
_ROUTES = {
    Kind.LIST: "/{module}/@v/list",
    Kind.LATEST: "/{module}/@latest",
    Kind.QUERY: "/{module}/@v/{query}.info",
    Kind.INFO: "/{module}/@v/{version}.info",
    Kind.MOD: "/{module}/@v/{version}.mod",
    Kind.ZIP: "/{module}/@v/{version}.zip",
}


def begin_request(method: str, raw_path: str, mount: str, headers: Iterable[tuple[bytes, bytes]]) -> Span:
    """The span of a request that came, within the trace that its headers name; whoever begins it ends it."""
    if not tracing.on():
        return tracing.NO_SPAN
    method = method if method in _METHODS else "_OTHER"
    about = (_asked if len(raw_path) <= _SHORT else _asked.__wrapped__)(method, raw_path, mount)
    name = f"{'HTTP' if method == '_OTHER' else method} {about['http.route'] or ''}".rstrip()
    return tracing.begin(name, about, kind="server", carrier=_carrier(headers))


def asked_by(span: Span, exchange: Exchange) -> None:
    """Say in a request's span who asked."""
    if span.recording:
        span.set(
            {
                "url.scheme": exchange.origin.partition("://")[0] or None,
                "client.address": exchange.consumer,
                "modgate.request_id": exchange.request_id,
            }
        )


def _carrier(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        if name in _TRACE_HEADERS:
            known, text = name.decode("ascii"), value.decode("latin-1")
            # Two parents make none: what they are joined to does not parse.
            found[known] = f"{found[known]}, {text}" if known in found else text
    return found


@lru_cache(maxsize=4096)
def _asked(method: str, raw_path: str, mount: str) -> Mapping[str, Value | None]:
    """What a request line says; the same few thousand come again and again."""
    about: dict[str, Value | None] = {"http.request.method": method, "url.path": raw_path}
    about["http.route"] = _route(raw_path, mount, about) or None
    return about


def _route(raw_path: str, mount: str, about: dict[str, Value | None]) -> str:
    """The template of a URL, empty for none of ours; what it names of a module is added to `about`."""
    if mount and not raw_path.startswith(f"{mount}/"):
        return ""
    path = raw_path[len(mount) :]
    if path in _PAGES:
        return mount + path
    if path.startswith("/sumdb/"):
        found = _SUMDB.match(path)
        if found is None:
            return ""
        return f"{mount}/sumdb/{{database}}/{found[1] or _SUMDB_ENDINGS[found[2]]}"
    prefix = _CACHED_ONLY if path.startswith(f"{_CACHED_ONLY}/") else ""
    try:
        request = parse(path[len(prefix) :])
    except Invalid:
        return ""
    about["module.name"] = request.path
    about["module.version"] = request.version or None
    return mount + prefix + _ROUTES[request.kind]


def answered(
    span: Span,
    status: int,
    result: RequestResult,
    headers: Headers,
    *,
    size: int,
    seconds: float,
    about: Mapping[str, str] = _NOTHING,
) -> None:
    """The answer is out: say in its span how it ended, and what `about` says of what was asked."""
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
            **{_NAMES.get(name, name): value for name, value in about.items()},
        }
    )


def refused(error: BaseException, status: int) -> None:
    """The answer is an error's text."""
    tracing.fail(tracing.current(), error, broken=status >= 500)


def cut(error: BaseException) -> None:
    """The body broke off after the head had left."""
    refused(error.__cause__ or error, 500)
