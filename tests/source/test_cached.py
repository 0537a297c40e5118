"""What is remembered, for how long, whose turn it is, and what a failing store means."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied, ModgateError, Tampered, Unavailable, Unverified
from modgate.gomod.protocol import Kind, checked
from modgate.model import Verification
from modgate.source.settings import CacheSettings, Memory
from modgate.source.turns import Turns
from modgate.source.verdicts import Verdicts, again
from modgate.storage.memory import MemoryStore
from tests.source.conftest import CTX, Stack, asked, feed
from tests.support.sources import Clock, Feed, FullStore, ScriptedSource, TableDatabase, read, settled

if TYPE_CHECKING:
    from tests.support.modules import BuiltModule


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Absent("gone", gone=True), 20.0),
        (Unverified("unknown"), 20.0),
        (Tampered("other bytes"), 60.0),
        (Unavailable("nonsense", kind="bad-answer"), 3.0),
        (Unavailable("full", kind="storage-full"), 3.0),
        (Unavailable("slow", kind="timeout"), 0.0),
        (Unavailable("down", kind="unreachable"), 0.0),
        (Unavailable("busy", kind="overloaded"), 0.0),
        (Unavailable("stop", kind="stopping"), 0.0),
        (Unavailable("round", kind="loop"), 0.0),
        (Denied("no"), 0.0),
    ],
    ids=lambda value: (
        f"{type(value).__name__} {getattr(value, 'kind', '')}" if isinstance(value, Exception) else ""
    ),
)
async def test_an_outcome_is_remembered_as_long_as_its_kind_deserves_and_then_forgotten(
    stack: Stack, small: BuiltModule, error: ModgateError, seconds: float
) -> None:
    request = asked(small, "info")
    right = stack.inner.answers[request.url_path]
    stack.inner.answers[request.url_path] = error
    asks = 0
    for moment in (0.0, seconds - 0.5) if seconds else (0.0,):
        stack.clock.now = 1_000_000.0 + moment
        asks += moment == 0.0
        with pytest.raises(type(error)) as caught:
            await stack.cached.fetch(CTX, request)
        assert str(caught.value) == str(error)
        assert vars(caught.value) == vars(error)
        assert caught.value is not error
        assert stack.inner.counts[request.url_path] == asks
    stack.inner.answers[request.url_path] = right
    stack.clock.now = 1_000_000.0 + seconds + 0.5
    assert await read(await stack.cached.fetch(CTX, request)) == small.info


async def test_a_clock_that_was_set_back_ends_what_was_remembered(stack: Stack, small: BuiltModule) -> None:
    request = asked(small, "info")
    right = stack.inner.answers.pop(request.url_path)
    with pytest.raises(Absent):
        await stack.cached.fetch(CTX, request)
    stack.inner.answers[request.url_path] = right
    stack.clock.now -= 10 * 365 * 86400.0
    assert await read(await stack.cached.fetch(CTX, request)) == small.info


def test_verdicts_are_bounded_and_apart_by_scope() -> None:
    verdicts = Verdicts(Memory(entries=3), clock=Clock())
    for number in range(10):
        verdicts.remember("", str(number), Absent("no"))
    assert len(verdicts._kept) == 3
    verdicts.check("", "6")
    verdicts.check("other", "9")
    with pytest.raises(Absent):
        verdicts.check("", "9")
    verdicts.forget("", "9")
    verdicts.check("", "9")


def test_a_shared_error_is_raised_as_a_copy_without_the_frames_of_others() -> None:
    verdicts = Verdicts(Memory(), clock=Clock())
    original = Absent("what", where="where", next_step="next", gone=True)
    try:
        raise original
    except Absent:
        verdicts.remember("", "k", original)
    caught = []
    for _ in range(2):
        with pytest.raises(Absent) as one:
            verdicts.check("", "k")
        caught.append(one.value)
    assert caught[0] is not caught[1]
    assert caught[0].gone
    assert caught[0].lines() == original.lines()
    _, kept = verdicts._kept["", "k"]
    assert kept.__traceback__ is None
    assert isinstance(again(Unavailable("x", kind="timeout", retry_after=3.0)), Unavailable)


async def test_tampered_bytes_are_told_to_people_once_and_not_fetched_again_for_a_while(
    stack: Stack, small: BuiltModule
) -> None:
    request = asked(small, "mod")
    stack.inner.answers[request.url_path] = small.mod + b"// other\n"
    for _ in range(3):
        with pytest.raises(Tampered):
            await stack.cached.fetch(CTX, request)
    assert stack.inner.counts[request.url_path] == 1
    assert stack.watch.alerts == [("tampered", request.url_path)]
    assert stack.watch.fills == [("mod", "Tampered")]


async def test_a_defect_in_a_source_is_broken_and_never_absent(stack: Stack, small: BuiltModule) -> None:
    def defect() -> bytes:
        raise KeyError("oops")

    stack.inner.answers[asked(small, "info").url_path] = defect
    with pytest.raises(Unavailable, match="KeyError"):
        await stack.cached.fetch(CTX, asked(small, "info"))


# --- turns


async def test_a_client_above_its_turns_waits_and_others_do_not(big: BuiltModule, stack: Stack) -> None:
    narrow = stack.again(turns=Turns(slots=2, patience=30.0))
    narrow.inner.gate.clear()
    hungry, other = replace(CTX, consumer="hungry"), replace(CTX, consumer="other")
    modules = [replace(big, path=f"example.test/m{number}") for number in range(4)]
    for built in modules:
        narrow.inner.answers[asked(built, "info").url_path] = big.info
    tasks = [asyncio.create_task(narrow.cached.fetch(hungry, asked(built, "info"))) for built in modules]
    await settled()
    assert sum(narrow.inner.counts.values()) == 2
    tasks.append(asyncio.create_task(narrow.cached.fetch(other, asked(modules[3], "info"))))
    await settled()
    # The other brought its own turn to the object that both wait for.
    assert sum(narrow.inner.counts.values()) == 3
    assert narrow.inner.counts[asked(modules[3], "info").url_path] == 1
    narrow.inner.gate.set()
    assert [await read(answer) for answer in await asyncio.gather(*tasks)] == [big.info] * 5
    assert set(narrow.inner.counts.values()) == {1}
    assert not narrow.turns._clients
    await narrow.cached.close()


async def test_who_waits_too_long_for_a_turn_hears_that_the_gate_is_busy(
    big: BuiltModule, stack: Stack
) -> None:
    narrow = stack.again(turns=Turns(slots=1, patience=0.05))
    narrow.inner.gate.clear()
    one = replace(CTX, consumer="10.1.2.3")
    running = asyncio.create_task(narrow.cached.fetch(one, asked(big, "mod")))
    await settled()
    with pytest.raises(Unavailable) as caught:
        await narrow.cached.fetch(one, asked(big, "info"))
    assert caught.value.kind == "overloaded"
    assert caught.value.retry_after
    assert "10.1.2.3" not in str(caught.value)
    assert narrow.inner.counts[asked(big, "info").url_path] == 0
    narrow.inner.gate.set()
    assert await read(await running) == big.mod
    assert await read(await narrow.cached.fetch(one, asked(big, "info"))) == big.info
    assert not narrow.turns._clients
    await narrow.cached.close()


async def test_what_the_gate_fetches_for_itself_takes_no_clients_turn(big: BuiltModule, stack: Stack) -> None:
    narrow = stack.again(turns=Turns(slots=1, patience=30.0))
    one = replace(CTX, consumer="one")
    narrow.inner.gate.clear()
    running = asyncio.create_task(narrow.cached.fetch(one, asked(big, "mod")))
    await settled()
    ahead = asyncio.create_task(narrow.cached.ensure(one, asked(big, "info")))
    await settled()
    assert narrow.inner.counts[asked(big, "info").url_path] == 1
    narrow.inner.gate.set()
    assert await ahead == len(big.info)
    assert await narrow.cached.ensure(one, asked(big, "info")) is None
    await running
    await narrow.cached.close()


async def test_work_of_the_gate_itself_hears_what_went_wrong(stack: Stack, small: BuiltModule) -> None:
    del stack.inner.answers[asked(small, "info").url_path]
    for _ in range(2):
        with pytest.raises(Absent):
            await stack.cached.ensure(CTX, asked(small, "info"))
    assert stack.inner.counts[asked(small, "info").url_path] == 1


# --- stores that fail


async def test_verified_bytes_that_cannot_be_kept_are_passed_on_and_people_hear_of_it(
    stack: Stack, big: BuiltModule, small: BuiltModule
) -> None:
    store = FullStore(64 << 20)
    full = stack.again(store=store)
    for built in (big, small):
        for kind in ("info", "mod", "zip"):
            for whole in (False, True):
                answers = [full.cached.fetch(replace(CTX, whole=whole), asked(built, kind)) for _ in range(3)]
                bodies = [read(answer) for answer in await asyncio.gather(*answers)]
                assert await asyncio.gather(*bodies) == [built.bytes_of(kind)] * 3
                await full.quiet()
    assert {kind for kind, _ in full.watch.alerts} == {"unstored"}
    assert {outcome for _, outcome in full.watch.fills} == {"whole"}
    assert store.used == 0
    with pytest.raises(Unavailable) as caught:
        await full.cached.ensure(CTX, asked(small, "zip"))
    assert caught.value.kind == "storage-full"
    store.full = False
    assert await read(await full.cached.fetch(CTX, asked(small, "zip"))) == small.zip
    await full.quiet()
    assert await store.get(asked(small, "zip").url_path) is not None
    await full.cached.close()


async def test_a_first_sight_that_cannot_be_kept_is_not_passed_on(stack: Stack, big: BuiltModule) -> None:
    full = stack.again(store=FullStore(64 << 20), database=TableDatabase(exempt=(big.path,)))
    with pytest.raises(Unavailable) as caught:
        await read(await full.cached.fetch(CTX, asked(big, "zip")))
    assert caught.value.kind == "storage-full"
    await full.cached.close()


async def test_a_disk_that_fills_during_a_transfer_is_told_as_such_and_heals(
    stack: Stack, big: BuiltModule, small: BuiltModule
) -> None:
    tight = stack.again(store=MemoryStore(300_000))
    await read(await tight.cached.fetch(CTX, asked(small, "zip")))
    await tight.quiet()
    body = feed(tight, big)
    client = asyncio.create_task(tight.cached.fetch(CTX, asked(big, "zip")))
    await settled()
    reading = asyncio.create_task(read(await client))
    for start in range(0, 400_000, 100_000):
        await body.send(big.zip[start : start + 100_000])
    with pytest.raises(Unavailable) as caught:
        await reading
    assert caught.value.kind == "storage-full"
    assert body.closed
    with pytest.raises(Unavailable):
        await tight.cached.fetch(CTX, asked(big, "zip"))
    assert tight.inner.counts[asked(big, "zip").url_path] == 1
    assert await read(await tight.cached.fetch(CTX, asked(small, "zip"))) == small.zip
    await tight.cached.close()


async def test_a_store_that_cannot_begin_closes_the_body_it_was_given(stack: Stack, big: BuiltModule) -> None:
    closed = MemoryStore(1 << 20)
    broken = stack.again(store=closed)
    body = feed(broken, big)
    broken.inner.gate.clear()
    client = asyncio.create_task(broken.cached.fetch(CTX, asked(big, "zip")))
    await settled()
    await closed.close()
    broken.inner.gate.set()
    with pytest.raises(Unavailable):
        await client
    assert body.closed
    await broken.cached.close()


async def test_bit_rot_is_found_told_and_fetched_again(stack: Stack, big: BuiltModule) -> None:
    request = asked(big, "zip")
    assert isinstance(stack.store, MemoryStore)
    await read(await stack.cached.fetch(CTX, request))
    await stack.quiet()
    blob = stack.store._objects[request.url_path]
    blob.data = blob.data[:-1] + b"\xff"
    blob._sound = None
    assert await read(await stack.cached.fetch(CTX, request)) == big.zip
    assert ("bit-rot", request.url_path) in stack.watch.alerts
    assert stack.inner.counts[request.url_path] == 2
    await stack.quiet()
    assert await read(await stack.cached.fetch(replace(CTX, fetch=False), request)) == big.zip


async def test_a_store_that_cannot_be_read_is_broken_and_never_absence(
    stack: Stack, small: BuiltModule
) -> None:
    await stack.store.close()
    for ctx in (CTX, replace(CTX, fetch=False)):
        for kind in ("info", "mod", "zip"):
            with pytest.raises(Unavailable):
                await stack.cached.fetch(ctx, asked(small, kind))


async def test_how_it_was_proved_is_told_cold_and_warm(stack: Stack, small: BuiltModule) -> None:
    for kind, proof in (
        ("mod", Verification.SUMDB),
        ("zip", Verification.SUMDB),
        ("info", Verification.NONE),
    ):
        cold = await stack.cached.fetch(CTX, asked(small, kind))
        assert cold.verified is proof
        await stack.quiet()
        assert (await stack.cached.fetch(CTX, asked(small, kind))).verified is proof


async def test_short_memories_are_configurable(stack: Stack, small: BuiltModule) -> None:
    forgetful = stack.again(settings=CacheSettings(remembered=Memory(absent=0.0)))
    forgetful.inner.answers.clear()
    for asks in (1, 2):
        with pytest.raises(Absent):
            await forgetful.cached.fetch(CTX, asked(small, "info"))
        assert forgetful.inner.counts[asked(small, "info").url_path] == asks
    await forgetful.cached.close()


@pytest.mark.parametrize("kind", ["list", "latest", "head"])
async def test_lists_and_heads_that_are_not_there_take_turns_as_fills_do(
    small: BuiltModule, big: BuiltModule, kind: str
) -> None:
    inner = ScriptedSource()
    inner.add(small)
    inner.add(big)
    stack = Stack(inner, TableDatabase(small, big), MemoryStore(1 << 20), turns=Turns(slots=1, patience=0.0))
    hungry, other = replace(CTX, consumer="hungry"), replace(CTX, consumer="other")
    if kind == "head":
        requests = [asked(small, "info"), asked(big, "info")]
        hungry, other = replace(hungry, head=True), replace(other, head=True)
    else:
        requests = [checked(Kind(kind), built.path) for built in (small, big)]
        body = b"v1.0.0\n" if kind == "list" else b'{"Version":"v1.0.0"}'
        inner.answers |= {request.url_path: body for request in requests}
    inner.gate.clear()
    first = asyncio.create_task(stack.cached.fetch(hungry, requests[0]))
    await settled()
    with pytest.raises(Unavailable) as caught:
        await stack.cached.fetch(hungry, requests[1])
    assert caught.value.kind == "overloaded"
    second = asyncio.create_task(stack.cached.fetch(other, requests[1]))
    await settled()
    assert inner.counts == {requests[0].url_path: 1, requests[1].url_path: 1}
    inner.gate.set()
    await asyncio.gather(first, second)
    await stack.cached.close()


@pytest.mark.parametrize("kind", ["info", "latest"])
async def test_a_loop_that_one_client_claims_is_not_the_answer_of_those_who_joined_its_fill(
    stack: Stack, small: BuiltModule, kind: str
) -> None:
    request = asked(small, "info") if kind == "info" else checked(Kind.LATEST, small.path)
    right = small.info
    stack.inner.gate.clear()
    forger = asyncio.create_task(
        stack.cached.fetch(replace(CTX, consumer="x", via=("it",)), request), name="forger"
    )
    await settled()
    other = asyncio.create_task(stack.cached.fetch(replace(CTX, consumer="y"), request))
    await settled()

    def answer() -> bytes | Feed | ModgateError:
        return Unavailable("round", kind="loop") if stack.inner.contexts[-1].via else right

    stack.inner.answers[request.url_path] = answer
    stack.inner.gate.set()
    with pytest.raises(Unavailable, match="round"):
        await forger
    assert await read(await other) == right
    assert [ctx.via for ctx in stack.inner.contexts] == [("it",), ()]
