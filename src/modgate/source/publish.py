"""Publishing: a version is taken once, and stays what it is for ever.

The ledger's first sight is the judge. The same content again is a success that changes nothing; other content
is a `Conflict`. The steps, in an order that a crash may cut anywhere:

1. The body is received and checked in temporary objects (`upload`); nothing is visible.
2. What stands already is compared: the stored zip, then the ledger. An `.info` without either is another
   source's, and is removed.
3. The ledger takes the sums: from here on the version belongs to this content, and its time is known.
4. The zip and the `.mod` are stored, durably.
5. The checksum log takes the sums, where there is one.
6. The `.info` is stored: now the version is visible. Its `Time` is that of step 3, so that a repeated publish
   after a crash gives the same bytes.
7. The module's list, and what is remembered of the module elsewhere, are renewed.

A kill before 6 leaves a version that no list shows and that cannot be had; the same content completes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modgate.errors import Conflict, Denied, Invalid, ModgateError, Tampered, Unavailable
from modgate.gomod import dirhash, modzip, protocol
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.protocol import Info, Kind, Request
from modgate.gomod.publishing import go_mod_of
from modgate.gomod.semver import sorted_versions
from modgate.model import BlobMeta, Verification, VerificationRecord
from modgate.source.published import list_of, published_versions
from modgate.source.upload import receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import BinaryIO

    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model import Blob, BlobStore
    from modgate.model.ledger import Sights
    from modgate.source.upload import Upload

__all__ = ["Published", "Publisher"]


@dataclass(frozen=True, slots=True)
class Published:
    """What stands now. `size` is that of the zip in bytes; `created` is false where it stood before."""

    version: ModuleVersion
    h1: str
    h1_mod: str
    size: int
    created: bool


async def _nothing(_version: ModuleVersion, _h1: str, _h1_mod: str) -> None:
    """There is no log."""


async def _forget_nothing(_path: ModulePath) -> None:
    """Nobody remembers anything."""


class Publisher:
    """Takes module versions into a store.

    Args:
        store: Where they are kept; it must not forget.
        ledger: The judge of what a version is.
        clock: Unix seconds.
        patterns: Comma-separated globs over module paths that may be published.
        served: Whether a module's route serves what is published; the content of others would show up beside
            what their own source says of the version.
        logged: Told a version, the h1 of its zip and of its go.mod, before it becomes visible.
        forget: Told a module whose list and newest version changed.
        alert: Told kind, subject and text of a refused second content.
        verified: How versions count as proved: `LOG` where `logged` enters them into the gate's own log.
    """

    def __init__(
        self,
        store: BlobStore,
        ledger: Sights,
        *,
        clock: Callable[[], float],
        patterns: str,
        served: Callable[[ModulePath], bool] = lambda _path: True,
        logged: Callable[[ModuleVersion, str, str], Awaitable[None]] = _nothing,
        forget: Callable[[ModulePath], Awaitable[None]] = _forget_nothing,
        alert: Callable[[str, str, str], None] = lambda _kind, _subject, _text: None,
        verified: Verification = Verification.LOCAL,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._patterns = patterns
        self._served = served
        self._logged = logged
        self._forget = forget
        self._alert = alert
        self._verified = verified
        self._locks: dict[ModulePath, tuple[asyncio.Lock, int]] = {}
        self._generation = 0

    @property
    def generation(self) -> int:
        """Grows with each version that becomes visible."""
        return self._generation

    def check_allowed(self, path: ModulePath) -> None:
        """Raise Denied for a module that may not be published here."""
        if not match_prefix_patterns(self._patterns, path):
            raise Denied(
                "this module may not be published here",
                where=str(path),
                next_step="publish.match names those that may; by default those of publish-only routes",
            )
        if not self._served(path):
            raise Denied(
                "this module's route takes it from elsewhere, so what is published would not be served",
                where=str(path),
                next_step="Ask the gate's operator for a publish-only route before the one that counts now "
                "(`modgate route explain` shows it).",
            )

    async def publish(
        self,
        version: ModuleVersion,
        body: AsyncIterator[bytes],
        *,
        media_type: str = "",
        principal: str = "",
    ) -> Published:
        """Take a version (see `gomod.publishing.publishable`) and the zip or tar of its files.

        `media_type` is the Content-Type, empty for none; `principal` is who an alert names. Raises Denied,
        Invalid (malformed), TooLarge, Conflict, Unavailable, and what the body raises.
        """
        self.check_allowed(version.path)
        upload = await receive(version, body, media_type, self._store)
        try:
            go_mod = go_mod_of(version, upload.facts.go_mod)
            async with self._alone(version.path):
                return await self._settle(version, upload, go_mod)
        except Conflict as error:
            self._alert("publish-conflict", str(version), f"{error.what} (by {principal or 'nobody known'})")
            raise
        finally:
            await upload.writer.aclose()

    async def _settle(self, version: ModuleVersion, upload: Upload, go_mod: bytes) -> Published:
        h1, h1_mod = upload.facts.h1, dirhash.hash_go_mod(go_mod)
        if not await self._compare(version, h1, h1_mod):  # 2
            # What another source left without a zip would be visible too early, and tell of its commit.
            await self._store.remove(Request.exact(Kind.INFO, version).url_path)
        now = self._clock()
        stands = await self._record(version, h1, h1_mod, now)  # 3
        meta = BlobMeta(
            sha256=upload.sha256,
            size=upload.writer.written,
            stored_at=now,
            verified=self._verified,
            h1=h1,
        )
        blob = await self._stored(version, Kind.ZIP)
        if blob is None:
            blob = await upload.writer.commit(meta)  # 4
        await self._put(version, Kind.MOD, go_mod, now)
        await self._logged(version, h1, h1_mod)  # 5
        created = await self._stored(version, Kind.INFO) is None
        if created:
            time = datetime.fromtimestamp(stands.first_seen, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            await self._put(version, Kind.INFO, protocol.encode_info(Info(version.version, time)), now)  # 6
        await self._renew(version.path)  # 7
        return Published(version, h1, h1_mod, blob.meta.size, created)

    async def _compare(self, version: ModuleVersion, h1: str, h1_mod: str) -> bool:
        """Whether its zip is stored or recorded. Raises Conflict where other content is."""
        blob = await self._stored(version, Kind.ZIP)
        known = blob is not None
        if blob is not None:
            _same(version, h1, blob.meta.h1 or await _h1_of(version, blob), "the module stored")
        mod = await self._stored(version, Kind.MOD)
        if mod is not None:
            _same(version, h1_mod, dirhash.hash_go_mod(await mod.read()), "the go.mod stored")
        for kind, mine in (("zip", h1), ("mod", h1_mod)):
            seen = await self._ledger.seen(version, kind)
            if seen is not None:
                _same(version, mine, seen.h1, "the version" if kind == "zip" else "its go.mod")
                known = known or kind == "zip"
        return known

    async def _record(self, version: ModuleVersion, h1: str, h1_mod: str, now: float) -> VerificationRecord:
        zipped = await self._ledger.first_seen(VerificationRecord(version, "zip", h1, self._verified, now))
        _same(version, h1, zipped.h1, "the version")
        mod = await self._ledger.first_seen(VerificationRecord(version, "mod", h1_mod, self._verified, now))
        _same(version, h1_mod, mod.h1, "its go.mod")
        return zipped

    async def _stored(self, version: ModuleVersion, kind: Kind) -> Blob | None:
        """A stored object that is sound; one that rotted is set aside by the store, to be stored again."""
        blob = await self._store.get(Request.exact(kind, version).url_path)
        if blob is not None:
            try:
                await blob.verify()
            except Tampered:
                return None
        return blob

    async def _put(self, version: ModuleVersion, kind: Kind, data: bytes, now: float) -> None:
        meta = BlobMeta(
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            stored_at=now,
            verified=self._verified,
        )
        await self._store.put(Request.exact(kind, version).url_path, data, meta)

    async def _renew(self, path: ModulePath) -> None:
        """Step 7. The list names what it named, and all that is stored whole."""
        kept, confirmed = await list_of(self._store, path)
        found = await published_versions(self._store, path)
        listed = protocol.encode_list(sorted_versions({*kept, *found}))
        if listed != protocol.encode_list(kept):
            # A list made here says nothing about what other sources have: a cache must ask them first.
            meta = BlobMeta(sha256=hashlib.sha256(listed).hexdigest(), size=len(listed), stored_at=confirmed)
            await self._store.replace(Request(Kind.LIST, path).url_path, listed, meta)
        self._generation += 1
        await self._forget(path)

    @contextlib.asynccontextmanager
    async def _alone(self, path: ModulePath) -> AsyncIterator[None]:
        """One at a time for a module, and nothing kept for modules that nobody publishes."""
        lock, users = self._locks.get(path, (asyncio.Lock(), 0))
        self._locks[path] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[path]
            if users == 1:
                del self._locks[path]
            else:
                self._locks[path] = (lock, users - 1)


def _same(version: ModuleVersion, mine: str, stands: str, what: str) -> None:
    if mine != stands:
        raise Conflict(
            f"exists with other content: {what} has {stands}, this one {mine}",
            where=str(version),
            next_step="A published version never changes. Publish the next one, "
            "and retract this one in its go.mod if it is wrong.",
        )


async def _h1_of(version: ModuleVersion, blob: Blob) -> str:
    """The h1 of a stored zip whose notes are lost."""
    path = blob.path
    body = b"" if path is not None else await blob.read()

    def read() -> str:
        source: BinaryIO = io.BytesIO(body) if path is None else path.open("rb")
        with source as file:
            return modzip.check_zip(version, file).h1

    try:
        return await asyncio.to_thread(read)
    except Invalid as error:
        return f"no h1 ({error.what})"
    except ModgateError:
        raise
    except OSError as error:
        raise Unavailable(f"cannot read the store: {error.strerror}", where=str(version)) from error
