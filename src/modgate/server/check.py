"""`POST /policy/check`: what the policy would do with versions, for whoever asks; nothing is fetched or
noted.

    {"versions": ["example.com/m@v1.2.3", …]}

A lock file is judged so in one question, by the same rules and for the same consumer as its downloads would
be.
Modules that the asker may not read are answered `unknown`, whether they exist or not.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from modgate.errors import Invalid, TooLarge, Unavailable
from modgate.gomod import module
from modgate.model.check import MAX_BODY, MAX_VERSIONS, Checked, Judged, Question, judged
from modgate.model.context import ANONYMOUS, Context
from modgate.server.publish import Body, Patience
from modgate.server.respond import Headers, Response, error_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from modgate.model.guard import Guard
    from modgate.server.exchange import Exchange
    from modgate.server.transmit import Receive

__all__ = ["PATH", "PolicyCheck"]

PATH = "/policy/check"
_AT_ONCE = 16
_PATIENCE = Patience(stall=10.0, total=60.0, uploads=8)
_YIELD = 64

_decoder = msgspec.json.Decoder(Question)
_encoder = msgspec.json.Encoder()


class PolicyCheck:
    """Judges versions.

    Args:
        guard: Decides; None where there is no policy: everything is allowed.
        admits: Whether a context may read a module.
        standing: The policy's revision and the advisories' digest.
    """

    def __init__(
        self,
        guard: Guard | None,
        admits: Callable[[Context, str], bool],
        standing: Callable[[], tuple[str, str]] = lambda: ("", ""),
    ) -> None:
        self._guard = guard
        self._admits = admits
        self._standing = standing
        self._under_way = 0

    @staticmethod
    def body(receive: Receive) -> Body:
        """The body of a question that is to be answered."""
        return Body(receive, _PATIENCE, time.monotonic)

    @staticmethod
    def principal(exchange: Exchange) -> str:
        """Who asks."""
        return exchange.principal

    async def answer(self, exchange: Exchange, path: str, principal: str, body: Body) -> Response:  # noqa: ARG002  as uploads
        """The answer to a question. Raises Invalid for one that is none, TooLarge, DisconnectedError."""
        if self._under_way >= _PATIENCE.uploads:
            raise Unavailable("too many questions are under way", kind="overloaded", retry_after=2)
        ctx = Context(
            principal=principal or ANONYMOUS,
            consumer=exchange.consumer,
            groups=exchange.groups,
            fetch=False,
            request_id=exchange.request_id,
        )
        self._under_way += 1
        pieces = body.pieces()
        try:
            return await self._answer(ctx, pieces)
        finally:
            self._under_way -= 1
            await pieces.aclose()

    @staticmethod
    def failed(error: Exception, request_id: str) -> Response:
        """What the asker is told about an error."""
        return error_response(error, request_id)

    async def _answer(self, ctx: Context, body: AsyncIterator[bytes]) -> Response:
        question = _question(await _whole(body))
        revision, advisories = self._standing()
        found = await self._judge(ctx, question.versions)
        data = _encoder.encode(Checked(decisions=found, revision=revision, advisories=advisories))
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        return Response(200, headers, data, len(data))

    async def _judge(self, ctx: Context, versions: Sequence[str]) -> list[Judged]:
        found: list[Judged | None] = [None] * len(versions)
        numbers = iter(range(len(versions)))

        async def work() -> None:
            for number in numbers:
                found[number] = await self._one(ctx, versions[number])
                if number % _YIELD == 0:
                    await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(versions))):
                group.create_task(work())
        return [each for each in found if each is not None]

    async def _one(self, ctx: Context, named: str) -> Judged:
        path, _, version = named.rpartition("@")
        try:
            checked = module.check(path, version)
        except Invalid as error:
            return Judged(module=path or named[:300], version=version, effect="unknown", reason=error.what)
        if not self._admits(ctx, checked.path):
            return Judged(module=path, version=version, effect="unknown", reason="not yours to read")
        if self._guard is None or not self._guard.touches(checked.path):
            return Judged(module=path, version=version, effect="allow", would="allow")
        return judged(await self._guard.decide(ctx, checked))


async def _whole(body: AsyncIterator[bytes]) -> bytes:
    data = bytearray()
    async for piece in body:
        data += piece
        if len(data) > MAX_BODY:
            raise TooLarge(f"a question of more than {MAX_BODY >> 20} MiB")
    return bytes(data)


def _question(data: bytes) -> Question:
    try:
        question = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(
            f"the question is not understood: {error}",
            next_step='Post {"versions": ["example.com/m@v1.2.3"]} as JSON.',
            malformed=True,
        ) from error
    if len(question.versions) > MAX_VERSIONS:
        raise TooLarge(f"more than {MAX_VERSIONS} versions in one question")
    return question
