"""What is fetched ahead, for whom, how much, and that nothing ahead is ever stuck or counted twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.gomod.protocol import Kind, Request, checked
from modgate.source.prefetch import PrefetchSource
from modgate.source.settings import PrefetchSettings
from tests.source.conftest import CTX, Stack, asked
from tests.support.sources import Clock, ScriptedSource, Witness, read, settled

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath
    from modgate.model import Context
    from tests.support.modules import BuiltModule

ONE = replace(CTX, consumer="one", request_id="r1")


class Ahead:
    """A prefetcher over a scripted source; what it ensures is noted, waits for `gate`, and has `size`."""

    def __init__(self, settings: PrefetchSettings | None = None) -> None:
        self.clock = Clock()
        self.watch = Witness()
        self.inner = ScriptedSource()
        self.ensured: list[str] = []
        self.contexts: list[Context] = []
        self.size: int | None = 100
        self.error: Unavailable | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.source = PrefetchSource(
            self.inner,
            self.ensure,
            settings or PrefetchSettings(),
            clock=self.clock,
            private=self.private,
            watch=self.watch,
        )

    @staticmethod
    def private(path: ModulePath) -> bool:
        return path.startswith("corp.test/")

    async def ensure(self, ctx: Context, request: Request) -> int | None:
        self.ensured.append(str(request))
        self.contexts.append(ctx)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.size

    async def mod(
        self, path: str, version: str = "v1.0.0", body: bytes | None = None, ctx: Context = ONE
    ) -> None:
        request = checked(Kind.MOD, path, version)
        self.inner.answers[request.url_path] = body or f"module {path}\n".encode()
        await self.source.fetch(ctx, request)
        await settled()

    async def ask(self, kind: Kind, path: str, version: str = "", ctx: Context = ONE) -> None:
        request = checked(kind, path, version)
        self.inner.answers[request.url_path] = b"{}"
        await self.source.fetch(ctx, request)
        await settled()


async def test_a_mod_announces_its_zip_its_info_and_the_mods_it_requires() -> None:
    ahead = Ahead()
    body = (
        b"module example.test/a\nrequire (\n\texample.test/b v1.2.0\n"
        b"\tcorp.test/x v1.0.0\n\texample.test/B v1.0.0\n)\n"
    )
    await ahead.mod("example.test/a", body=body)
    assert sorted(ahead.ensured) == [
        "example.test/B@v1.0.0 mod",
        "example.test/a@v1.0.0 info",
        "example.test/a@v1.0.0 zip",
        "example.test/b@v1.2.0 mod",
    ]
    assert all(ctx.background and not ctx.head and not ctx.whole for ctx in ahead.contexts)
    await ahead.mod("example.test/a", body=body)
    assert len(ahead.ensured) == 4
    await ahead.source.close()


async def test_a_pruned_module_graph_needs_no_mods_behind_it() -> None:
    ahead = Ahead()
    await ahead.mod("example.test/a", body=b"module example.test/a\ngo 1.21\nrequire example.test/b v1.2.0\n")
    assert sorted(ahead.ensured) == ["example.test/a@v1.0.0 info", "example.test/a@v1.0.0 zip"]
    await ahead.source.close()


REQUIRES = b"module m\nrequire example.test/b v1.2.0\n"


@pytest.mark.parametrize(
    ("go", "announced"),
    [("1.16", True), ("1.17", False), ("1." + "9" * 5000, False), ("2.0", False)],
    ids=["1.16", "1.17", "1.999…", "2.0"],
)
async def test_a_go_line_of_any_length_is_compared_and_fails_no_request(go: str, announced: bool) -> None:
    ahead = Ahead()
    body = f"module example.test/a\ngo {go}\nrequire example.test/b v1.2.0\n".encode()
    await ahead.mod("example.test/a", body=body)
    assert ("example.test/b@v1.2.0 mod" in ahead.ensured) is announced
    await ahead.source.close()


async def test_nothing_is_announced_by_private_names_toolchains_heads_and_the_offline() -> None:
    ahead = Ahead()
    await ahead.mod("corp.test/a", body=REQUIRES)
    await ahead.mod("golang.org/toolchain", "v0.0.1-go1.26.8.linux-amd64", body=REQUIRES)
    await ahead.mod("example.test/a", body=REQUIRES, ctx=replace(ONE, head=True))
    await ahead.mod("example.test/a", body=REQUIRES, ctx=replace(ONE, fetch=False))
    await ahead.ask(Kind.INFO, "example.test/a", "v1.0.0")
    await ahead.ask(Kind.ZIP, "example.test/a", "v1.0.0")
    assert ahead.ensured == []


async def test_a_mod_after_a_list_of_the_same_client_announces_nothing_for_a_while() -> None:
    ahead = Ahead()
    await ahead.ask(Kind.LIST, "example.test/a")
    await ahead.mod("example.test/a", body=REQUIRES)
    assert ahead.ensured == []
    await ahead.mod("example.test/a", body=REQUIRES, ctx=replace(ONE, consumer="two"))
    assert len(ahead.ensured) == 3
    ahead = Ahead()
    await ahead.ask(Kind.LIST, "example.test/a")
    ahead.clock.now += 61
    await ahead.mod("example.test/a", body=REQUIRES)
    assert len(ahead.ensured) == 3
    ahead = Ahead()
    await ahead.ask(Kind.LIST, "example.test/a")
    ahead.clock.now -= 1e6
    await ahead.mod("example.test/a", body=REQUIRES)
    assert len(ahead.ensured) == 3


async def test_zips_of_versions_that_a_client_passed_by_are_dropped() -> None:
    ahead = Ahead(PrefetchSettings(concurrency=1))
    ahead.gate.clear()
    await ahead.mod("example.test/first")
    for version in ("v1.0.0", "v1.10.0", "v1.2.0"):
        await ahead.mod("example.test/a", version)
    await ahead.mod("example.test/a", "v1.2.0", ctx=replace(ONE, consumer="two"))
    ahead.gate.set()
    await settled()
    assert [text for text in ahead.ensured if text.endswith("example.test/a@v1.10.0 zip")]
    assert not [text for text in ahead.ensured if text.endswith("@v1.0.0 zip") and "/a@" in text]
    assert "example.test/a@v1.0.0 info" in ahead.ensured
    assert ahead.watch.ahead.count(("dropped", 0)) == 2
    ahead.clock.now += 61
    await ahead.mod("example.test/a", "v1.0.0")
    assert "example.test/a@v1.0.0 zip" in ahead.ensured


async def test_the_queue_is_bounded_and_so_is_what_runs_at_once() -> None:
    ahead = Ahead(PrefetchSettings(concurrency=3, queue=5))
    ahead.gate.clear()
    for number in range(10):
        await ahead.mod(f"example.test/m{number}")
    assert len(ahead.ensured) == 3
    assert ahead.watch.ahead.count(("dropped", 0)) == 20 - 3 - 5
    ahead.gate.set()
    await settled()
    assert len(ahead.ensured) == 8
    assert not ahead.source._workers


async def test_bytes_that_nobody_asked_for_end_it_until_they_are_used_or_old() -> None:
    ahead = Ahead(PrefetchSettings(unused_bytes=250))
    for number in range(5):
        await ahead.mod(f"example.test/m{number}")
    zips = [text for text in ahead.ensured if text.endswith("zip")]
    assert len(zips) == 3
    assert len([text for text in ahead.ensured if text.endswith("info")]) == 5
    for number in range(3):
        await ahead.ask(Kind.ZIP, f"example.test/m{number}", "v1.0.0")
    assert ahead.watch.ahead.count(("used", 100)) == 3
    assert ahead.source._unused_bytes == 0
    for number in range(10, 15):
        await ahead.mod(f"example.test/m{number}")
    assert len([text for text in ahead.ensured if text.endswith("zip")]) == 6
    ahead.clock.now += 3601
    await ahead.mod("example.test/m20")
    assert "example.test/m20@v1.0.0 zip" in ahead.ensured
    assert ahead.source._unused_bytes == 100


async def test_a_zip_that_is_asked_for_while_it_comes_ahead_counts_as_used() -> None:
    ahead = Ahead()
    ahead.gate.clear()
    await ahead.mod("example.test/a")
    await ahead.ask(Kind.ZIP, "example.test/a", "v1.0.0")
    ahead.gate.set()
    await settled()
    assert ahead.source._unused_bytes == 0
    assert not ahead.source._unused
    assert ("used", 100) in ahead.watch.ahead


async def test_what_was_there_already_counts_as_nothing() -> None:
    ahead = Ahead()
    ahead.size = None
    await ahead.mod("example.test/a")
    assert ahead.watch.ahead == []


async def test_what_failed_is_tried_again_at_the_next_occasion() -> None:
    ahead = Ahead()
    ahead.error = Unavailable("down")
    await ahead.mod("example.test/a")
    assert ahead.watch.ahead == [("failed", 0)] * 2
    ahead.error = None
    await ahead.mod("example.test/a")
    assert len(ahead.ensured) == 4
    assert ahead.watch.ahead.count(("stored", 100)) == 2


async def test_work_that_comes_just_as_the_last_worker_leaves_is_done() -> None:
    """The moment between the end of a worker and its callbacks, in which it no longer looks."""
    ahead = Ahead(PrefetchSettings(concurrency=1))
    request = checked(Kind.MOD, "example.test/a", "v1.0.0")
    ahead.inner.answers[request.url_path] = b"module example.test/a\n"
    await ahead.source.fetch(ONE, request)
    (worker,) = ahead.source._workers
    while not worker.done():
        await asyncio.sleep(0)
        if worker.done():
            ahead.source._enqueue(ONE, checked(Kind.MOD, "example.test/b", "v1.0.0"))
    await settled()
    assert "example.test/b@v1.0.0 mod" in ahead.ensured


async def test_closing_ends_what_runs_and_begins_nothing_new() -> None:
    ahead = Ahead(PrefetchSettings(concurrency=1))
    ahead.gate.clear()
    await ahead.mod("example.test/a")
    await ahead.source.close()
    assert ahead.inner.closed
    await ahead.mod("example.test/b")
    assert ahead.ensured == ["example.test/a@v1.0.0 zip"]
    assert all(worker.done() for worker in ahead.source._workers)


@pytest.mark.parametrize(
    "body", [b"\x00", b"module (", b"require x v1\n", b"module m\nrequire example.test/b/v2 v1.0.0\n"]
)
async def test_a_go_mod_that_cannot_be_read_announces_no_requirements(body: bytes) -> None:
    ahead = Ahead()
    await ahead.mod("example.test/a", body=body)
    assert sorted(ahead.ensured) == ["example.test/a@v1.0.0 info", "example.test/a@v1.0.0 zip"]


async def test_over_a_real_cache_one_fetch_each_and_the_bytes_are_there(
    stack: Stack, small: BuiltModule
) -> None:
    source = PrefetchSource(
        stack.cached,
        stack.cached.ensure,
        PrefetchSettings(),
        clock=stack.clock,
        private=Ahead.private,
        watch=stack.watch,
    )
    assert await read(await source.fetch(ONE, asked(small, "mod"))) == small.mod
    answers = await asyncio.gather(*[source.fetch(ONE, asked(small, kind)) for kind in ("info", "zip")])
    assert [await read(answer) for answer in answers] == [small.info, small.zip]
    await stack.quiet()
    await settled()
    assert set(stack.inner.counts.values()) == {1}
    assert len(stack.inner.counts) == 3
    await source.close()
