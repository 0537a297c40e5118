"""Chains with Go's commas and bars, and private names that reach nobody."""

from __future__ import annotations

import contextlib

import pytest

from modgate.errors import (
    Absent,
    Denied,
    Invalid,
    ModgateError,
    Tampered,
    Unauthenticated,
    Unavailable,
    Unverified,
)
from modgate.gomod.protocol import Kind, checked
from modgate.model import Context, MirrorAnswer, ModuleSource
from modgate.model.routes import BLOCK, DIRECT, RouteRule, RouteTable
from modgate.source.chain import ChainSource, Link
from modgate.source.permitted import PermittedMirror, PermittedSource
from modgate.source.routes import BlockedSource, Routes
from tests.support.sources import ScriptedSource, read

CTX = Context()
REQUEST = checked(Kind.INFO, "example.test/m", "v1.0.0")
GOOD = b'{"Version":"v1.0.0"}'


def says(answer: bytes | ModgateError | None) -> ScriptedSource:
    source = ScriptedSource()
    if answer is not None:
        source.answers[REQUEST.url_path] = answer
    return source


BROKEN = [Unavailable("down"), Denied("no"), Tampered("bad"), Unverified("?")]


@pytest.mark.parametrize("error", BROKEN, ids=repr)
async def test_a_broken_source_before_a_comma_stops_the_chain(error: ModgateError) -> None:
    second = says(GOOD)
    with pytest.raises(type(error)):
        await ChainSource([Link(says(error)), Link(second)]).fetch(CTX, REQUEST)
    assert not second.counts


@pytest.mark.parametrize("error", BROKEN, ids=repr)
async def test_a_bar_goes_on_after_any_error(error: ModgateError) -> None:
    chain = ChainSource([Link(says(error), on_any_error=True), Link(says(GOOD))])
    assert await read(await chain.fetch(CTX, REQUEST)) == GOOD


@pytest.mark.parametrize("bar", [False, True])
@pytest.mark.parametrize("gone", [False, True])
async def test_proved_absence_goes_on(bar: bool, gone: bool) -> None:
    chain = ChainSource([Link(says(Absent("no", gone=gone)), on_any_error=bar), Link(says(GOOD))])
    assert await read(await chain.fetch(CTX, REQUEST)) == GOOD


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([Unavailable("first"), Absent("second")], "first"),
        ([Absent("first"), Unavailable("second")], "second"),
        ([Unavailable("first"), Unavailable("second"), Absent("third")], "second"),
        ([Denied("first"), Absent("second"), Absent("third")], "first"),
        ([Absent("first"), Absent("second")], "second"),
    ],
)
async def test_absence_is_told_only_if_every_source_proved_it(
    answers: list[ModgateError], expected: str
) -> None:
    chain = ChainSource([Link(says(answer), on_any_error=True) for answer in answers])
    with pytest.raises(ModgateError) as caught:
        await chain.fetch(CTX, REQUEST)
    assert caught.value.what == expected


async def test_off_is_absent_with_the_reason() -> None:
    with pytest.raises(Absent, match="GOPROXY=off"):
        await ChainSource([]).fetch(CTX, REQUEST)


BLOCKED = RouteRule("*.corp.test,example.test/secret", BLOCK, private=True, origin="table 1", reason="no")
TEAM = RouteRule("team.test", DIRECT, private=True, principals=("farm",), origin="table 2")
INSIDE = RouteRule("", BLOCK, private=True, origin="the name looks private", reason="name it")
PUBLIC = RouteRule("", "https://proxy.golang.org", origin="upstream")
TABLE = RouteTable((BLOCKED, TEAM), INSIDE, PUBLIC)


async def test_private_names_reach_no_public_source() -> None:
    public, team = says(GOOD), says(GOOD)
    sources: dict[RouteRule, ModuleSource] = {
        BLOCKED: BlockedSource(BLOCKED),
        INSIDE: BlockedSource(INSIDE),
        TEAM: team,
        PUBLIC: public,
    }
    routes = Routes(TABLE, sources)
    for path in (
        "git.corp.test/a",
        "git.corp.test/a/b/v2",
        "example.test/secret",
        "example.test/secret/x",
        "git.corp/a",
        "ci.internal/a",
        "10.1.2.3/a",
        "nas.home.arpa/a",
    ):
        version = "v2.0.0" if path.endswith("/v2") else "v1.0.0"
        for kind in (Kind.INFO, Kind.MOD, Kind.ZIP):
            with pytest.raises(Denied, match=r"table 1|looks private"):
                await routes.fetch(CTX, checked(kind, path, version))
        with pytest.raises(Denied):
            await routes.fetch(CTX, checked(Kind.LIST, path))
    assert not public.counts
    with pytest.raises(Absent):
        await routes.fetch(CTX, checked(Kind.LIST, "team.test/a"))
    assert sum(team.counts.values()) == 1
    assert await read(await routes.fetch(CTX, REQUEST)) == GOOD
    with pytest.raises(Absent):
        await routes.fetch(CTX, checked(Kind.LIST, "example.test/secrets"))
    assert sum(public.counts.values()) == 2


async def test_who_may_not_read_a_module_is_refused_before_the_cache() -> None:
    inner = says(GOOD)
    permitted = PermittedSource(inner, TABLE)
    request = checked(Kind.MOD, "team.test/a", "v1.0.0")
    with pytest.raises(Unauthenticated, match="only named clients"):
        await permitted.fetch(CTX, request)
    with pytest.raises(Denied, match="mallory may not read"):
        await permitted.fetch(Context(principal="mallory"), request)
    assert not inner.counts
    with contextlib.suppress(Absent):
        await permitted.fetch(Context(principal="farm"), request)
    assert await read(await permitted.fetch(Context(principal="mallory"), REQUEST)) == GOOD
    assert sum(inner.counts.values()) == 2


class Recorder:
    """A mirror that says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def fetch(self, _ctx: Context, name: str, rest: str) -> MirrorAnswer:
        self.asked.append(f"{name}/{rest}")
        return MirrorAnswer(b"record", immutable=True)


async def test_the_own_log_tells_of_restricted_modules_only_those_who_may_read_them() -> None:
    inner = Recorder()
    mirror = PermittedMirror(inner, TABLE, "log.example")
    secret, data = "lookup/team.test/a@v1.0.0", "tile/8/data/000.p/3"
    for rest in (secret, data):
        with pytest.raises(Unauthenticated):
            await mirror.fetch(CTX, "log.example", rest)
        with pytest.raises(Denied, match="mallory may not read"):
            await mirror.fetch(Context(principal="mallory"), "log.example", rest)
    assert not inner.asked
    for rest in (secret, data):
        assert not (await mirror.fetch(Context(principal="farm"), "log.example", rest)).shared
    for rest in ("latest", "supported", "tile/8/0/000", "lookup/example.test/a@v1.0.0"):
        assert (await mirror.fetch(CTX, "log.example", rest)).shared
    assert (await mirror.fetch(CTX, "sum.golang.org", secret)).shared
    assert len(inner.asked) == 7
    with pytest.raises(Invalid):
        await mirror.fetch(CTX, "log.example", "lookup/Team.test/a@v1.0.0")


async def test_closing_closes_every_source() -> None:
    sources = [says(None) for _ in range(4)]
    await ChainSource([Link(sources[0]), Link(sources[1])]).close()
    table = {BLOCKED: sources[2], INSIDE: sources[2], TEAM: sources[2], PUBLIC: sources[3]}
    await Routes(TABLE, table).close()
    assert all(source.closed for source in sources)
