"""Lists, @latest and queries: fresh for a short time, stale rather than broken, never broken as absent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied, ModgateError, Unavailable
from modgate.gomod.protocol import Kind, Request, checked
from modgate.source.settings import CacheSettings
from tests.source.conftest import CTX, Stack, asked
from tests.support.sources import FullStore, read, settled

if TYPE_CHECKING:
    from tests.support.modules import BuiltModule

LIST = checked(Kind.LIST, "example.test/small")
LATEST = checked(Kind.LATEST, "example.test/small")
BRANCH = checked(Kind.QUERY, "example.test/small", "main")
OLD = b'{"Version":"v1.0.0"}'
NEW = b'{"Version":"v1.1.0"}'
DOWN = Unavailable("down", kind="unreachable")
OFFLINE = replace(CTX, fetch=False)


def say(stack: Stack, request: Request, answer: bytes | ModgateError | None) -> None:
    if answer is None:
        stack.inner.answers.pop(request.url_path, None)
    else:
        stack.inner.answers[request.url_path] = answer


@pytest.mark.parametrize("request_", [LATEST, BRANCH], ids=["latest", "branch"])
async def test_fresh_then_stale_while_one_refresh_runs_then_new(stack: Stack, request_: Request) -> None:
    say(stack, request_, OLD)
    first = await stack.cached.fetch(CTX, request_)
    assert (await read(first), first.age, first.max_age, first.stale) == (OLD, 0.0, 60.0, False)
    say(stack, request_, NEW)
    stack.clock.now += 59
    second = await stack.cached.fetch(CTX, request_)
    assert (await read(second), second.age, second.max_age, second.stale) == (OLD, 59.0, 1.0, False)
    assert stack.inner.counts[request_.url_path] == 1
    stack.clock.now += 2
    answers = [await stack.cached.fetch(CTX, request_) for _ in range(4)]
    assert [await read(answer) for answer in answers] == [OLD] * 4
    assert {answer.age for answer in answers} == {61.0}
    await settled()
    assert stack.inner.counts[request_.url_path] == 2
    assert await read(await stack.cached.fetch(CTX, request_)) == NEW


async def test_many_that_ask_at_once_cost_one_question_and_one_that_leaves_cancels_nothing(
    stack: Stack,
) -> None:
    say(stack, LATEST, OLD)
    stack.inner.gate.clear()
    tasks = [asyncio.create_task(stack.cached.fetch(CTX, LATEST)) for _ in range(8)]
    await settled()
    tasks.pop(0).cancel()
    stack.inner.gate.set()
    assert [await read(answer) for answer in await asyncio.gather(*tasks)] == [OLD] * 7
    assert stack.inner.counts[LATEST.url_path] == 1


async def test_a_much_older_answer_waits_for_the_refresh(stack: Stack) -> None:
    say(stack, LATEST, OLD)
    await stack.cached.fetch(CTX, LATEST)
    say(stack, LATEST, NEW)
    stack.clock.now += 601
    answer = await stack.cached.fetch(CTX, LATEST)
    assert (await read(answer), answer.age, answer.stale) == (NEW, 0.0, False)


@pytest.mark.parametrize("error", [DOWN, Unavailable("?", kind="bad-answer"), Denied("no")], ids=repr)
async def test_an_old_answer_stands_while_its_source_is_broken_and_it_is_not_asked_each_time(
    stack: Stack, error: ModgateError
) -> None:
    say(stack, LATEST, OLD)
    await stack.cached.fetch(CTX, LATEST)
    say(stack, LATEST, error)
    stack.clock.now += 86400
    for _ in range(3):
        answer = await stack.cached.fetch(CTX, LATEST)
        assert (await read(answer), answer.stale, answer.age) == (OLD, True, 86400.0)
    assert stack.inner.counts[LATEST.url_path] == 2
    stack.clock.now += 6
    say(stack, LATEST, NEW)
    assert await read(await stack.cached.fetch(CTX, LATEST)) == NEW


async def test_an_old_answer_stands_when_the_refresh_takes_too_long(stack: Stack) -> None:
    slow = stack.again(settings=CacheSettings(refresh_wait=0.05))
    say(slow, LATEST, OLD)
    await slow.cached.fetch(CTX, LATEST)
    say(slow, LATEST, NEW)
    slow.clock.now += 601
    slow.inner.gate.clear()
    answer = await slow.cached.fetch(CTX, LATEST)
    assert (await read(answer), answer.stale) == (OLD, True)
    slow.inner.gate.set()
    await settled()
    assert await read(await slow.cached.fetch(CTX, LATEST)) == NEW
    assert slow.inner.counts[LATEST.url_path] == 2
    await slow.cached.close()


async def test_broken_and_never_asked_is_broken_each_in_its_own_error(stack: Stack) -> None:
    say(stack, LIST, DOWN)
    stack.inner.gate.clear()
    tasks = [asyncio.create_task(stack.cached.fetch(CTX, LIST)) for _ in range(3)]
    await settled()
    stack.inner.gate.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert {str(error) for error in errors} == {str(DOWN)}
    assert len({id(error) for error in errors}) == 3
    say(stack, LIST, b"v1.0.0\n")
    assert await read(await stack.cached.fetch(CTX, LIST)) == b"v1.0.0\n"


async def test_absence_is_remembered_briefly(stack: Stack) -> None:
    for _ in range(3):
        with pytest.raises(Absent):
            await stack.cached.fetch(CTX, LATEST)
    assert stack.inner.counts[LATEST.url_path] == 1
    say(stack, LATEST, OLD)
    stack.clock.now += 21
    assert await read(await stack.cached.fetch(CTX, LATEST)) == OLD


async def test_a_branch_that_was_deleted_is_absent_and_a_module_that_vanished_is_still_listed(
    stack: Stack,
) -> None:
    for request in (BRANCH, LATEST):
        say(stack, request, OLD)
        await stack.cached.fetch(CTX, request)
        say(stack, request, None)
    stack.clock.now += 601
    with pytest.raises(Absent):
        await stack.cached.fetch(CTX, BRANCH)
    assert await stack.store.get(BRANCH.url_path) is None
    answer = await stack.cached.fetch(CTX, LATEST)
    assert (await read(answer), answer.stale) == (OLD, True)


async def test_a_clock_that_was_set_back_makes_nothing_fresh_for_years(stack: Stack) -> None:
    say(stack, LATEST, OLD)
    await stack.cached.fetch(CTX, LATEST)
    say(stack, LATEST, NEW)
    stack.clock.now -= 10 * 365 * 86400.0
    answer = await stack.cached.fetch(CTX, LATEST)
    assert (await read(answer), answer.age) == (NEW, 0.0)
    say(stack, LATEST, DOWN)
    stack.clock.now -= 86400
    assert await read(await stack.cached.fetch(CTX, LATEST)) == NEW
    stack.clock.now -= 86400
    say(stack, LATEST, OLD)
    assert await read(await stack.cached.fetch(CTX, LATEST)) == OLD


async def test_a_list_is_merged_with_what_was_served(stack: Stack, small: BuiltModule) -> None:
    extra = [
        replace(small, version=version, info=b'{"Version":"%s"}' % version.encode())
        for version in ("v1.5.0", "v0.9.0", "v1.2.0-RC.1", "v0.0.0-20240506070809-0123456789ab")
    ]
    for built in extra:
        say(stack, asked(built, "info"), built.info)
        await stack.cached.fetch(CTX, asked(built, "info"))
    say(stack, BRANCH, OLD)
    await stack.cached.fetch(CTX, BRANCH)
    await stack.quiet()
    say(stack, LIST, b"v1.0.0\nv1.10.0\n")
    assert (
        await read(await stack.cached.fetch(CTX, LIST)) == b"v0.9.0\nv1.0.0\nv1.2.0-RC.1\nv1.5.0\nv1.10.0\n"
    )


async def test_offline_the_store_alone_says_list_and_latest(stack: Stack, small: BuiltModule) -> None:
    for request in (LIST, LATEST, BRANCH):
        with pytest.raises(Absent):
            await stack.cached.fetch(OFFLINE, request)
    pseudo = replace(small, version="v1.0.1-0.20240506070809-0123456789ab")
    say(stack, asked(pseudo, "info"), b'{"Version":"v1.0.1-0.20240506070809-0123456789ab"}')
    await stack.cached.fetch(CTX, asked(pseudo, "info"))
    await stack.quiet()
    assert (
        await read(await stack.cached.fetch(OFFLINE, LATEST))
        == b'{"Version":"v1.0.1-0.20240506070809-0123456789ab"}'
    )
    await stack.cached.fetch(CTX, asked(small, "info"))
    await stack.cached.fetch(CTX, asked(small, "zip"))
    await stack.quiet()
    listed = await stack.cached.fetch(OFFLINE, LIST)
    assert (await read(listed), listed.stale) == (b"v1.0.0\n", True)
    assert await read(await stack.cached.fetch(OFFLINE, LATEST)) == small.info
    with pytest.raises(Absent):
        await stack.cached.fetch(OFFLINE, BRANCH)
    assert stack.inner.counts[LIST.url_path] == 0
    say(stack, LIST, b"v1.0.0\nv1.1.0\n")
    await stack.cached.fetch(CTX, LIST)
    stack.clock.now += 86400 * 30
    assert await read(await stack.cached.fetch(OFFLINE, LIST)) == b"v1.0.0\nv1.1.0\n"
    assert stack.inner.counts[LIST.url_path] == 1


async def test_a_list_that_cannot_be_kept_is_given_all_the_same(stack: Stack) -> None:
    full = stack.again(store=FullStore(1 << 20))
    say(full, LIST, b"v1.0.0\n")
    assert await read(await full.cached.fetch(CTX, LIST)) == b"v1.0.0\n"
    assert full.watch.alerts == [("unstored", LIST.url_path)]
    await full.cached.close()


async def test_lists_of_credential_scopes_are_apart(stack: Stack) -> None:
    secret = replace(CTX, credential_scope="team")
    say(stack, LIST, b"v1.9.0\n")
    await stack.cached.fetch(secret, LIST)
    say(stack, LIST, None)
    with pytest.raises(Absent):
        await stack.cached.fetch(CTX, LIST)
    with pytest.raises(Absent):
        await stack.cached.fetch(OFFLINE, LIST)
    assert await read(await stack.cached.fetch(secret, LIST)) == b"v1.9.0\n"


async def test_a_closing_gate_tells_who_waits_for_an_answer(stack: Stack) -> None:
    say(stack, LIST, b"")
    stack.inner.gate.clear()
    waiting = asyncio.create_task(stack.cached.fetch(CTX, LIST))
    await settled()
    await stack.cached.close()
    with pytest.raises(Unavailable) as caught:
        await waiting
    assert caught.value.kind == "stopping"
    with pytest.raises(Unavailable):
        await stack.cached.fetch(CTX, LATEST)


async def test_a_long_list_is_read_beside_the_loop_and_merged_like_any_other(
    stack: Stack, small: BuiltModule
) -> None:
    await read(await stack.cached.fetch(CTX, asked(small, "info")))
    await stack.quiet()
    versions = [f"v0.{number}.0" for number in range(60_000)]
    say(stack, LIST, "\n".join(versions).encode())
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    busy = asyncio.create_task(others())
    body = await read(await stack.cached.fetch(CTX, LIST))
    busy.cancel()
    assert body.decode().split() == [*versions, small.version]
    assert turns > 100
