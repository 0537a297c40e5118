"""What the gate's own checksum log may record of a version nobody logged yet.

A public module is logged with the sums that the public database proves, nothing else. A module that no
public database hears of is logged with what this gate saw first: the version is filled through the source
stack, as for the client who asks and with that client's rights, and the ledger says its sums. What lies in
the store and not in the ledger (the store came from elsewhere, or the public database covered the module
until now) is seen first now: every client is given these very bytes. Names that a route does not admit are
refused before anything is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Denied, Tampered, Unavailable
from modgate.gomod.dirhash import hash_go_mod
from modgate.gomod.protocol import Kind, Request
from modgate.model import Sums, Verification, VerificationRecord
from modgate.source.scopes import store_key
from modgate.source.verified import stored_sums

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.gomod.types import ModuleVersion
    from modgate.model import Blob, BlobStore, ChecksumDatabase, Context, Ledger

__all__ = ["LogAuthority"]


class LogAuthority:
    """Answers for a `ChecksumLog`.

    Args:
        database: The public database; what it does not cover is taken from the fill.
        fill: Brings an object into the store unless it is there, with the rights of the context.
        ledger: Where fills record what they saw first.
        store: Where fills leave what they brought.
        clock: Unix seconds.
        public: Whether public modules are logged at all.
    """

    def __init__(
        self,
        database: ChecksumDatabase,
        fill: Callable[[Context, Request], Awaitable[object]],
        ledger: Ledger,
        store: BlobStore,
        *,
        clock: Callable[[], float],
        public: bool = True,
    ) -> None:
        self._database = database
        self._fill = fill
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._public = public

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:
        """The sums that may be logged.

        Raises what the database, the source stack or the ledger raises, and Denied for a public module
        where only private ones are logged.
        """
        if self._database.covers(version.path):
            if not self._public:
                raise Denied(
                    "this checksum log records private modules only (checksum_log.public)",
                    where=str(version),
                    next_step="set checksum_log.public on the gate, or GONOSUMDB on the client for this path",
                )
            return await self._database.sums(ctx, version)
        # Also where it was filled before: whether this client may have it is the stack's to say.
        await self._fill(ctx, Request.exact(Kind.ZIP, version))
        return await self._seen(version) or await self._see(ctx, version)

    async def _seen(self, version: ModuleVersion) -> Sums | None:
        zipped = await self._ledger.seen(version, "zip")
        mod = await self._ledger.seen(version, "mod")
        if zipped is None or mod is None:
            return None
        return Sums(zipped.h1, mod.h1, Verification.LOCAL)

    async def _see(self, ctx: Context, version: ModuleVersion) -> Sums:
        """Record the sums of what is stored as the first sight. Raises Tampered, Unavailable."""
        zipped = await self._stored(ctx, Kind.ZIP, version)
        if zipped is None:
            raise Unavailable(
                "the version was fetched and could not be stored, so its sums are not certain",
                where=str(version),
                next_step="see the gate's log for what keeps it from storing",
            )
        h1, mod_h1 = await stored_sums(version, zipped)
        mod = await self._stored(ctx, Kind.MOD, version)
        if mod is not None:
            self._same(version, "the stored go.mod", hash_go_mod(await mod.read()), mod_h1)
        for kind, h in (("zip", h1), ("mod", mod_h1)):
            mine = VerificationRecord(version, kind, h, Verification.NONE, self._clock())
            self._same(version, f"the stored {kind}", h, (await self._ledger.first_seen(mine)).h1)
        return Sums(h1, mod_h1, Verification.LOCAL)

    async def _stored(self, ctx: Context, kind: Kind, version: ModuleVersion) -> Blob | None:
        path = Request.exact(kind, version).url_path
        return await self._store.get(store_key(ctx.credential_scope, path))

    def _same(self, version: ModuleVersion, what: str, found: str, stands: str) -> None:
        if found != stands:
            raise Tampered(
                f"SECURITY: {what} hashes to {found}, and what was seen first to {stands}",
                where=str(version),
                next_step="find out which is right, and remove the other from the gate's store",
            )
