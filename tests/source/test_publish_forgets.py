"""A module that is published and cached: nobody is told of the time before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Unavailable
from modgate.gomod.protocol import Kind, checked
from modgate.model import Answer
from modgate.source.publish import Publisher
from tests.source.conftest import CTX, Stack
from tests.source.publishing import pieces, version, zipped
from tests.support.sources import ScriptedSource, read, settled

if TYPE_CHECKING:
    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModuleVersion
    from modgate.model import Context

PATH = "example.test/small"
NEW = version("v1.1.0", PATH)
LIST = checked(Kind.LIST, PATH)
LATEST = checked(Kind.LATEST, PATH)
QUERY = checked(Kind.QUERY, PATH, "v1")
OLD_INFO = b'{"Version":"v1.0.0"}'
NEW_INFO = b'{"Version":"v1.1.0"}'


@pytest.fixture
def publisher(stack: Stack) -> Publisher:
    return Publisher(
        stack.store, stack.ledger, clock=stack.clock, patterns="example.test", forget=stack.cached.forget
    )


async def publish(publisher: Publisher, of: ModuleVersion = NEW) -> None:
    await publisher.publish(of, pieces(zipped(of)))


async def test_list_latest_and_queries_show_a_version_at_once(stack: Stack, publisher: Publisher) -> None:
    stack.inner.answers |= {
        LIST.url_path: b"v1.0.0\n",
        LATEST.url_path: OLD_INFO,
        QUERY.url_path: OLD_INFO,
    }
    for request in (LIST, LATEST, QUERY):
        await read(await stack.cached.fetch(CTX, request))
    stack.inner.answers |= {LATEST.url_path: NEW_INFO, QUERY.url_path: NEW_INFO}
    before = publisher.generation
    await publish(publisher)
    assert publisher.generation != before, "hot answers must be dropped"
    assert await read(await stack.cached.fetch(CTX, LIST)) == b"v1.0.0\nv1.1.0\n"
    assert await read(await stack.cached.fetch(CTX, LATEST)) == NEW_INFO
    assert await read(await stack.cached.fetch(CTX, QUERY)) == NEW_INFO
    assert stack.inner.counts[LIST.url_path] == 1, "the list needs nobody"


async def test_a_list_that_was_never_asked_is_asked_before_it_is_shown(
    stack: Stack, publisher: Publisher
) -> None:
    stack.inner.answers[LIST.url_path] = b"v1.0.0\nv1.0.1\n"
    await publish(publisher)
    assert await read(await stack.cached.fetch(CTX, LIST)) == b"v1.0.0\nv1.0.1\nv1.1.0\n"


async def test_remembered_absence_ends_with_the_publishing(stack: Stack, publisher: Publisher) -> None:
    info = checked(Kind.INFO, PATH, "v1.1.0")
    for request in (info, LIST, LATEST):
        with pytest.raises(Absent):
            await stack.cached.fetch(CTX, request)
    await publish(publisher)
    stack.inner.answers[LATEST.url_path] = NEW_INFO
    stack.inner.answers[LIST.url_path] = b""
    assert await read(await stack.cached.fetch(CTX, info))
    assert await read(await stack.cached.fetch(CTX, LATEST)) == NEW_INFO
    assert await read(await stack.cached.fetch(CTX, LIST)) == b"v1.1.0\n"


class Slow(ScriptedSource):
    """Knows what it will say when it is asked, and says it when its gate opens."""

    async def fetch(self, ctx: Context, request: Request) -> Answer:  # noqa: ARG002  the protocol's
        gate, found = self.gate, self.answers[request.url_path]
        await gate.wait()
        assert isinstance(found, bytes)
        return Answer(request, found, size=len(found))


async def test_an_answer_that_was_on_its_way_is_neither_joined_nor_kept(stack: Stack) -> None:
    inner = Slow()
    stack = stack.again(inner=inner, verified=inner)
    publisher = Publisher(
        stack.store, stack.ledger, clock=stack.clock, patterns="example.test", forget=stack.cached.forget
    )
    inner.answers[LATEST.url_path] = OLD_INFO
    inner.gate.clear()
    early = asyncio.create_task(stack.cached.fetch(CTX, LATEST))
    await settled()
    await publish(publisher)
    opened, inner.gate = inner.gate, asyncio.Event()
    inner.gate.set()
    inner.answers[LATEST.url_path] = NEW_INFO
    assert await read(await stack.cached.fetch(CTX, LATEST)) == NEW_INFO
    opened.set()
    assert await read(await early) == OLD_INFO
    assert await read(await stack.cached.fetch(CTX, LATEST)) == NEW_INFO
    await stack.cached.close()


async def test_closing_ends_questions_that_were_forgotten(stack: Stack, publisher: Publisher) -> None:
    stack.inner.gate.clear()
    asking = asyncio.create_task(stack.cached.fetch(CTX, LATEST))
    await settled()
    await publish(publisher)
    closing = asyncio.create_task(stack.cached.close())
    with pytest.raises(Unavailable) as caught:
        await asking
    assert caught.value.kind == "stopping"
    await closing
    assert stack.cached._freshness._asking == set()
