"""One fetch however many clients, nobody can cancel it, and the tail waits for the proof."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import structlog.testing

from modgate.errors import Absent, Tampered, Unavailable
from modgate.model import Answer, Verification
from modgate.source.fill import TAIL, WHOLE_BELOW
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from tests.source.conftest import CTX, Stack, asked, feed
from tests.support.sources import Feed, ScriptedSource, SlowStore, TableDatabase, read, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.modules import BuiltModule


@pytest.fixture(params=["memory", "disk"])
async def over(
    request: pytest.FixtureRequest, tmp_path: Path, big: BuiltModule, small: BuiltModule
) -> AsyncIterator[Stack]:
    """The stack over each store, which must hold nothing temporary in the end."""
    inner = ScriptedSource()
    inner.add(big)
    inner.add(small)
    memory = MemoryStore(64 << 20)
    disk = await DiskStore.open(tmp_path / "store", clock=time.time) if request.param == "disk" else None
    made = Stack(inner, TableDatabase(big, small), disk or memory)
    yield made
    await made.cached.close()
    assert memory.used == sum(len(blob.data) for blob in memory._objects.values())
    if disk is not None:
        assert list((tmp_path / "store" / ".modgate" / "tmp").iterdir()) == []
        await disk.close()


async def test_clients_that_start_at_any_point_share_one_fetch_and_get_the_same_bytes(
    over: Stack, big: BuiltModule
) -> None:
    body, request = feed(over, big), asked(big, "zip")
    clients: list[asyncio.Task[bytes]] = []

    async def client() -> bytes:
        return await read(await over.cached.fetch(CTX, request))

    sent = 0
    for percent in (0, 0, 10, 10, 50, 50, 90, 99):
        upto = len(big.zip) * percent // 100
        if upto > sent:
            await body.send(big.zip[sent:upto])
            sent = upto
        clients.append(asyncio.create_task(client()))
        await settled()
    await body.send(big.zip[sent:])
    await body.end()
    assert await asyncio.gather(*clients) == [big.zip] * 8
    await over.quiet()
    assert over.inner.counts[request.url_path] == 1
    assert body.closed
    assert over.inner.contexts[0].background
    hit = await over.cached.fetch(CTX, request)
    assert await read(hit) == big.zip
    assert hit.verified is Verification.SUMDB
    assert over.inner.counts[request.url_path] == 1
    assert over.watch.fills == [("zip", "whole")]


async def test_a_client_that_goes_away_does_not_cancel_the_fill(over: Stack, big: BuiltModule) -> None:
    body, request = feed(over, big), asked(big, "zip")
    over.inner.gate.clear()
    first = asyncio.create_task(over.cached.fetch(CTX, request))
    await settled()
    first.cancel()
    over.inner.gate.set()
    await body.send(big.zip[:700_000])
    second = await over.cached.fetch(CTX, request)
    assert not isinstance(second.body, bytes)
    stream: AsyncIterator[bytes] = second.body  # type: ignore[assignment]
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    third = asyncio.create_task(read(await over.cached.fetch(CTX, request)))
    await body.send(big.zip[700_000:])
    await body.end()
    assert await third == big.zip
    await over.quiet()
    assert over.inner.counts[request.url_path] == 1
    assert await over.store.get(request.url_path) is not None


async def test_with_every_client_gone_the_object_is_stored_all_the_same(
    over: Stack, big: BuiltModule
) -> None:
    body, request = feed(over, big), asked(big, "zip")
    client = asyncio.create_task(over.cached.fetch(CTX, request))
    await settled()
    client.cancel()
    await body.send(big.zip)
    await body.end()
    await over.quiet()
    blob = await over.store.get(request.url_path)
    assert blob is not None
    assert await blob.read() == big.zip


async def test_the_tail_is_held_back_until_the_whole_is_verified(over: Stack, big: BuiltModule) -> None:
    body, request = feed(over, big), asked(big, "zip")
    got = bytearray()

    async def client() -> None:
        async for piece in (await over.cached.fetch(CTX, request)).body:  # type: ignore[union-attr]
            got.extend(piece)

    task = asyncio.create_task(client())
    await settled()
    for start in range(0, len(big.zip), 100_000):
        await body.send(big.zip[start : start + 100_000])
        assert len(got) <= max(0, min(start + 100_000, len(big.zip)) - TAIL)
    assert len(got) == len(big.zip) - TAIL
    await body.end()
    await task
    assert bytes(got) == big.zip


async def test_a_refused_zip_never_shows_its_tail_and_every_reader_hears_why(
    over: Stack, big: BuiltModule
) -> None:
    body, request = feed(over, big), asked(big, "zip")
    bad = bytearray(big.zip)
    bad[500_000] ^= 1
    parts: list[bytearray] = []

    async def client() -> None:
        mine = bytearray()
        parts.append(mine)
        async for piece in (await over.cached.fetch(CTX, request)).body:  # type: ignore[union-attr]
            mine.extend(piece)

    tasks = [asyncio.create_task(client()) for _ in range(3)]
    await settled()
    await body.send(bytes(bad[:-10]))
    tasks.append(asyncio.create_task(client()))
    await settled()
    await body.send(bytes(bad[-10:]))
    await body.end()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(error, (Tampered, Unavailable)) for error in errors)
    assert len({id(error) for error in errors}) == 4
    assert len({str(error) for error in errors}) == 1
    assert all(len(part) <= len(bad) - TAIL for part in parts)
    assert await over.store.get(request.url_path) is None
    assert body.closed


async def test_a_small_body_waits_whole_so_that_its_refusal_is_a_status(
    over: Stack, small: BuiltModule
) -> None:
    for size in (-1, None):
        stack = over.again()
        body, request = feed(stack, small, size=size), asked(small, "zip")
        client = asyncio.create_task(stack.cached.fetch(CTX, request))
        await settled()
        await body.send(small.zip[:-1])
        assert not client.done()
        await body.send(bytes([small.zip[-1] ^ 1]))
        await body.end()
        with pytest.raises((Tampered, Unavailable)):
            await client
        await stack.cached.close()


async def test_without_a_length_the_head_leaves_once_the_body_is_known_to_be_large(
    over: Stack, big: BuiltModule
) -> None:
    body, request = feed(over, big, size=None), asked(big, "zip")
    client = asyncio.create_task(over.cached.fetch(CTX, request))
    await settled()
    await body.send(big.zip[: WHOLE_BELOW - 1])
    assert not client.done()
    await body.send(big.zip[WHOLE_BELOW - 1 : WHOLE_BELOW])
    answer = await client
    assert answer.size is None
    rest = asyncio.create_task(read(answer))
    await body.send(big.zip[WHOLE_BELOW:])
    await body.end()
    assert await rest == big.zip


async def test_who_wants_the_whole_waits_for_the_seal(over: Stack, big: BuiltModule) -> None:
    body, request = feed(over, big), asked(big, "zip")
    client = asyncio.create_task(over.cached.fetch(replace(CTX, whole=True), request))
    await settled()
    await body.send(big.zip)
    assert not client.done()
    await body.end()
    answer = await client
    assert await read(answer) == big.zip
    assert answer.sha256


@pytest.mark.parametrize("change", ["short", "long", "breaks"])
async def test_a_body_of_another_length_than_announced_is_broken(
    over: Stack, big: BuiltModule, change: str
) -> None:
    body, request = feed(over, big), asked(big, "zip")
    client = asyncio.create_task(over.cached.fetch(CTX, request))
    await settled()
    reading = asyncio.create_task(read(await client))
    await body.send(big.zip[:-5])
    if change == "long":
        await body.send(big.zip[-5:] + b"more")
    await body.end(Unavailable("reset", kind="unreachable") if change == "breaks" else None)
    why = {"short": "broke off", "long": "longer than", "breaks": "reset"}[change]
    with pytest.raises(Unavailable, match=why):
        await reading
    assert await over.store.get(request.url_path) is None
    assert body.closed


async def test_a_closing_gate_tells_every_reader_and_waiter_that_it_stops(
    over: Stack, big: BuiltModule
) -> None:
    feed(over, big)
    running = asyncio.create_task(over.cached.fetch(CTX, asked(big, "zip")))
    await settled()
    stream = asyncio.create_task(read(await running))
    over.inner.gate.clear()
    waiting = asyncio.create_task(over.cached.fetch(CTX, asked(big, "mod")))
    await settled()
    unborn = asyncio.create_task(over.cached.fetch(CTX, asked(big, "info")))
    while len(over.cached._fills) < 3:
        await asyncio.sleep(0)
    await over.cached.close()
    for task in (stream, waiting, unborn):
        with pytest.raises(Unavailable) as caught:
            await task
        assert caught.value.kind == "stopping"
    with pytest.raises(Unavailable):
        await over.cached.fetch(CTX, asked(big, "mod"))
    assert over.inner.closed


async def test_a_closing_gate_tells_who_waits_for_a_turn(stack: Stack, big: BuiltModule) -> None:
    one = replace(CTX, consumer="10.0.0.1")
    stack.inner.gate.clear()
    names = [f"example.test/m{number}" for number in range(6)]
    tasks = [
        asyncio.create_task(stack.cached.fetch(one, asked(replace(big, path=name), "mod"))) for name in names
    ]
    await settled()
    assert sum(stack.inner.counts.values()) == 4
    await stack.cached.close()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(error, Unavailable)
        assert error.kind == "stopping"


async def test_a_look_at_the_store_that_a_fill_outran_costs_no_second_fetch(
    big: BuiltModule, small: BuiltModule
) -> None:
    inner = ScriptedSource()
    inner.add(small)
    store = SlowStore(64 << 20)
    stack = Stack(inner, TableDatabase(small), store)
    store.gate.clear()
    clients = [asyncio.create_task(stack.cached.fetch(CTX, asked(small, "zip"))) for _ in range(2)]
    await settled()
    late = clients.pop()
    # The second one's look is held up until the fill of the first has come and gone.
    held, store.gate = store.gate, asyncio.Event()
    store.gate.set()
    filled = asyncio.create_task(stack.cached.ensure(CTX, asked(small, "zip")))
    await settled()
    assert await filled == len(small.zip)
    held.set()
    assert await read(await clients[0]) == small.zip
    assert await read(await late) == small.zip
    assert inner.counts[asked(small, "zip").url_path] == 1
    await stack.cached.close()


async def test_head_of_what_is_not_stored_fills_nothing(stack: Stack, big: BuiltModule) -> None:
    head = replace(CTX, head=True)
    for kind in ("mod", "zip"):
        answer = await stack.cached.fetch(head, asked(big, kind))
        assert answer.size == len(big.bytes_of(kind))
        assert answer.body == b""
        assert stack.inner.contexts[-1].head
        assert await stack.store.get(asked(big, kind).url_path) is None
    assert not stack.cached._fills


async def test_head_never_says_yes_to_what_get_refuses(stack: Stack, big: BuiltModule) -> None:
    table = stack.database.table
    for refusal in (Tampered("fork"), Unavailable("the database is away")):
        table[f"{big.path}@{big.version}"] = refusal
        with pytest.raises(type(refusal)):
            await stack.cached.fetch(replace(CTX, head=True), asked(big, "zip"))


async def test_a_request_that_forbids_fetching_is_answered_from_the_store_alone(
    stack: Stack, big: BuiltModule, small: BuiltModule
) -> None:
    offline = replace(CTX, fetch=False)
    body = feed(stack, big)
    running = asyncio.create_task(stack.cached.fetch(CTX, asked(big, "zip")))
    await settled()
    with pytest.raises(Absent):
        await stack.cached.fetch(offline, asked(big, "zip"))
    await body.send(big.zip)
    await body.end()
    await read(await running)
    assert await read(await stack.cached.fetch(offline, asked(big, "zip"))) == big.zip
    with pytest.raises(Absent):
        await stack.cached.fetch(offline, asked(small, "mod"))
    assert stack.inner.counts[asked(small, "mod").url_path] == 0


async def test_credential_scopes_share_neither_fills_nor_hits(stack: Stack, big: BuiltModule) -> None:
    request = asked(big, "zip")
    stack.inner.gate.clear()
    tasks = [
        asyncio.create_task(stack.cached.fetch(replace(CTX, credential_scope=scope), request))
        for scope in ("", "a", "b", "a")
    ]
    await settled()
    assert stack.inner.counts[request.url_path] == 3
    assert [ctx.credential_scope for ctx in stack.inner.contexts] == ["", "a", "b"]
    stack.inner.gate.set()
    assert [await read(answer) for answer in await asyncio.gather(*tasks)] == [big.zip] * 4
    await settled()
    with pytest.raises(Absent):
        await stack.cached.fetch(replace(CTX, credential_scope="c", fetch=False), request)
    answer: Answer = await stack.cached.fetch(replace(CTX, credential_scope="a"), request)
    assert await read(answer) == big.zip
    assert stack.inner.counts[request.url_path] == 3


async def test_what_a_defect_says_goes_into_the_log_and_not_to_clients(
    stack: Stack, small: BuiltModule
) -> None:
    request = asked(small, "info")

    def broken() -> bytes:
        raise ZeroDivisionError("https://user:secret@upstream.test")

    stack.inner.answers[request.url_path] = broken
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable) as caught:
        await stack.cached.fetch(CTX, request)
    assert "secret" not in str(caught.value)
    assert [str(line["exc_info"]) for line in logs] == ["https://user:secret@upstream.test"]


def broken_then_whole(over: Stack, built: BuiltModule, *, breaks: int) -> None:
    """The zip breaks off in the middle so many times before it comes whole."""
    left = breaks

    def next_body() -> Feed:
        nonlocal left
        body = Feed(len(built.zip))
        body._queue.put_nowait(built.zip if not left else built.zip[:100])
        body._queue.put_nowait(Unavailable("broke off", kind="bad-answer") if left else None)
        left = max(0, left - 1)
        return body

    over.inner.answers[asked(built, "zip").url_path] = next_body


async def test_a_small_body_that_broke_off_is_asked_for_once_more(over: Stack, small: BuiltModule) -> None:
    assert len(small.zip) < WHOLE_BELOW
    broken_then_whole(over, small, breaks=1)
    request = asked(small, "zip")
    answers = await asyncio.gather(*(over.cached.fetch(CTX, request) for _ in range(3)))
    assert [await read(answer) for answer in answers] == [small.zip] * 3
    await over.quiet()
    assert over.inner.counts[request.url_path] == 2
    assert over.watch.fills == [("zip", "whole")]


async def test_a_small_body_that_breaks_off_twice_is_the_upstreams_fault(
    over: Stack, small: BuiltModule
) -> None:
    broken_then_whole(over, small, breaks=2)
    request = asked(small, "zip")
    with pytest.raises(Unavailable, match="broke off"):
        await over.cached.fetch(CTX, request)
    assert over.inner.counts[request.url_path] == 2


async def test_a_large_body_is_not_asked_for_again_since_clients_have_seen_its_beginning(
    over: Stack, big: BuiltModule
) -> None:
    broken_then_whole(over, big, breaks=1)
    request = asked(big, "zip")
    with pytest.raises(Unavailable, match="broke off"):
        await read(await over.cached.fetch(CTX, request))
    assert over.inner.counts[request.url_path] == 1
