"""What must agree before anything is stored or wholly passed on, and who decides where nothing proves it."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Absent, ModgateError, Tampered, Unavailable, Unverified
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.memory import MemoryLedger
from modgate.model import Sums, Verification, VerificationRecord
from modgate.source.verified import VerifiedSource
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from tests.source.conftest import CTX, Stack, asked, feed
from tests.support.modules import BuiltModule, go_mod_h1, make_zip, zip_h1
from tests.support.sources import Clock, Feed, ScriptedSource, TableDatabase, read, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path
    from typing import BinaryIO

    from modgate.model import Answer, BlobStore, Facts


def version_of(built: BuiltModule) -> ModuleVersion:
    return ModuleVersion(ModulePath(built.path), Version(built.version))


def other_zip(built: BuiltModule, *, go_mod: bytes | None = b"", file: bytes = b"package other\n") -> bytes:
    """A zip that keeps the rules and is not the right one; `go_mod` empty is the right one, None none."""
    prefix = f"{built.path}@{built.version}/"
    files = {prefix + "other.go": file}
    if go_mod is not None:
        files[prefix + "go.mod"] = go_mod or built.mod
    return make_zip(files)


async def proved(answer: Answer, data: bytes) -> Facts:
    async def run(function: Callable[[BinaryIO], Any]) -> Any:
        return function(io.BytesIO(data))

    assert answer.check is not None
    return await answer.check(run)


def gone(stack: Stack, built: BuiltModule, kind: str, data: bytes) -> Feed | None:
    """From now on the upstream gives other bytes."""
    request = asked(built, kind)
    if kind != "zip":
        stack.inner.answers[request.url_path] = data
        return None
    body = Feed(len(data))
    body._queue.put_nowait(data)
    body._queue.put_nowait(None)
    stack.inner.answers[request.url_path] = body
    return body


@pytest.mark.parametrize("kind", ["mod", "zip"])
async def test_what_the_database_does_not_say_is_refused_and_nothing_is_stored(
    stack: Stack, small: BuiltModule, kind: str
) -> None:
    bad = other_zip(small) if kind == "zip" else small.mod + b"\n// changed\n"
    body = gone(stack, small, kind, bad)
    with pytest.raises(Tampered, match="SECURITY"):
        await read(await stack.cached.fetch(CTX, asked(small, kind)))
    assert await stack.store.get(asked(small, kind).url_path) is None
    assert body is None or body.closed
    assert stack.counted == ["refused"]


async def test_a_recompressed_zip_keeps_its_h1_and_passes(stack: Stack, small: BuiltModule) -> None:
    prefix = f"{small.path}@{small.version}/"
    again = make_zip(
        {
            prefix + "small.go": b'package small\n\n\nconst Version = "example.test/small@v1.0.0"\n',
            prefix + "go.mod": small.mod,
        },
        store=True,
    )
    assert again != small.zip
    gone(stack, small, "zip", again)
    assert await read(await stack.cached.fetch(CTX, asked(small, "zip"))) == again


async def test_a_zip_whose_go_mod_is_not_the_one_that_is_proved_is_refused(
    stack: Stack, small: BuiltModule
) -> None:
    """The database may have been filled from a broken origin: zip and go.mod must agree as well."""
    bad = other_zip(small, go_mod=b"module example.test/evil\n")
    stack.database.table[str(version_of(small))] = Sums(zip_h1(bad), go_mod_h1(small.mod), Verification.SUMDB)
    gone(stack, small, "zip", bad)
    with pytest.raises(Tampered, match=r"go\.mod inside the zip"):
        await read(await stack.cached.fetch(CTX, asked(small, "zip")))


async def test_a_zip_without_go_mod_agrees_with_the_line_that_names_the_module(
    stack: Stack, small: BuiltModule
) -> None:
    bare = other_zip(small, go_mod=None)
    key = str(version_of(small))
    line = b"module example.test/small\n"
    stack.database.table[key] = Sums(zip_h1(bare), go_mod_h1(line), Verification.SUMDB)
    gone(stack, small, "zip", bare)
    gone(stack, small, "mod", line)
    assert await read(await stack.cached.fetch(CTX, asked(small, "mod"))) == line
    assert await read(await stack.cached.fetch(CTX, asked(small, "zip"))) == bare


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x05\x06" + bytes(17), b"<html>"])
async def test_a_zip_that_breaks_the_rules_is_a_broken_answer(
    stack: Stack, small: BuiltModule, data: bytes
) -> None:
    for exempt in ((), (small.path,)):
        gate = stack.again(database=TableDatabase(small, exempt=exempt))
        gone(gate, small, "zip", data)
        with pytest.raises(ModgateError) as caught:
            await read(await gate.cached.fetch(CTX, asked(small, "zip")))
        assert isinstance(caught.value, (Unavailable, Tampered))
        assert await gate.store.get(asked(small, "zip").url_path) is None
        await gate.cached.close()


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Unverified("not in the database"), Unverified),
        (Unavailable("database away", kind="timeout"), Unavailable),
        (Tampered("fork"), Tampered),
        (Sums("", "h1:x", Verification.SUMDB), Unverified),
        (Sums("h1:x", "", Verification.SUMDB), Unverified),
    ],
)
async def test_without_the_databases_word_nothing_is_passed_on_and_the_body_is_closed(
    stack: Stack, big: BuiltModule, refusal: Sums | ModgateError, kind: type[ModgateError]
) -> None:
    stack.database.table[str(version_of(big))] = refusal
    body = feed(stack, big)
    for ctx in (replace(CTX, head=True), CTX):
        with pytest.raises(kind):
            await stack.cached.fetch(ctx, asked(big, "zip"))
    assert body.closed


async def test_the_upstreams_absence_is_the_answer_whatever_the_database_says(
    stack: Stack, small: BuiltModule
) -> None:
    stack.database.table[str(version_of(small))] = Unavailable("database away")
    stack.inner.answers.clear()
    with pytest.raises(Absent):
        await stack.cached.fetch(CTX, asked(small, "zip"))


async def test_a_stop_while_the_database_is_awaited_closes_the_body(stack: Stack, big: BuiltModule) -> None:
    body = feed(stack, big)
    stack.database.gate.clear()
    client = asyncio.create_task(stack.cached.fetch(CTX, asked(big, "zip")))
    await settled()
    await stack.cached.close()
    with pytest.raises(Unavailable):
        await client
    assert body.closed


async def test_exempt_the_first_sight_stands_also_after_a_restart(stack: Stack, small: BuiltModule) -> None:
    for order in (("mod", "zip"), ("zip", "mod")):
        inner, ledger = ScriptedSource(), MemoryLedger(clock=Clock())
        inner.add(small)
        clock = Clock()

        def gate() -> VerifiedSource:
            return VerifiedSource(inner, TableDatabase(exempt=(small.path,)), ledger, clock=clock)  # noqa: B023  used at once

        for proof in (Verification.NONE, Verification.LOCAL):
            source = gate()
            for kind in order:
                answer = await source.fetch(CTX, asked(small, kind))
                if kind == "zip":
                    assert (await proved(answer, small.zip)).verified is proof
                elif order[0] == "mod":
                    assert answer.verified is proof
                else:
                    assert answer.verified is Verification.LOCAL or proof is Verification.NONE
            clock.now += 1
        inner.answers[asked(small, "mod").url_path] = small.mod + b"// moved\n"
        with pytest.raises(Tampered, match="saw first"):
            await gate().fetch(CTX, asked(small, "mod"))
        with pytest.raises(Tampered, match="seen first"):
            await proved(await gate().fetch(CTX, asked(small, "zip")), other_zip(small))
        with pytest.raises(Tampered, match=r"go\.mod inside"):
            await _zip_with_recorded_mod_only(ledger, small, gate())


async def _zip_with_recorded_mod_only(
    ledger: MemoryLedger, small: BuiltModule, source: VerifiedSource
) -> None:
    ledger._records.pop((version_of(small), "zip"))
    await proved(
        await source.fetch(CTX, asked(small, "zip")), other_zip(small, go_mod=b"module example.test/evil\n")
    )


async def test_exempt_a_retagged_version_is_refused_although_the_cache_lost_it(
    stack: Stack, small: BuiltModule
) -> None:
    gate = stack.again(database=TableDatabase(exempt=(small.path,)))
    assert (await gate.cached.fetch(CTX, asked(small, "zip"))).verified is Verification.NONE
    await gate.quiet()
    await gate.store.remove(asked(small, "zip").url_path)
    gone(gate, small, "zip", other_zip(small))
    with pytest.raises(Tampered):
        await read(await gate.cached.fetch(CTX, asked(small, "zip")))
    assert ("tampered", asked(small, "zip").url_path) in gate.watch.alerts
    await gate.cached.close()


@pytest.fixture(params=["memory", "disk"])
async def before(
    request: pytest.FixtureRequest, tmp_path: Path, small: BuiltModule
) -> AsyncIterator[Callable[[bytes, bytes], Awaitable[Stack]]]:
    """What an exempt gate stored, and then the gate over it for which the database covers the module."""
    store: BlobStore = MemoryStore(64 << 20)
    if request.param == "disk":
        store = await DiskStore.open(tmp_path / "store", clock=Clock())
    gates: list[Stack] = []

    async def build(mod: bytes, zipped: bytes) -> Stack:
        inner = ScriptedSource()
        inner.add(small)
        exempt = Stack(inner, TableDatabase(exempt=(small.path,)), store)
        gone(exempt, small, "mod", mod)
        gone(exempt, small, "zip", zipped)
        for kind in ("mod", "zip"):
            await read(await exempt.cached.fetch(CTX, asked(small, kind)))
        await exempt.quiet()
        inner.add(small)
        inner.counts.clear()
        gates.extend([exempt, covering := exempt.again(database=TableDatabase(small))])
        return covering

    yield build
    for gate in gates:
        await gate.cached.close()
    await store.close()


@pytest.mark.parametrize("kind", ["mod", "zip"])
async def test_what_was_stored_unproved_is_proved_once_the_database_covers_it(
    before: Callable[[bytes, bytes], Awaitable[Stack]], small: BuiltModule, kind: str
) -> None:
    gate = await before(small.mod, small.zip)
    for _ in range(2):
        answer = await gate.cached.fetch(CTX, asked(small, kind))
        assert (await read(answer), answer.verified) == (getattr(small, kind), Verification.SUMDB)
    assert (gate.counted, gate.watch.alerts) == (["sumdb"], [])
    assert not gate.inner.counts


@pytest.mark.parametrize("kind", ["mod", "zip"])
async def test_what_was_stored_unproved_and_is_wrong_is_set_aside_and_fetched(
    before: Callable[[bytes, bytes], Awaitable[Stack]], small: BuiltModule, kind: str
) -> None:
    evil = b"module example.test/small\n\nrequire example.test/evil v1.0.0\n"
    gate = await before(evil, other_zip(small, go_mod=evil))
    answer = await gate.cached.fetch(CTX, asked(small, kind))
    assert (await read(answer), answer.verified) == (getattr(small, kind), Verification.SUMDB)
    assert gate.watch.alerts == [("tampered", asked(small, kind).url_path)]
    await gate.quiet()
    blob = await gate.store.get(asked(small, kind).url_path)
    assert blob is not None
    assert (await blob.read(), blob.meta.verified) == (getattr(small, kind), "sumdb")


@pytest.mark.parametrize("error", [Unavailable("database away"), Unverified("unknown"), Tampered("fork")])
async def test_what_was_stored_unproved_is_neither_served_nor_lost_without_the_database(
    before: Callable[[bytes, bytes], Awaitable[Stack]], small: BuiltModule, error: ModgateError
) -> None:
    gate = await before(small.mod, small.zip)
    gate.database.table[str(version_of(small))] = error
    with pytest.raises(type(error), match=error.what):
        await gate.cached.fetch(CTX, asked(small, "zip"))
    offline = await gate.cached.fetch(replace(CTX, fetch=False), asked(small, "zip"))
    assert (await read(offline), offline.verified) == (small.zip, Verification.NONE)
    assert gate.watch.alerts == []


async def test_exempt_a_zip_alone_costs_one_fetch_and_fixes_its_go_mod(
    stack: Stack, small: BuiltModule
) -> None:
    gate = stack.again(database=TableDatabase(exempt=(small.path,)))
    await read(await gate.cached.fetch(CTX, asked(small, "zip")))
    assert dict(gate.inner.counts) == {asked(small, "zip").url_path: 1}
    gone(gate, small, "mod", b"module example.test/evil\n")
    with pytest.raises(Tampered):
        await gate.cached.fetch(CTX, asked(small, "mod"))
    await gate.cached.close()


async def test_with_a_dead_ledger_exempt_modules_fail_closed_and_proved_ones_go_on(
    stack: Stack, big: BuiltModule, small: BuiltModule
) -> None:
    gate = stack.again(database=TableDatabase(big, exempt=(small.path,)))
    await gate.ledger.close()
    body = feed(gate, small)
    for kind in ("mod", "zip"):
        for _ in range(2):
            with pytest.raises(Unavailable):
                await gate.cached.fetch(CTX, asked(small, kind))
        assert await gate.store.get(asked(small, kind).url_path) is None
    assert body.closed
    for kind in ("mod", "zip"):
        assert await read(await gate.cached.fetch(CTX, asked(big, kind))) == big.bytes_of(kind)
    await settled()
    assert gate.counted.count("unrecorded") == 2
    await gate.cached.close()


async def test_what_the_database_proved_is_recorded_beside_the_answer(
    stack: Stack, small: BuiltModule
) -> None:
    for kind in ("mod", "zip"):
        await read(await stack.cached.fetch(CTX, asked(small, kind)))
    await settled()
    for kind, h1 in (("mod", small.mod_h1), ("zip", small.h1)):
        record = await stack.ledger.seen(version_of(small), kind)
        assert record == VerificationRecord(version_of(small), kind, h1, "sumdb", stack.clock.now)


async def test_what_has_no_hash_passes_unchanged(stack: Stack, small: BuiltModule) -> None:
    answer = await stack.cached.fetch(CTX, asked(small, "info"))
    assert json.loads(await read(answer))["Version"] == "v1.0.0"
    assert answer.verified is Verification.NONE
