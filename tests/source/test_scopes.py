"""Two credential scopes are two caches: no fill, hit, list, verdict or guess of one is seen in the other.

What one identity was given proves nothing about what another may see. The public scope is one of them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied, Invalid, ModgateError, Tampered, Unauthenticated, Unavailable
from modgate.gomod.protocol import Kind, Request, checked, parse
from modgate.model import Answer, Context
from modgate.model.routes import DIRECT, RouteRule, RouteTable
from modgate.source.permitted import PermittedSource
from modgate.source.prefetch import PrefetchSource
from modgate.source.scopes import store_key
from modgate.source.settings import PrefetchSettings
from modgate.storage.memory import MemoryStore
from tests.source.conftest import Stack, asked, feed
from tests.support.sources import Feed, ScriptedSource, TableDatabase, read, settled

if TYPE_CHECKING:
    from tests.support.modules import BuiltModule

SCOPES = ("", "a", "b")


def ctx(scope: str, *, fetch: bool = True) -> Context:
    return Context(credential_scope=scope, consumer=f"client of {scope}", fetch=fetch)


@dataclass
class ScopedSource(ScriptedSource):
    """Answers otherwise in each scope: `by_scope` stands before `answers`."""

    by_scope: dict[tuple[str, str], bytes | Feed | ModgateError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        found = self.by_scope.get((ctx.credential_scope, request.url_path))
        if found is None:
            return await super().fetch(ctx, request)
        self.counts[request.url_path] += 1
        if isinstance(found, ModgateError):
            raise found
        return Answer(request, found, size=found.size if isinstance(found, Feed) else len(found))


@pytest.fixture
def scoped(stack: Stack, big: BuiltModule, small: BuiltModule) -> Stack:
    inner = ScopedSource()
    inner.add(big)
    inner.add(small)
    return stack.again(inner=inner, database=TableDatabase(big, small), store=MemoryStore(64 << 20))


def source(stack: Stack) -> ScopedSource:
    assert isinstance(stack.inner, ScopedSource)
    return stack.inner


async def test_a_fill_is_joined_within_its_scope_only(scoped: Stack, big: BuiltModule) -> None:
    request = asked(big, "zip")
    feeds = [feed_of(scoped, scope, big) for scope in SCOPES]
    tasks = [
        asyncio.create_task(scoped.cached.fetch(ctx(scope), request)) for scope in SCOPES for _ in range(3)
    ]
    await settled()
    assert source(scoped).counts[request.url_path] == len(SCOPES)
    assert {(each.scope, each.path) for each in scoped.cached._fills} == {
        (scope, request.url_path) for scope in SCOPES
    }
    for each in feeds:
        await each.send(big.zip)
        await each.end()
    bodies = [await read(await task) for task in tasks]
    assert set(bodies) == {big.zip}
    await scoped.quiet()


def feed_of(stack: Stack, scope: str, built: BuiltModule) -> Feed:
    body = Feed(len(built.zip))
    source(stack).by_scope[scope, asked(built, "zip").url_path] = body
    return body


async def test_a_refusal_in_one_scope_ends_no_transfer_of_another(scoped: Stack, big: BuiltModule) -> None:
    request = asked(big, "zip")
    body = feed_of(scoped, "a", big)
    source(scoped).by_scope["b", request.url_path] = Denied("not for b")
    running = asyncio.create_task(scoped.cached.fetch(ctx("a"), request))
    await settled()
    with pytest.raises(Denied):
        await scoped.cached.fetch(ctx("b"), request)
    await body.send(big.zip)
    await body.end()
    assert await read(await running) == big.zip
    await scoped.quiet()


@pytest.mark.parametrize("kind", ["info", "mod", "zip"])
@pytest.mark.parametrize("filled", SCOPES)
async def test_a_hit_is_one_in_its_own_scope_only(
    scoped: Stack, small: BuiltModule, kind: str, filled: str
) -> None:
    request = asked(small, kind)
    await read(await scoped.cached.fetch(ctx(filled), request))
    await scoped.quiet()
    for scope in SCOPES:
        if scope == filled:
            assert await read(await scoped.cached.fetch(ctx(scope, fetch=False), request))
        else:
            with pytest.raises(Absent, match="not in this gate's cache"):
                await scoped.cached.fetch(ctx(scope, fetch=False), request)
    source(scoped).by_scope["b", request.url_path] = Denied("not for b")
    if filled != "b":
        with pytest.raises(Denied):
            await scoped.cached.fetch(ctx("b"), request)
        with pytest.raises(Denied):
            await scoped.cached.fetch(Context(credential_scope="b", head=True), request)


@pytest.mark.parametrize("kind", [Kind.LIST, Kind.LATEST, Kind.QUERY])
async def test_what_may_change_is_kept_for_each_scope(scoped: Stack, kind: Kind) -> None:
    request = checked(kind, "example.test/mine", "main" if kind is Kind.QUERY else "")
    bodies = {scope: said(kind, number) for number, scope in enumerate(SCOPES)}
    for scope, body in bodies.items():
        source(scoped).by_scope[scope, request.url_path] = body
    for _ in range(2):
        for scope, body in bodies.items():
            assert await read(await scoped.cached.fetch(ctx(scope), request)) == body
    assert source(scoped).counts[request.url_path] == len(SCOPES)
    # Long after, with every source broken: each is still given its own.
    for scope in SCOPES:
        source(scoped).by_scope[scope, request.url_path] = Unavailable("down")
    scoped.clock.now += 10_000_000
    for scope, body in bodies.items():
        assert await read(await scoped.cached.fetch(ctx(scope), request)) == body


def said(kind: Kind, number: int) -> bytes:
    if kind is Kind.LIST:
        return f"v1.{number}.0\n".encode()
    return b'{"Version":"v1.%d.0","Time":"2024-01-02T03:04:05Z"}' % number


async def test_a_list_names_no_version_that_another_scope_has_stored(
    scoped: Stack, small: BuiltModule
) -> None:
    await read(await scoped.cached.fetch(ctx("a"), asked(small, "zip")))
    await scoped.quiet()
    request = checked(Kind.LIST, small.path)
    own = await scoped.cached.fetch(ctx("a", fetch=False), request)
    assert (await read(own)).decode().split() == [small.version]
    for kind in (Kind.LIST, Kind.LATEST):
        with pytest.raises(Absent):
            await scoped.cached.fetch(ctx("b", fetch=False), checked(kind, small.path))
    for scope in ("b", ""):
        source(scoped).by_scope[scope, request.url_path] = b"v0.0.1\n"
        assert await read(await scoped.cached.fetch(ctx(scope), request)) == b"v0.0.1\n"


@pytest.mark.parametrize(
    "error",
    [Absent("no"), Unavailable("broken", kind="bad-answer"), Tampered("SECURITY"), Absent("gone", gone=True)],
)
@pytest.mark.parametrize("kind", ["zip", "list"])
async def test_a_verdict_is_remembered_in_its_scope_only(
    scoped: Stack, small: BuiltModule, error: ModgateError, kind: str
) -> None:
    request = asked(small, kind) if kind == "zip" else checked(Kind.LIST, small.path)
    source(scoped).answers[checked(Kind.LIST, small.path).url_path] = b"v1.0.0\n"
    source(scoped).by_scope["a", request.url_path] = error
    with pytest.raises(type(error)):
        await read(await scoped.cached.fetch(ctx("a"), request))
    await settled()
    for scope in ("b", ""):
        assert await read(await scoped.cached.fetch(ctx(scope), request))
    await scoped.quiet()
    source(scoped).by_scope.clear()


async def test_what_is_fetched_ahead_goes_into_the_scope_of_who_asked(
    scoped: Stack, small: BuiltModule
) -> None:
    ahead = PrefetchSource(
        scoped.cached,
        scoped.cached.ensure,
        PrefetchSettings(),
        clock=scoped.clock,
        private=lambda _path: False,
        watch=scoped.watch,
    )
    await read(await ahead.fetch(ctx("a"), asked(small, "mod")))
    for _ in range(50):
        await settled()
        if ("stored", len(small.zip)) in scoped.watch.ahead:
            break
    assert {each.credential_scope for each in source(scoped).contexts} == {"a"}
    assert await read(await ahead.fetch(ctx("a", fetch=False), asked(small, "zip"))) == small.zip
    for scope in ("b", ""):
        with pytest.raises(Absent):
            await ahead.fetch(ctx(scope, fetch=False), asked(small, "zip"))


def test_no_url_leads_into_a_scope(small: BuiltModule) -> None:
    inside = store_key("a", asked(small, "zip").url_path)
    assert inside != store_key("b", asked(small, "zip").url_path)
    assert inside.endswith(asked(small, "zip").url_path)
    with pytest.raises(Invalid):
        parse("/" + inside)
    with pytest.raises(Invalid):
        checked(Kind.LIST, inside.partition("/@v/")[0])


async def test_a_principal_is_let_through_to_a_hit_as_to_a_miss_or_not_at_all(
    stack: Stack, small: BuiltModule
) -> None:
    rule = RouteRule(patterns="example.test/*", source=DIRECT, origin="routes[0]", principals=("ann",))
    table = RouteTable([rule], rule, rule)
    permitted = PermittedSource(stack.cached, table)
    request = asked(small, "zip")
    ann = Context(principal="ann")

    async def refused() -> None:
        for fetch in (True, False):
            with pytest.raises(Denied):
                await permitted.fetch(Context(principal="bob", fetch=fetch), request)
            with pytest.raises(Unauthenticated):
                await permitted.fetch(Context(fetch=fetch), request)

    await refused()
    assert stack.inner.counts[request.url_path] == 0
    running = feed(stack, small)
    joined = asyncio.create_task(permitted.fetch(ann, request))
    await settled()
    await refused()
    await running.send(small.zip)
    await running.end()
    assert await read(await joined) == small.zip
    await stack.quiet()
    await refused()
    assert await read(await permitted.fetch(ann, request)) == small.zip
