"""Each proxy of the chain asked for something small: the phases in milliseconds, and what came back.

Told here is what happens after the handshake: no head, a broken body, a refusing status, a redirect that go
does not follow, and a page where data belongs. That a module is not there (404, 410) is no fault of an entry
and is left to the check of modules.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.causes import body, content, headers, status
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import clean, endpoints, failed, ms
from modgate.client.findings import Evidence, Finding, Phase
from modgate.client.net.facts import FailureKind
from modgate.gomod import semver
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.endpoints import Endpoint
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Cause
    from modgate.client.net.facts import Exchange

__all__ = ["CHECK", "is_page"]

_HEAD_CAUSES = {
    FailureKind.CLOSED: headers.CLOSED,
    FailureKind.RESET: headers.RESET,
    FailureKind.GARBAGE: headers.GARBAGE,
    FailureKind.TOO_LARGE: headers.GARBAGE,
    FailureKind.STALL: headers.STALL,
    FailureKind.TIMEOUT: headers.HEADER_TIMEOUT,
    FailureKind.H2: headers.H2_ERROR,
    FailureKind.TLS_PORT: headers.TLS_PORT,
}
_BODY_CAUSES = {
    FailureKind.CUT: body.CUT,
    FailureKind.CLOSED: body.CUT,
    FailureKind.RESET: body.RESET,
    FailureKind.STALL: body.STALL,
    FailureKind.TIMEOUT: body.TIMEOUT,
    FailureKind.H2: body.H2_STREAM,
}
_STATUSES = {
    401: status.UNAUTHORIZED,
    403: status.FORBIDDEN,
    429: status.TOO_MANY,
    451: status.LEGAL,
    511: content.PORTAL,
}
_ABSENT = frozenset({404, 410})
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|script|meta|\?xml)", re.IGNORECASE)
_ORDER = ("dns", "connect", "proxy", "tls", "request", "first-byte", "body")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One exchange with one entry; `kind` is `list` or `info`."""

    endpoint: Endpoint
    kind: str
    exchange: Exchange


async def _run(scene: Scene) -> Result:
    wanted = [
        (one, kind, url)
        for one in endpoints(scene)
        if not one.database
        for kind, url in (("list", one.probe), ("info", one.info))
        if url
    ]
    got = await asyncio.gather(*(scene.net.get(url) for _, _, url in wanted))
    seen = [_Asked(one, kind, exchange) for (one, kind, _), exchange in zip(wanted, got, strict=True)]
    found = await asyncio.gather(*(_find(scene, one) for one in seen))
    serving = {one.endpoint for one in seen if one.exchange.failure is None and one.exchange.status == 200}
    kept: dict[tuple[Cause, str], Finding] = {}
    for one, finding in zip(seen, found, strict=True):
        # An entry that serves and refuses some things has a policy, and the check of modules tells of it.
        if finding is None or (finding.cause.phase is Phase.STATUS and one.endpoint in serving):
            continue
        kept.setdefault((finding.cause, finding.subject), finding)
    return Result(
        findings=tuple(kept.values()),
        data={"waterfall": [_row(one) for one in seen]},
    )


async def _find(scene: Scene, one: _Asked) -> Finding | None:
    exchange, failure = one.exchange, one.exchange.failure
    if await _is_tls_port(scene, one):
        return _finding(one, headers.TLS_PORT)
    if failure is None:
        return _judge(one)
    if failure.phase is Phase.HEADERS:
        cause = _HEAD_CAUSES.get(failure.kind, headers.GARBAGE)
        if cause is headers.H2_ERROR and failure.text.startswith("GOAWAY"):
            cause = headers.H2_GOAWAY
        return _finding(one, cause)
    if failure.phase is Phase.BODY:
        return _finding(one, _BODY_CAUSES.get(failure.kind, body.CUT))
    if failure.phase is Phase.STATUS:
        insecure = failure.kind is FailureKind.REDIRECT_INSECURE
        return _finding(one, status.REDIRECT_INSECURE if insecure else status.REDIRECT_LOOP)
    if exchange.redirects and failure.phase is not Phase.PROXY:
        # The hop after a redirect is no host of the chain: no other check looks at it.
        return _finding(one, status.OTHER)
    return None


async def _is_tls_port(scene: Scene, one: _Asked) -> bool:
    """http:// to a port that speaks TLS: it hangs up, says something that is no HTTP, or says so in HTTP."""
    exchange, failure = one.exchange, one.exchange.failure
    if one.endpoint.scheme != "http" or one.endpoint.proxy is not None or exchange.redirects:
        return False
    if failure is not None and failure.kind is FailureKind.TLS_PORT:
        return True
    suspicious = exchange.status == 400 if failure is None else failure.phase is Phase.HEADERS
    if not suspicious or (failure is not None and failure.kind is FailureKind.STALL):
        return False
    _, shown, _ = await scene.net.handshake(exchange.address, one.endpoint.port, one.endpoint.host)
    return shown is not None


