"""Every fill is verified once, at the door, before anything is stored or wholly passed on.

A `.mod` and a `.zip` must have the sums that the checksum database proves; a zip must keep Go's zip
rules and carry the very go.mod that `.mod` serves. Where a module is exempt from the database, what
this gate saw first stands, and a later difference is `Tampered`; a zip is the first sight of its go.mod
as well. The steps:

1. The sums are looked up beside the upstream's head, so the head of the answer leaves only when it
   is known what the bytes must hash to.
2. A go.mod is compared at once. A zip is checked whole, in a thread, when it is there.
3. What was established is recorded in the ledger, and in the gate's own checksum log where it has one:
   before an exempt version is passed on, beside the answer where the database proves it anyway.

What was stored without the database's proof (it was off or exempt, or the store was copied without its
notes) is proved before it is served once the database covers it.
"""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Invalid, ModgateError, Tampered, Unavailable, Unverified
from modgate.gomod import dirhash, modzip
from modgate.gomod.protocol import Kind, Request
from modgate.model import Answer, Facts, Sums, Verification, VerificationRecord
from modgate.source.bodies import close_body, small_body
from modgate.source.spans import told_of_proof
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any, BinaryIO

    from modgate.gomod.types import ModuleVersion
    from modgate.model import Blob, ChecksumDatabase, Context, ModuleSource, RunOverBody
    from modgate.model.ledger import Sights

__all__ = ["VerifiedSource", "stored_sums"]

_REMEMBERED = 50_000

T = TypeVar("T")


