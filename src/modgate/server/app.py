"""The ASGI function in front of everything: routes, refuses, answers, counts, logs.

Rules: every URL but `/`, the health endpoints, `/metrics` and `/sumdb/` is a GOPROXY URL; the raw
path is routed, never a decoded one, so that an encoded slash cannot lead past a rule; only GET and
HEAD exist, and PUT of a version where publishing is on; a request that already came through this very
instance is refused, or two gates could ask each other for ever.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import structlog

from modgate import __version__
from modgate.errors import Denied, ModgateError, Unavailable
from modgate.firewall.tally import Tally
from modgate.model.context import ANONYMOUS, Context
from modgate.server.check import PATH as CHECK
from modgate.server.exchange import Exchange, check_host, read_exchange
from modgate.server.goproxy import GoProxy, close_stream, told_of_advisories
from modgate.server.memo import Memo
from modgate.server.naming import Naming
from modgate.server.pages import front_page, prefers_chinese
from modgate.server.publish import send_and_drain
from modgate.server.represent import respond
from modgate.server.respond import Headers, Response, error_response, text_response
from modgate.server.spans import answered, asked_by, begin_request, cut, refused
from modgate.server.sumdb import SumDB
from modgate.server.transmit import CutError, DisconnectedError, transmit
from modgate.telemetry import METRICS_TYPE, Metrics, RequestResult, new_request_id
from modgate.telemetry.tracing import current, entered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from modgate.model.checksums import ChecksumMirror
    from modgate.model.source import ModuleSource
    from modgate.server.admin import Admin
    from modgate.server.check import PolicyCheck
    from modgate.server.memo import Hot
    from modgate.server.publish import Publishing
    from modgate.server.transmit import Receive, Send
    from modgate.server.vulndb import VulnDB

__all__ = ["App", "Settings"]

_CACHED_ONLY = "/cached-only/"
_MAX_VIA = 32
_UNREAD = 1000
# It travels on to upstreams with fills that others share, so it must not grow, or break a request.
_INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Settings:
    """How the endpoints behave.

    Attributes:
        mount: A URL prefix such as `/goproxy`, empty for none.
        instance: The id by which this process knows itself in a chain of gates.
        sumdb_names: Databases that are mirrored; their names may hold slashes.
        naming: Says who asks.
        access_log: Which answers get a log line: `all` (hits then take the ordinary way), all but hits
            (`misses`), or `none`.
    """

    mount: str = ""
    instance: str = ""
    sumdb_names: tuple[str, ...] = ()
    naming: Naming = field(default_factory=Naming)
    access_log: str = "misses"


def _kind_of(raw_path: str) -> str:
    """A label for a request that led to no answer."""
    if "/sumdb/" in raw_path:
        return "sumdb"
    ending = raw_path.rpartition("/")[2].rpartition(".")[2].removeprefix("@")
    return ending if ending in {"list", "latest", "info", "mod", "zip"} else "other"


@dataclass(slots=True)
class _Outcome:
    response: Response
    kind: str = "other"
    result: RequestResult = "miss"
    principal: str = ""
    mark: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


def _told_of(error: Denied) -> dict[str, str]:
    """What logs and spans say of a refusal."""
    about = {"decision": error.decision} if error.decision else {}
    return about | (told_of_advisories(error.severity, error.advisories) if error.advisories else {})


class App:
    """The server's ASGI application.

    Args:
        source: The whole source stack.
        mirror: Serves `/sumdb/`; None: 404, and the go command asks elsewhere.
        settings: See `Settings`.
        ready: The problems of store, ledger and upstreams, one line each; empty when all is well.
        metrics: Shared with the source stack.
        memo: Hot answers, shared with the listener.
        vulndb: Answers `/vulndb/`; None: nothing is there.
        publishing: Takes uploads; None: there are none.
        check: Answers what the policy would do with versions; None: nobody does.
        admin: Takes operations over the network; None: nothing is there.
        is_open: Whether everyone may read a module: answers about others are never kept in the memo.
        tally: Counts what was given to whom, shared with the listener; None: nobody does.
        monotonic: Seconds, for durations.
    """

    def __init__(
        self,
        source: ModuleSource,
        mirror: ChecksumMirror | None = None,
        *,
        settings: Settings | None = None,
        ready: Callable[[], Awaitable[list[str]]] | None = None,
        metrics: Metrics | None = None,
        memo: Memo | None = None,
        vulndb: VulnDB | None = None,
        publishing: Publishing | None = None,
        check: PolicyCheck | None = None,
        admin: Admin | None = None,
        is_open: Callable[[str], bool] = lambda _path: True,
        tally: Tally | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publishing = publishing
        self._check = check
        self._admin = admin
        self.tally = tally or Tally(clock=time.time, entries=_UNREAD)
        self.settings = settings or Settings(instance=new_request_id())
        self.metrics = metrics or Metrics()
        self.memo = Memo(clock=monotonic) if memo is None else memo
        self._monotonic = monotonic
        self._ready = ready
        self._log = structlog.get_logger("modgate.server")
        mount = self.settings.mount.rstrip("/")
        self._mount = mount
        extra: Headers = []
        if self.settings.instance:
            extra.append((b"modgate-instance", self.settings.instance.encode("ascii")))
        self._extra = extra
        self._goproxy = GoProxy(source, self.memo, self.metrics, mount=mount, extra=extra, is_open=is_open)
        self._vulndb = vulndb
        self._sumdb = SumDB(
            mirror,
            self.memo,
            self.metrics,
            names=self.settings.sumdb_names,
            mount=mount,
            extra=extra,
        )

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request. Raises CutError, so that the server cuts the connection, and nothing else."""
        if scope["type"] != "http":
            raise RuntimeError(f"no such protocol here: {scope['type']}")
        if self._admin is not None and (path := self._below_mount(scope)).startswith("/admin/"):
            await self._admin({**scope, "path": path, "root_path": ""}, receive, send)
            return
        exchange = read_exchange(scope, self.settings.naming)
        headers = exchange.headers.items()
        with entered(begin_request(exchange.method, exchange.raw_path, self._mount, headers)) as span:
            asked_by(span, exchange)
            await self._serve(exchange, receive, send)

    async def _serve(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        began = self._monotonic()
        if exchange.method == "PUT" and self._publishing is not None and self._takes_upload(exchange):
            await self._take(self._publishing, exchange, receive, send, "publish")
            return
        if exchange.method == "POST" and self._check is not None and self._inside(exchange) == CHECK:
            await self._take(self._check, exchange, receive, send, "check")
            return
        try:
            outcome = await self._outcome(exchange)
        except Exception as error:  # noqa: BLE001  whatever it is, the client gets a status and a text
            outcome = self._failed(exchange, error, _kind_of(exchange.raw_path))
        outcome.response.headers.append((b"x-request-id", exchange.request_id.encode("ascii")))
        sent = 0
        try:
            try:
                sent = await self._transmit(exchange, outcome.response, receive, send)
            except (CutError, DisconnectedError):
                raise
            except Exception as error:  # noqa: BLE001  nothing has been sent yet: say what failed
                outcome = self._failed(exchange, error, outcome.kind)
                sent = await self._transmit(exchange, outcome.response, receive, send)
            self._given(exchange, outcome)
        except DisconnectedError:
            current().event("client went away")
            self._log.info("client went away", **self._facts(exchange, outcome))
        except CutError as error:
            self.metrics.cut()
            cut(error)
            outcome.result = "error"
            self._log.warning("answer cut", why=str(error), **self._facts(exchange, outcome))
            raise
        finally:
            self._count(exchange, outcome, sent, self._monotonic() - began)

    def _given(self, exchange: Exchange, outcome: _Outcome) -> None:
        """Count what a client now has of a version."""
        if outcome.mark and not exchange.head and outcome.response.status in {200, 206}:
            self.tally.account(exchange.consumer).count(outcome.mark)

    def _below_mount(self, scope: MutableMapping[str, Any]) -> str:
        """The path within what is served here, as it was sent; empty outside."""
        path: str = scope["raw_path"].decode("latin-1")
        return path[len(self._mount) :] if path.startswith(f"{self._mount}/") else ""

    @staticmethod
    async def _transmit(exchange: Exchange, response: Response, receive: Receive, send: Send) -> int:
        return await transmit(
            response, receive, send, head=exchange.head, old=exchange.old, close=exchange.has_body
        )

    async def _outcome(self, exchange: Exchange) -> _Outcome:
        if exchange.method not in {"GET", "HEAD"}:
            upload = self._takes_upload(exchange)
            text = f"only {'GET, HEAD and PUT' if upload else 'GET and HEAD'} are answered here"
            methods = b"GET, HEAD, PUT" if upload else b"GET, HEAD"
            return _Outcome(text_response(405, [text], [(b"allow", methods)]), result="error")
        check_host(exchange)
        path = exchange.raw_path
        if self._mount:
            if path == self._mount:
                path += "/"
            if not path.startswith(f"{self._mount}/"):
                return _Outcome(
                    text_response(404, [f"nothing is served outside {self._mount}/"]), result="error"
                )
            path = path[len(self._mount) :]
        own = await self._own_page(exchange, path)
        return own or await self._answer(exchange, path)

    def _takes_upload(self, exchange: Exchange) -> bool:
        """Whether the URL is one that a version is sent to."""
        return self._publishing is not None and self._publishing.takes(self._inside(exchange))

    def _inside(self, exchange: Exchange) -> str:
        """The raw path after the mount prefix; empty outside of it."""
        path = exchange.raw_path
        return path[len(self._mount) :] if path.startswith(f"{self._mount}/") else ""

    async def _take(
        self,
        publishing: Publishing | PolicyCheck,
        exchange: Exchange,
        receive: Receive,
        send: Send,
        kind: str,
    ) -> None:
        """Answer an upload or a question: as `__call__`, but for a request with a body."""
        began, sent = self._monotonic(), 0
        body = publishing.body(receive)
        outcome = _Outcome(Response(499), kind, "error")
        try:
            try:
                check_host(exchange)
                outcome.principal = publishing.principal(exchange)
                path = exchange.raw_path[len(self._mount) :]
                outcome.response = await publishing.answer(exchange, path, outcome.principal, body)
                outcome.result = "miss"
            except DisconnectedError:
                raise
            except Exception as error:  # noqa: BLE001  whatever it is, the client gets a status and a text
                if not isinstance(error, ModgateError):
                    self._log.error("internal error", request_id=exchange.request_id, exc_info=error)
                outcome.response = publishing.failed(error, exchange.request_id)
                refused(error, outcome.response.status)
            outcome.response.headers += [*self._extra, (b"x-request-id", exchange.request_id.encode("ascii"))]
            sent = await send_and_drain(outcome.response, body, exchange, send)
        except DisconnectedError:
            self._log.info("client went away", **self._facts(exchange, outcome))
        finally:
            self._count(exchange, outcome, sent, self._monotonic() - began)

    async def _own_page(self, exchange: Exchange, path: str) -> _Outcome | None:
        if path == "/healthz":
            return _Outcome(text_response(200, ["ok"]), "health")
        if path == "/readyz":
            problems = await self.problems()
            body = json.dumps({"ready": not problems, "problems": problems}).encode()
            headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
            return _Outcome(Response(503 if problems else 200, headers, body, len(body)), "health")
        if path == "/metrics":
            body = self.metrics.render()
            headers = [(b"content-type", METRICS_TYPE.encode()), (b"cache-control", b"no-store")]
            return _Outcome(Response(200, headers, body, len(body)), "metrics")
        if path == "/":
            page = front_page(
                exchange.origin or "http://HOST",
                self._mount,
                await self.problems(),
                chinese=prefers_chinese(exchange.headers.get(b"accept-language", b"")),
                version=__version__,
            )
            return _Outcome(page, "page")
        if path == "/favicon.ico":
            return _Outcome(text_response(404, ["no icon here"]), "page")
        return None

    async def problems(self) -> list[str]:
        """What `/readyz` says: one line for each part that could not do its work now."""
        if self._ready is None:
            return []
        try:
            return await self._ready()
        except ModgateError as error:
            return [str(error)]

    async def _answer(self, exchange: Exchange, path: str) -> _Outcome:
        ctx = self._context(exchange)
        if path.startswith(_CACHED_ONLY):
            path = path[len(_CACHED_ONLY) - 1 :]
            ctx = replace(ctx, fetch=False)
        elif ctx.fetch:
            hot = self._hot(f"{self._mount}{path}".encode("latin-1"), ctx.consumer)
            if hot is not None:
                rep = hot.aged(self.memo.clock())
                if hot.file is None:
                    rep = replace(rep, body=hot.body)
                response = respond(rep, exchange.headers, head=exchange.head)
                return _Outcome(response, hot.kind, "hit", mark=hot.mark, about=rep.about)
        if path.startswith("/sumdb/"):
            rep = await self._sumdb.answer(ctx, path)
            return _Outcome(respond(rep, exchange.headers, head=exchange.head), "sumdb", "miss")
        if path.startswith("/vulndb/") and self._vulndb is not None:
            return _Outcome(await self._vulndb.answer(path, exchange.headers, self._extra), "vulndb", "miss")
        told = await self._goproxy.answer(ctx, path)
        response = respond(told.rep, exchange.headers, head=exchange.head)
        if response.body is not told.rep.body:
            await close_stream(told.rep.body)
        return _Outcome(response, told.kind, told.result, mark=told.mark, about=told.rep.about)

    def _hot(self, path: bytes, consumer: str) -> Hot | None:
        """What everybody is given, else what this consumer alone is."""
        return self.memo.get(path) or (self.memo.get(path, consumer) if consumer else None)

    def _context(self, exchange: Exchange) -> Context:
        named = exchange.headers.get(b"modgate-via", b"").decode("latin-1").split(",")
        via = tuple(piece.strip() for piece in named if _INSTANCE.fullmatch(piece.strip()))[:_MAX_VIA]
        if self.settings.instance and self.settings.instance in via:
            raise Unavailable(
                "loop: this request came through this gate before",
                next_step="Remove this gate from its own upstream chain.",
                kind="loop",
            )
        no_fetch = exchange.headers.get(b"disable-module-fetch", b"").strip().lower() == b"true"
        return Context(
            principal=exchange.principal or ANONYMOUS,
            consumer=exchange.consumer,
            groups=exchange.groups,
            fetch=not no_fetch,
            request_id=exchange.request_id,
            head=exchange.head,
            whole=exchange.old,
            via=via,
        )

    def _failed(self, exchange: Exchange, error: Exception, kind: str) -> _Outcome:
        if not isinstance(error, ModgateError):
            self._log.error("internal error", request_id=exchange.request_id, exc_info=error)
        response = error_response(error, exchange.request_id)
        response.headers.extend(self._extra)
        refused(error, response.status)
        about = _told_of(error) if isinstance(error, Denied) else {}
        return _Outcome(response, kind, "error", about=about)

    def _facts(self, exchange: Exchange, outcome: _Outcome) -> dict[str, Any]:
        # Where names are replaced, the name in a certificate is one; whoever publishes is told by name.
        named = outcome.principal or ("" if self.settings.naming.veiled else exchange.principal)
        return {
            **({"principal": named} if named else {}),
            "method": exchange.method,
            "path": exchange.raw_path[:300],
            "status": outcome.response.status,
            "result": outcome.result,
            "consumer": exchange.consumer,
            "request_id": exchange.request_id,
            **outcome.about,
        }

    def _count(self, exchange: Exchange, outcome: _Outcome, sent: int, seconds: float) -> None:
        status = outcome.response.status
        self.metrics.request(outcome.kind, outcome.result, status, size=sent, seconds=seconds)
        headers = outcome.response.headers
        span = current()
        answered(span, status, outcome.result, headers, size=sent, seconds=seconds, about=outcome.about)
        wanted = self.settings.access_log
        if wanted == "none" or outcome.kind in {"health", "metrics", "page"}:
            return
        if wanted == "all" or outcome.result != "hit":
            self._log.info("answer", bytes=sent, seconds=round(seconds, 4), **self._facts(exchange, outcome))
