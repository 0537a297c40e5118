"""The admin interface: operations of a running server, asked for over HTTP, told event by event.

    POST /admin/operations/NAME      parameters as one JSON object; answered with one event a line
    GET  /admin/operations           the names, and which of them are for the server's own machine
    GET  /admin/audit                the rows of the audit, see `server.audit`

Who may ask: whoever may open the server's own socket, which lies in the store's folder and is its owner's
alone; over the network whoever presents a token of `admin.token_file`, and nobody where there is none. An
operation that names files of the server's machine is never run for the network. A client that goes away
ends its operation; what was done stays done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from modgate.errors import Denied, Invalid, ModgateError
from modgate.operations import OPERATIONS, run_operation
from modgate.server.exchange import check_host, read_exchange
from modgate.server.respond import error_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from modgate.operations import Works
    from modgate.server.running import Running
    from modgate.server.tokens import Tokens
    from modgate.server.transmit import Receive, Send

__all__ = ["Admin"]

_MAX_PARAMS = 32 << 20  # a go.sum of some hundred thousand lines


class Admin:
    """The ASGI application. Its framework is imported with the first request: a gate starts without it.

    Args:
        works: The parts to operate on, asked for at each request.
        tokens: Who may ask over the network; None for the server's own socket, where everyone may.
        running: What operations run in; closed by whoever made it.
    """

    def __init__(self, works: Callable[[], Works], tokens: Tokens | None, running: Running) -> None:
        self._works = works
        self._running = running
        self._tokens = tokens
        self._log = structlog.get_logger("modgate.admin")
        self._made: Starlette | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request whose path begins with `/admin/`."""
        if self._made is None:
            self._made = self._make()
        await self._made(scope, receive, send)

    def _make(self) -> Starlette:
        from starlette.applications import Starlette  # noqa: PLC0415  see the class
        from starlette.routing import Route  # noqa: PLC0415

        made = Starlette(
            routes=[
                Route("/admin/operations", self._list, methods=["GET"]),
                Route("/admin/operations/{name}", self._run, methods=["POST"]),
                Route("/admin/audit", self._audit, methods=["GET"]),
            ],
            exception_handlers={ModgateError: _refused},
        )
        made.router.redirect_slashes = False  # an address that is built of the Host a client sent is not ours
        return made

    async def _list(self, request: Request) -> Response:
        from starlette.responses import JSONResponse  # noqa: PLC0415

        self._principal(request)
        return JSONResponse({name: {"local": each.local} for name, each in OPERATIONS.items()})

    async def _run(self, request: Request) -> Response:
        from starlette.responses import StreamingResponse  # noqa: PLC0415

        who = self._principal(request)
        name = request.path_params["name"]
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Invalid(f"no operation {name[:100]!r}", next_step=f"Known are {', '.join(OPERATIONS)}.")
        if operation.local and self._tokens is not None:
            raise Denied(
                f"{name} works on files of the server's machine, and is not run for the network",
                next_step="Run it on that machine, as the user that runs the server.",
            )
        params = _params(await _body(request))
        if name != "status":
            self._log.info("operation", operation=name, principal=who)
        return StreamingResponse(
            self._events(name, params, who),
            media_type="application/x-ndjson",
            headers={"cache-control": "no-store", "x-content-type-options": "nosniff"},
        )

    def _events(self, name: str, params: Mapping[str, Any], who: str) -> AsyncIterator[bytes]:
        works = self._works()
        if works.records is not None:
            works = replace(works, records=replace(works.records, who=who))
        return self._running.lines(name, run_operation(works, name, params))

    async def _audit(self, request: Request) -> Response:
        from modgate.server.audit import audit_response  # noqa: PLC0415  see the class

        self._principal(request)
        return await audit_response(self._works(), request)

    def _principal(self, request: Request) -> str:
        """Who asks. Raises Unauthenticated; Denied for a page in a browser; Invalid for a wrong Host."""
        if self._tokens is None:
            return "local"
        check_host(read_exchange(request.scope))
        if "origin" in request.headers:
            # A browser that was once given a token as a password sends it with what any page makes it post.
            raise Denied("operations are not taken from web pages", next_step="Use modgate, or curl.")
        return self._tokens.principal(request.headers.get("authorization", "").encode("latin-1"))


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > _MAX_PARAMS:
            raise Invalid("the parameters are too long", malformed=True)
    return bytes(data)


def _params(body: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the parameters are no JSON object: {error}", malformed=True) from error


async def _refused(_request: Request, error: Exception) -> Response:
    from starlette.responses import Response  # noqa: PLC0415

    told = error_response(error)
    assert isinstance(told.body, bytes)
    headers = {name.decode(): value.decode() for name, value in told.headers}
    return Response(told.body, status_code=told.status, headers=headers)