class VerifiedSource:
    """Checks what the inner source brings (`model.ModuleSource`)."""

    def __init__(
        self,
        inner: ModuleSource,
        database: ChecksumDatabase,
        ledger: Sights,
        *,
        clock: Callable[[], float],
        count: Callable[[str], None] = lambda _result: None,
        logged: Callable[[ModuleVersion, Sums], Awaitable[None]] | None = None,
    ) -> None:
        self._inner = inner
        self._logged = logged
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._count = count
        self._recording: set[asyncio.Task[None]] = set()
        self._proved: OrderedDict[str, str] = OrderedDict()

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The inner answer, verified (`.mod`) or with the check its body must pass (`.zip`)."""
        if request.kind not in {Kind.MOD, Kind.ZIP}:
            return await self._inner.fetch(ctx, request)
        version = request.module_version
        if not self._database.covers(version.path):
            return await self._exempt(ctx, request, version)
        sums, answer = await _both(self._sums(ctx, version), self._inner.fetch(ctx, request))
        try:
            self._require(sums, request, version)
            if ctx.head:
                return answer
            if request.kind is Kind.MOD:
                return await self._mod(answer, version, sums)
        except ModgateError:
            await close_body(answer)
            self._count("refused")
            raise
        answer.verified = sums.verified

        async def check(run: RunOverBody) -> Facts:
            h1, _ = await self._checked(run, version, sums)
            facts = Facts(h1, sums.verified)
            self._count(sums.verified)
            self._record_soon(version, "zip", facts)
            if self._logged is not None:
                self._soon(self._logged(version, sums))
            return facts

        answer.check = check
        return answer

    async def proves(self, ctx: Context, request: Request, blob: Blob) -> Verification | None:
        """How a stored object is proved by now; None where its bytes are not what the database says.

        Raises what the database raises: what it should prove and does not is not served.
        """
        stored = Verification(blob.meta.verified)
        if stored is Verification.SUMDB or request.kind not in {Kind.MOD, Kind.ZIP}:
            return stored
        version = request.module_version
        if not self._database.covers(version.path):
            return stored
        if self._proved.get(blob.key) != blob.meta.sha256:
            sums = await self._sums(ctx, version)
            self._require(sums, request, version)
            if not await _is(sums, request, version, blob):
                self._count("refused")
                return None
            self._count(sums.verified)
            self._proved[blob.key] = blob.meta.sha256
            while len(self._proved) > _REMEMBERED:
                self._proved.popitem(last=False)
        return Verification.SUMDB

    async def close(self) -> None:
        """Finish recording, close the inner source."""
        if self._recording:
            _, late = await asyncio.wait(self._recording, timeout=5)
            for task in late:
                task.cancel()
        await self._inner.close()

    async def _sums(self, ctx: Context, version: ModuleVersion) -> Sums:
        with tracing.span("checksum.lookup", _about(version)) as span:
            sums = await self._database.sums(ctx, version)
            span.set({"modgate.verified": sums.verified.value})
            return sums

    def _require(self, sums: Sums, request: Request, version: ModuleVersion) -> None:
        if not (sums.mod and (sums.zip or request.kind is Kind.MOD)):
            raise Unverified(
                "the checksum database has this version without the sum that is needed", where=str(version)
            )

    async def _mod(self, answer: Answer, version: ModuleVersion, sums: Sums) -> Answer:
        answer.body = await small_body(answer)
        with tracing.span("verify", _about(version)) as span:
            h1 = dirhash.hash_go_mod(answer.body)
            if h1 != sums.mod:
                raise _mismatch("go.mod", version, h1, sums.mod, "the checksum database")
            span.set(told_of_proof(sums.verified))
        answer.verified = sums.verified
        self._count(sums.verified)
        self._record_soon(version, "mod", Facts(h1, sums.verified))
        return answer

    async def _exempt(self, ctx: Context, request: Request, version: ModuleVersion) -> Answer:
        """No database: what was seen first stands. The ledger is the judge, so it must answer."""
        if ctx.head:
            return await self._inner.fetch(ctx, request)
        if request.kind is Kind.MOD:
            answer = await self._inner.fetch(ctx, request)
            answer.body = await small_body(answer)
            facts = await self._compare(version, "mod", dirhash.hash_go_mod(answer.body))
            answer.verified = facts.verified
            return answer
        recorded, answer = await _both(self._recorded(version), self._inner.fetch(ctx, request))
        answer.verified = recorded.verified

        async def check(run: RunOverBody) -> Facts:
            h1, mod_h1 = await self._checked(run, version, recorded)
            await self._compare(version, "mod", mod_h1)
            facts = await self._compare(version, "zip", h1)
            if self._logged is None:
                return facts
            try:
                await self._logged(version, Sums(h1, mod_h1, facts.verified))
            except Unavailable:
                self._count("unrecorded")  # a lookup of it asks the log once more
                return facts
            return Facts(h1, Verification.LOG)

        answer.check = check
        return answer

    async def _recorded(self, version: ModuleVersion) -> Sums:
        """What was seen first of an exempt version; sums that were never seen are empty."""
        mod = await self._ledger.seen(version, "mod")
        zipped = await self._ledger.seen(version, "zip")
        verified = Verification.LOCAL if zipped else Verification.NONE
        return Sums(zipped.h1 if zipped else "", mod.h1 if mod else "", verified)

    async def _compare(self, version: ModuleVersion, kind: str, h1: str) -> Facts:
        now = self._clock()
        mine = VerificationRecord(version, kind, h1, Verification.NONE, now)
        stands = await self._ledger.first_seen(mine)
        if stands.h1 != h1:
            self._count("refused")
            raise _mismatch(kind, version, h1, stands.h1, "what this gate saw first")
        verified = Verification.NONE if stands is mine or stands.first_seen == now else Verification.LOCAL
        self._count(verified)
        return Facts(h1, verified)

    async def _checked(self, run: RunOverBody, version: ModuleVersion, sums: Sums) -> tuple[str, str]:
        """The h1 of a zip that keeps the rules and of its go.mod: equal to the sums that are known."""
        with tracing.span("verify", _about(version)) as span:
            found = await self._compared(run, version, sums)
            span.set(told_of_proof(sums.verified))
            return found

    async def _compared(self, run: RunOverBody, version: ModuleVersion, sums: Sums) -> tuple[str, str]:
        try:
            h1, mod_h1 = await run(lambda file: _zip_sums(version, file))
        except Invalid as error:
            self._count("refused")
            raise Unavailable(
                f"the upstream's zip breaks Go's rules: {error.what}", where=str(version), kind="bad-answer"
            ) from error
        except Tampered:
            self._count("refused")
            raise
        if sums.zip and h1 != sums.zip:
            self._count("refused")
            source = "the checksum database" if sums.verified is Verification.SUMDB else "what was seen first"
            raise _mismatch("zip", version, h1, sums.zip, source)
        if sums.mod and mod_h1 != sums.mod:
            self._count("refused")
            raise _mismatch("go.mod inside the zip", version, mod_h1, sums.mod, "the go.mod that is served")
        return h1, mod_h1

    def _record_soon(self, version: ModuleVersion, kind: str, facts: Facts) -> None:
        """Record beside the answer: the database's proof can be had again, so nobody waits for it."""
        record = VerificationRecord(version, kind, facts.h1, facts.verified, self._clock())

        self._soon(self._ledger.first_seen(record))

    def _soon(self, work: Awaitable[object]) -> None:
        async def write() -> None:
            try:
                await work
            except ModgateError:
                self._count("unrecorded")

        task = asyncio.create_task(write())
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)


