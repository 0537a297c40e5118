"""What enters the gate's own checksum log: what was proved or seen first, before or beside the answer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Denied, Tampered, Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model import BlobMeta, Sums, Verification, VerificationRecord
from modgate.source.authority import LogAuthority
from modgate.source.bodies import drain
from modgate.source.verified import VerifiedSource
from tests.source.conftest import CTX, Stack, asked
from tests.support.modules import BuiltModule, go_mod_h1, zip_h1
from tests.support.sources import Clock, TableDatabase, read, settled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.errors import ModgateError
    from modgate.gomod.protocol import Request
    from modgate.ledger.memory import MemoryLedger
    from modgate.model import Context


class Log:
    """Remembers what it was given; `error` is raised instead."""

    def __init__(self, error: ModgateError | None = None) -> None:
        self.error = error
        self.entries: list[tuple[str, Sums]] = []

    async def __call__(self, version: ModuleVersion, sums: Sums) -> None:
        if self.error is not None:
            raise self.error
        self.entries.append((str(version), sums))


def version_of(built: BuiltModule) -> ModuleVersion:
    return ModuleVersion(ModulePath(built.path), Version(built.version))


def logging(stack: Stack, log: Log, *exempt: str) -> Stack:
    database = TableDatabase(exempt=exempt)
    database.table = stack.database.table
    inner = VerifiedSource(
        stack.inner,
        database,
        stack.ledger,
        clock=stack.clock,
        count=stack.counted.append,
        logged=log,
    )
    return stack.again(verified=inner, database=database)


def authority_over(
    stack: Stack, database: TableDatabase, fill: Callable[[Context, Request], Awaitable[object]]
) -> LogAuthority:
    return LogAuthority(database, fill, stack.ledger, stack.store, clock=stack.clock)


async def test_an_exempt_version_is_logged_before_it_is_passed_on(stack: Stack, small: BuiltModule) -> None:
    log = Log()
    made = logging(stack, log, small.path)
    answer = await made.cached.fetch(CTX, asked(small, "zip"))
    assert await read(answer) == small.zip
    assert answer.verified is Verification.LOG
    assert [(name, sums.zip, sums.mod) for name, sums in log.entries] == [
        (f"{small.path}@{small.version}", zip_h1(small.zip), go_mod_h1(small.mod))
    ]
    await made.quiet()
    hit = await made.cached.fetch(CTX, asked(small, "zip"))
    assert hit.verified is Verification.LOG
    await made.cached.close()


async def test_a_log_that_is_down_keeps_nobody_waiting_for_a_module(stack: Stack, small: BuiltModule) -> None:
    made = logging(stack, Log(Unavailable("locked")), small.path)
    answer = await made.cached.fetch(CTX, asked(small, "zip"))
    assert await read(answer) == small.zip
    assert answer.verified is Verification.NONE
    assert "unrecorded" in stack.counted
    await made.cached.close()


async def test_what_the_log_has_otherwise_is_not_passed_on(stack: Stack, small: BuiltModule) -> None:
    made = logging(stack, Log(Tampered("its sums differ from record 3")), small.path)
    with pytest.raises(Tampered, match="record 3"):
        await read(await made.cached.fetch(CTX, asked(small, "zip")))
    assert await made.store.get(asked(small, "zip").url_path) is None
    await made.cached.close()


async def test_a_proved_version_is_logged_beside_the_answer(stack: Stack, small: BuiltModule) -> None:
    log = Log()
    made = logging(stack, log)
    answer = await made.cached.fetch(CTX, asked(small, "zip"))
    assert await read(answer) == small.zip
    assert answer.verified is Verification.SUMDB
    await made.quiet()
    await settled()
    assert [sums.verified for _, sums in log.entries] == [Verification.SUMDB]
    await made.cached.close()


class Fills:
    """Fills nothing, and says who asked; the ledger gets the record that a fill would leave."""

    def __init__(self, ledger: MemoryLedger, built: BuiltModule, clock: Clock) -> None:
        self.asked: list[tuple[str, str]] = []
        self._ledger = ledger
        self._built = built
        self._clock = clock

    async def __call__(self, ctx: Context, request: Request) -> None:
        self.asked.append((ctx.principal, request.url_path))
        version = version_of(self._built)
        sums = {"zip": zip_h1(self._built.zip), "mod": go_mod_h1(self._built.mod)}
        for kind, h1 in sums.items():
            await self._ledger.first_seen(VerificationRecord(version, kind, h1, "none", self._clock()))


async def test_the_authority_fills_a_private_version_and_asks_the_database_for_a_public_one(
    stack: Stack, small: BuiltModule, big: BuiltModule
) -> None:
    database = TableDatabase(small, big, exempt=(small.path,))
    fills = Fills(stack.ledger, small, stack.clock)
    authority = authority_over(stack, database, fills)
    private = await authority.sums(CTX, version_of(small))
    assert (private.zip, private.mod) == (zip_h1(small.zip), go_mod_h1(small.mod))
    assert private.verified is Verification.LOCAL
    assert fills.asked == [("anonymous", asked(small, "zip").url_path)]
    public = await authority.sums(CTX, version_of(big))
    assert public.verified is Verification.SUMDB
    assert len(fills.asked) == 1
    alone = LogAuthority(database, fills, stack.ledger, stack.store, clock=stack.clock, public=False)
    with pytest.raises(Denied, match="private modules only"):
        await alone.sums(CTX, version_of(big))


async def test_the_authority_asks_for_the_right_to_a_version_that_lies_ready(
    stack: Stack, small: BuiltModule
) -> None:
    database = TableDatabase(exempt=(small.path,))
    await Fills(stack.ledger, small, stack.clock)(CTX, asked(small, "zip"))

    async def refuse(_ctx: Context, _request: Request) -> None:
        raise Denied("mallory may not read this module")

    with pytest.raises(Denied, match="mallory"):
        await authority_over(stack, database, refuse).sums(CTX, version_of(small))


async def nothing(_ctx: Context, _request: Request) -> None:
    """It lies in the store already, or cannot be stored."""


async def put(stack: Stack, built: BuiltModule, kind: str, data: bytes) -> None:
    meta = BlobMeta(sha256=hashlib.sha256(data).hexdigest(), size=len(data), stored_at=stack.clock())
    await stack.store.put(asked(built, kind).url_path, data, meta)


async def test_what_is_stored_and_in_no_ledger_is_seen_first_when_the_log_asks(
    stack: Stack, small: BuiltModule
) -> None:
    await put(stack, small, "zip", small.zip)
    authority = authority_over(stack, TableDatabase(exempt=(small.path,)), nothing)
    for _ in range(2):
        sums = await authority.sums(CTX, version_of(small))
        assert (sums.zip, sums.mod) == (zip_h1(small.zip), go_mod_h1(small.mod))
    seen = [await stack.ledger.seen(version_of(small), kind) for kind in ("zip", "mod")]
    assert [each and each.h1 for each in seen] == [sums.zip, sums.mod]


@pytest.mark.parametrize("how", ["another go.mod is stored", "another go.mod was seen first"])
async def test_stored_parts_that_do_not_belong_together_are_no_record(
    stack: Stack, small: BuiltModule, how: str
) -> None:
    await put(stack, small, "zip", small.zip)
    if how == "another go.mod is stored":
        await put(stack, small, "mod", b"module example.com/other\n")
    else:
        other = VerificationRecord(version_of(small), "mod", go_mod_h1(b"other"), "none", stack.clock())
        await stack.ledger.first_seen(other)
    authority = authority_over(stack, TableDatabase(exempt=(small.path,)), nothing)
    with pytest.raises(Tampered, match="hashes to"):
        await authority.sums(CTX, version_of(small))
    assert await stack.ledger.seen(version_of(small), "zip") is None or how != "another go.mod is stored"


async def test_a_stored_zip_that_is_none_is_broken_not_absent(stack: Stack, small: BuiltModule) -> None:
    await put(stack, small, "zip", b"PK no zip")
    authority = authority_over(stack, TableDatabase(exempt=(small.path,)), nothing)
    with pytest.raises(Unavailable):
        await authority.sums(CTX, version_of(small))


async def test_what_could_not_be_stored_is_no_record(stack: Stack, small: BuiltModule) -> None:
    authority = authority_over(stack, TableDatabase(exempt=(small.path,)), nothing)
    with pytest.raises(Unavailable, match="could not be stored"):
        await authority.sums(CTX, version_of(small))


async def test_draining_reads_a_stream_to_its_end_and_leaves_what_is_stored_alone(
    stack: Stack, big: BuiltModule
) -> None:
    await drain(await stack.cached.fetch(CTX, asked(big, "zip")))
    await stack.quiet()
    assert await stack.store.get(asked(big, "zip").url_path) is not None
    await drain(await stack.cached.fetch(CTX, asked(big, "zip")))
    await drain(await stack.cached.fetch(CTX, asked(big, "mod")))
    assert sum(stack.inner.counts.values()) == 2
