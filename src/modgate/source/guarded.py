"""What a policy decided, carried out on each kind of answer.

| what applies | list, `@latest` | `.info`, `.mod` of the version | a query that means it | `.zip` |
|---|---|---|---|---|
| allow, warn | as they are | 200 | 200 | 200 |
| hide | without it, unless the consumer has received it | 200 | 200 | 200 |
| quarantine | without it | 200 | 403 | waits a while for the verdict, then 403 |
| deny | without it | 200 | 403 | 403 |
| ban | empty; `@latest` 403 | 200 | 403 | 403 |

Why: refusing a `.mod` breaks loading of every module graph that mentions the version, and `go get m@fixed`
with it; refusing an `.info` breaks `go list -m -u all`; a refused zip fails only builds that really select
the version. What is refused is 403 and never 404, whatever the source says of it: after 404 the go command
asks the next of its chain, and `,direct` would walk around the policy.

It stands in front of the cache, since what is stored may be refused tomorrow, and in front of fetching
ahead, so that nobody fetches what would not be given.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.errors import Absent, Denied
from modgate.gomod import query
from modgate.gomod.protocol import Kind, Request, encode_list, parse_info, parse_list
from modgate.gomod.types import ModuleVersion, Version
from modgate.model import Answer
from modgate.source.bodies import close_body, small_body

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.gomod.types import ModulePath
    from modgate.model import Context, ModuleSource
    from modgate.model.decision import Decision
    from modgate.model.guard import Guard

__all__ = ["GuardedSource", "refusal"]


class GuardedSource:
    """Gives each consumer what a guard lets it have (`model.ModuleSource`).

    Args:
        inner: Where answers come from.
        guard: What decides.
        told: The lines that a person reads of a decision.
        quiet: The same source without fetching ahead: a `.mod` of what is refused announces no zip.
    """

    def __init__(
        self,
        inner: ModuleSource,
        guard: Guard,
        told: Callable[[Decision], Sequence[str]],
        quiet: ModuleSource | None = None,
    ) -> None:
        self._inner = inner
        self._guard = guard
        self._told = told
        self._quiet = quiet or inner

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The inner answer as far as it may be given. Raises Denied, and what the inner source raises."""
        if not self._guard.touches(request.path):
            return await self._inner.fetch(ctx, request)
        match request.kind:
            case Kind.ZIP:
                return await self._zip(ctx, request)
            case Kind.LIST:
                return await self._list(ctx, request)
            case Kind.LATEST:
                return await self._latest(ctx, request)
            case Kind.QUERY:
                return await self._query(ctx, request)
            case _:
                return await self._about(ctx, request)

    async def close(self) -> None:
        """Close the inner source."""
        await self._inner.close()

    async def _zip(self, ctx: Context, request: Request) -> Answer:
        decision = await self._guard.decide(ctx, request.module_version)
        if decision.effect.refuses:
            decision = await self._guard.settled(ctx, decision)
        if decision.effect.refuses:
            raise await self._refused(ctx, decision)
        answer = await self._inner.fetch(ctx, request)
        if decision.unknown and not ctx.fetch:
            # It is stored. What a rule wants to know is fetched all the same, or whoever says that nothing
            # may be fetched would choose the rule's `on_error` for himself.
            decision = await self._guard.decide(replace(ctx, fetch=True), request.module_version)
            if decision.effect.refuses:
                await close_body(answer)
                raise await self._refused(ctx, decision)
        self._guard.note(ctx, decision)
        return _under(answer, decision)

    async def _about(self, ctx: Context, request: Request) -> Answer:
        """An `.info` or `.mod`: never refused while there is one."""
        decision = await self._guard.about(ctx, request.module_version)
        if not decision.effect.refuses:
            return _under(await self._inner.fetch(ctx, request), decision)
        try:
            return _under(await self._quiet.fetch(ctx, request), decision)
        except Absent:
            raise await self._refused(ctx, decision) from None

    async def _list(self, ctx: Context, request: Request) -> Answer:
        ban = await self._guard.banned(ctx, request.path)
        if ban is not None:
            return _under(Answer(request, b"", size=0, age=0.0, max_age=0.0), ban)
        answer = await self._inner.fetch(ctx, request)
        body = await small_body(answer)
        shown = await self._guard.visible(ctx, request.path, parse_list(body, request.path))
        if shown.changed:
            answer = _with_body(answer, encode_list(shown.versions))
        return replace(answer, personal=True) if shown.personal else answer

    async def _latest(self, ctx: Context, request: Request) -> Answer:
        """The newest version that is visible. What `@latest` of the source names may be one that is not."""
        ban = await self._guard.banned(ctx, request.path)
        if ban is not None:
            raise await self._refused(ctx, ban)
        answer = await self._inner.fetch(ctx, request)
        newest = await _meant(answer, request)
        decision = await self._guard.decide(ctx, newest)
        shown = await self._guard.visible(ctx, request.path, (newest.version,))
        if shown.versions:
            return _under(answer, decision, personal=shown.personal)
        return await self._instead(ctx, request, answer, decision)

    async def _query(self, ctx: Context, request: Request) -> Answer:
        """What a branch, commit or prefix means. A prefix chooses, so it can choose among what is visible."""
        ban = await self._guard.banned(ctx, request.path)
        if ban is not None:
            raise await self._refused(ctx, ban)
        answer = await self._inner.fetch(ctx, request)
        meant = await _meant(answer, request)
        decision = await self._guard.decide(ctx, meant)
        if not query.is_revision_query(request.version):
            shown = await self._guard.visible(ctx, request.path, (meant.version,))
            if not shown.versions:
                return await self._instead(ctx, request, answer, decision)
        if decision.effect.refuses:
            raise await self._refused(ctx, decision)
        return _under(answer, decision)

    async def _instead(self, ctx: Context, request: Request, answer: Answer, decision: Decision) -> Answer:
        """The newest visible version that a question for one that is not can be answered with."""
        try:
            listed = await self._listed(ctx, request.path)
        except Absent:
            listed = ()
        shown = await self._guard.visible(ctx, request.path, listed)
        text = "latest" if request.kind is Kind.LATEST else request.version
        wanted = query.parse_query(request.path, text)
        found = query.choose(wanted, shown.versions) if wanted is not None else None
        if found is None:
            raise await self._refused(ctx, decision)
        version = ModuleVersion(request.path, Version(found))
        try:
            info = await self._inner.fetch(replace(ctx, head=False), Request.exact(Kind.INFO, version))
        except Absent:
            raise await self._refused(ctx, decision) from None
        instead = _with_body(answer, await small_body(info))
        return _under(instead, await self._guard.decide(ctx, version), personal=shown.personal)

    async def _listed(self, ctx: Context, path: ModulePath) -> tuple[Version, ...]:
        answer = await self._inner.fetch(replace(ctx, head=False), Request(Kind.LIST, path))
        return parse_list(await small_body(answer), path)

    async def _refused(self, ctx: Context, decision: Decision) -> Denied:
        self._guard.note(ctx, decision)
        await self._guard.written()
        return refusal(decision, self._told(decision))


def refusal(decision: Decision, told: Sequence[str]) -> Denied:
    """A decision as the error that a client is told."""
    return Denied(
        decision.reason or "the policy refuses it",
        where=f"{decision.path}@{decision.version}" if decision.version else decision.path,
        text=tuple(told),
        decision=decision.id,
        severity=decision.severity.value if decision.advisories else "",
        advisories=decision.advisories,
    )


def _under(answer: Answer, decision: Decision, *, personal: bool = False) -> Answer:
    """The answer with what was decided. It names a consumer's own decision, so nobody may share that."""
    personal = answer.personal or personal or decision.personal or decision.notable
    return replace(answer, decision=decision, personal=personal)


async def _meant(answer: Answer, request: Request) -> ModuleVersion:
    """The version that an `.info` names."""
    info = parse_info(await small_body(answer), asked=None, path=request.path)
    return ModuleVersion(request.path, info.version)


def _with_body(answer: Answer, body: bytes) -> Answer:
    return replace(answer, body=body, size=len(body), sha256=hashlib.sha256(body).hexdigest())
