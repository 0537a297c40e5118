"""The GOPROXY endpoints: a URL to a request, a source's answer to a representation.

Rules: the URL is parsed once (`gomod.protocol.parse`) and nothing below looks at it again; a stored
object is checked against its SHA-256 before its first byte leaves; what may be answered from the
memo is put there only under the one canonical spelling of its URL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from modgate.errors import Tampered
from modgate.firewall.tally import mark_of
from modgate.gomod.protocol import Kind, parse
from modgate.server.memo import LONGEST, SMALL
from modgate.server.represent import Representation

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from modgate.gomod.protocol import Request
    from modgate.model.answer import Answer
    from modgate.model.blob import Blob
    from modgate.model.context import Context
    from modgate.model.decision import Decision
    from modgate.model.source import ModuleSource
    from modgate.server.memo import Memo
    from modgate.server.respond import Headers
    from modgate.telemetry import Metrics, RequestResult

__all__ = ["GoProxy", "Told", "close_stream", "told_of_advisories", "told_of_decision"]

_DECIDED_FOR = 30.0
_UNKNOWN_FOR = 2.0


@dataclass(frozen=True, slots=True)
class Told:
    """A representation, and what to count it as; `mark` as in `memo.Hot`."""

    rep: Representation
    kind: str
    result: RequestResult
    mark: str = ""


async def close_stream(body: object) -> None:
    """Give a stream back unread or half read; anything else needs nothing."""
    aclose = getattr(body, "aclose", None)
    if aclose is not None:
        await aclose()


class GoProxy:
    """Answers GOPROXY URLs from a source; keeps hot answers in the memo.

    Args:
        source: The whole source stack.
        memo: Where ready answers are kept.
        metrics: Where hits on them are counted.
        mount: The URL prefix before the endpoints, without a trailing slash.
        extra: Headers of every answer.
        is_open: Whether everyone may read a module; only such answers are shared through the memo.
    """

    def __init__(
        self,
        source: ModuleSource,
        memo: Memo,
        metrics: Metrics,
        *,
        mount: str,
        extra: Headers,
        is_open: Callable[[str], bool] = lambda _path: True,
    ) -> None:
        self._source = source
        self._memo = memo
        self._metrics = metrics
        self._mount = mount
        self._extra = extra
        self._is_open = is_open

    async def answer(self, ctx: Context, raw_path: str) -> Told:
        """The answer to a path after the mount prefix. Raises what `parse` and the source raise."""
        request = parse(raw_path)
        generation, forgotten = self._memo.generation(), self._memo.forgotten
        answer = await self._source.fetch(ctx, request)
        try:
            return await self._told(ctx, answer, raw_path, generation, forgotten)
        except Tampered:
            # The stored object rotted and was set aside by the check: once more, from upstream.
            if not hasattr(answer.body, "meta"):
                raise
            again = await self._source.fetch(ctx, request)
            return await self._told(ctx, again, raw_path, generation, forgotten)
        except BaseException:
            await close_stream(answer.body)
            raise

    async def _told(
        self, ctx: Context, answer: Answer, raw_path: str, generation: Hashable, forgotten: int
    ) -> Told:
        request = answer.request
        rep = self._represent(answer)
        blob = rep.blob
        if blob is not None and not ctx.head:
            await blob.verify()
        result = _result(answer)
        # An answer that was refreshed since it was asked for may be the one from before.
        current = rep.immutable or forgotten == self._memo.forgotten
        if ctx.fetch and not ctx.head and raw_path == f"/{request.url_path}" and not answer.stale and current:
            view = ctx.consumer if answer.personal else None
            await self._keep(rep, request, generation, view, _longest(answer.decision))
        return Told(rep, request.kind.value, result, _mark(request))

    def _represent(self, answer: Answer) -> Representation:
        request = answer.request
        immutable = request.immutable and answer.max_age is None
        body, sha256, size, modified, verified = (
            answer.body,
            answer.sha256,
            answer.size,
            None,
            answer.verified,
        )
        if isinstance(body, bytes):
            size = len(body)
            if immutable and not sha256:
                sha256 = hashlib.sha256(body).hexdigest()
        elif hasattr(body, "meta"):
            meta = cast("Blob", body).meta
            sha256, size, modified = meta.sha256, meta.size, meta.stored_at
        decision, extra = answer.decision, self._extra
        if decision is not None and decision.notable:
            extra = [*extra, (b"modgate-decision", decision.id.encode("ascii"))]
        cache = {"hit": b"hit", "stale": b"stale"}.get(_result(answer), b"miss")
        return Representation(
            content_type=request.media_type.encode("ascii"),
            body=body,
            size=size,
            extra=[
                (b"modgate-verified", verified.value.encode("ascii")),
                (b"modgate-cache", cache),
                *extra,
            ],
            immutable=immutable,
            sha256=sha256,
            modified=modified,
            age=answer.age or 0.0,
            rest=None if answer.max_age is None else (0.0 if answer.stale else answer.max_age),
            shared=not answer.personal and self._is_open(request.path),
            about={} if decision is None else told_of_decision(decision),
        )

    async def _keep(
        self,
        rep: Representation,
        request: Request,
        generation: Hashable,
        view: str | None,
        longest: float,
    ) -> None:
        # `view` is the one consumer that it is for, None where it is for all. What one is shown of lists
        # depends on what it received a moment ago; an answer for nobody in particular is for nobody else.
        if view is not None and not (view and rep.immutable and self._is_open(request.path)):
            return
        # A fill's bytes are remembered once they are stored: what is removed there must be forgotten here.
        worth = rep.blob is not None if rep.immutable else rep.complete and bool(rep.rest)
        worth = worth and (rep.shared or view is not None)
        if not worth or rep.size is None:
            return
        key = (f"{self._mount}/{request.url_path}".encode("ascii", "strict"), view or "")
        kind, mark = request.kind.value, _mark(request)
        cell = self._metrics.cell(kind, "hit", 200)
        ready = replace(rep, extra=[_as_hit(header) for header in rep.extra])
        blob = rep.blob
        if blob is None or rep.size <= SMALL:
            body = cast("bytes", rep.body) if blob is None else await blob.read()
            self._memo.put(
                key, ready, body, kind=kind, cell=cell, generation=generation, mark=mark, longest=longest
            )
        else:
            self._memo.put_file(
                key, ready, kind=kind, cell=cell, generation=generation, mark=mark, longest=longest
            )


def _longest(decision: Decision | None) -> float:
    """For how many seconds an answer may be given without asking the policy again. What a generation stands
    for moves it at once; retractions, ages and what could not be found out are only seen by asking.
    """
    if decision is None:
        return LONGEST
    return _UNKNOWN_FOR if decision.unknown else _DECIDED_FOR


def _mark(request: Request) -> str:
    """What a client that gets this answer has of a version, its go.mod or its zip; empty for neither."""
    if request.kind not in {Kind.MOD, Kind.ZIP}:
        return ""
    return mark_of(request.kind.value, request.path, request.module_version.version)


def told_of_decision(decision: Decision) -> dict[str, str]:
    """What logs and spans say of a decision; nothing of one that nobody needs to hear of."""
    about = {"decision": decision.id} if decision.notable else {}
    if decision.advisories:
        about |= told_of_advisories(decision.severity.value, decision.advisories)
    return about


def told_of_advisories(severity: str, advisories: Sequence[str]) -> dict[str, str]:
    """How logs and spans name what affects a version."""
    return {"vuln.severity": severity, "vuln.ids": ",".join(advisories)}


def _as_hit(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    return (header[0], b"hit") if header[0] == b"modgate-cache" else header


def _result(answer: Answer) -> RequestResult:
    if answer.stale:
        return "stale"
    if hasattr(answer.body, "meta") or (isinstance(answer.body, bytes) and (answer.age or 0.0) > 0.0):
        return "hit"
    return "miss"