def _about(version: ModuleVersion) -> dict[str, tracing.Value | None]:
    return {"module.name": version.path, "module.version": version.version}


def _zip_sums(version: ModuleVersion, file: BinaryIO) -> tuple[str, str]:
    """The h1 of a zip and of its go.mod (of the line `module PATH` where it has none)."""
    facts = modzip.check_zip(version, file)
    go_mod = facts.go_mod if facts.go_mod is not None else modzip.canonical_go_mod(version)
    return facts.h1, dirhash.hash_go_mod(go_mod)


async def stored_sums(version: ModuleVersion, blob: Blob) -> tuple[str, str]:
    """The h1 of a stored zip, and of its go.mod.

    Raises Unavailable: `bad-answer` where it is no module zip, although the bytes are those that were stored.
    """
    path = blob.path
    body = b"" if path is not None else await blob.read()

    def read() -> tuple[str, str]:
        with io.BytesIO(body) if path is None else path.open("rb") as file:
            return _zip_sums(version, file)

    try:
        return await asyncio.to_thread(read)
    except Invalid as error:
        raise Unavailable(
            f"the stored zip breaks Go's rules: {error.what}", where=str(version), kind="bad-answer"
        ) from error
    except OSError as error:
        raise Unavailable(f"cannot read the store: {error.strerror}", where=str(version)) from error


async def _is(sums: Sums, request: Request, version: ModuleVersion, blob: Blob) -> bool:
    """Whether a stored object has its sums. Raises Unavailable where it cannot be read."""
    if request.kind is Kind.MOD:
        return dirhash.hash_go_mod(await blob.read()) == sums.mod
    try:
        return await stored_sums(version, blob) == (sums.zip, sums.mod)
    except Unavailable as error:
        if error.kind != "bad-answer":
            raise
        return False


def _mismatch(what: str, version: ModuleVersion, got: str, want: str, source: str) -> Tampered:
    return Tampered(
        f"SECURITY: the upstream's {what} hashes to {got}, but {source} says {want}",
        where=str(version),
        next_step="nothing was stored or passed on; ask who changed the upstream, do not switch checks off",
    )


async def _both(sums: Coroutine[Any, Any, T], answer: Coroutine[Any, Any, Answer]) -> tuple[T, Answer]:
    """Both at once; an upstream that has nothing to give is the answer, whatever the database says.

    However it ends but well, the answer's body is closed: it may hold a connection.
    """
    first = asyncio.ensure_future(sums)
    second = asyncio.ensure_future(answer)
    first.add_done_callback(_seen)
    try:
        await asyncio.wait({second})
        head = second.result()
        return await first, head
    except BaseException:
        second.cancel()
        await asyncio.wait({second})
        if not second.cancelled() and second.exception() is None:
            await close_body(second.result())
        raise
    finally:
        first.cancel()


def _seen(future: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for."""
    if not future.cancelled():
        future.exception()