def _judge(one: _Asked) -> Finding | None:
    """What a whole answer says."""
    exchange = one.exchange
    if exchange.status in _ABSENT:
        return None
    if exchange.status != 200:
        cause = _STATUSES.get(exchange.status)
        if cause is None:
            cause = status.SERVER_ERROR if exchange.status >= 500 else status.OTHER
        return _finding(one, cause)
    if is_page(exchange):
        return _finding(one, content.PORTAL)
    if one.kind == "info" and not _is_info(exchange):
        return _finding(one, content.BAD_JSON)
    if one.kind == "list" and not _is_list(exchange):
        return _finding(one, content.BAD_LIST)
    return None


def is_page(exchange: Exchange) -> bool:
    """Whether the body is a page for a browser, by its first bytes or by what it is called."""
    called = exchange.headers.get("content-type", "").lower().startswith("text/html")
    return _PAGE.match(exchange.body) is not None or (called and b"<" in exchange.body[:512])


def _is_info(exchange: Exchange) -> bool:
    try:
        parsed = json.loads(exchange.body)
    except (ValueError, RecursionError):
        return not exchange.complete and exchange.body.lstrip().startswith(b"{")
    return isinstance(parsed, dict) and isinstance(parsed.get("Version"), str)


def _is_list(exchange: Exchange) -> bool:
    """Empty, or at least one line that is a version: go passes over the others."""
    lines = exchange.body.decode(errors="replace").split("\n")
    words = [line.split()[0] for line in lines if line.strip()]
    return not words or any(semver.is_valid(word) for word in words)


def _finding(one: _Asked, cause: Cause) -> Finding:
    exchange, failure = one.exchange, one.exchange.failure
    url = clean(exchange.url)
    said: str | Message = failed(failure) if failure is not None else _words(exchange)
    target = clean(exchange.redirects[-1]) if exchange.redirects else ""
    if failure is not None and target:
        said = Message("net.http.redirected", {"target": target, "what": said})
    values: dict[str, str | Message] = {
        "host": one.endpoint.name,
        "url": url,
        "text": said,
        "status": str(exchange.status) if failure is None else "3xx",
        "target": target,
    }
    what: Message = _fact(one)
    raw = clean(exchange.body[:200].decode(errors="replace")) if failure is None else ""
    return Finding(
        cause,
        {name: values[name] for name in cause.values},
        confidence=1.0,
        evidence=(Evidence(what, raw=raw, source=url),),
        subject=one.endpoint.shown,
    )


def _words(exchange: Exchange) -> str | Message:
    """What the server says, as go would show it: text only."""
    called = exchange.headers.get("content-type", "").lower()
    text = exchange.body.decode(errors="replace").strip()
    if not text or "html" in called or is_page(exchange):
        return Message("net.http.no_words")
    return clean(" ".join(text.split()))


def _fact(one: _Asked) -> Message:
    exchange = one.exchange
    steps = ", ".join(f"{name} {ms(exchange.step(name))}" for name in _ORDER if exchange.step(name))
    values: dict[str, str | Message] = {"host": one.endpoint.shown, "steps": steps or "-"}
    if exchange.failure is not None:
        phase = Message(f"net.phase.{exchange.failure.phase.value}")
        return Message("net.http.failed", values | {"phase": phase, "what": failed(exchange.failure)})
    return Message(
        "net.http.answer", values | {"status": str(exchange.status), "version": exchange.http_version}
    )


def _row(one: _Asked) -> dict[str, object]:
    exchange = one.exchange
    return {
        "entry": one.endpoint.shown,
        "url": clean(exchange.url),
        "status": exchange.status or None,
        "http": exchange.http_version or None,
        "address": exchange.address or None,
        "proxy": clean(exchange.proxy) or None,
        "redirects": [clean(url) for url in exchange.redirects],
        "steps": [{"name": step.name, "seconds": round(step.seconds, 4)} for step in exchange.steps],
        "seconds": round(exchange.seconds, 4),
        "failure": (
            {"phase": exchange.failure.phase.value, "kind": exchange.failure.kind.value}
            if exchange.failure
            else None
        ),
    }


CHECK = Check("waterfall", run=_run, network=True, groups=("HTTP", "STAT", "BODY", "CNT"))
