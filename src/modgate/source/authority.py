"""What the gate's own checksum log may record of a version nobody logged yet.

A public module is logged with the sums that the public database proves, nothing else. A module that no
public database hears of is logged with what this gate saw first: the version is filled through the source
stack, as for the client who asks and with that client's rights, and the ledger says its sums. Names that a
route does not admit are refused before anything is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Denied, Unavailable
from modgate.gomod.protocol import Kind, Request
from modgate.model import Sums, Verification

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.gomod.types import ModuleVersion
    from modgate.model import ChecksumDatabase, Context, Ledger

__all__ = ["LogAuthority"]


class LogAuthority:
    """Answers for a `ChecksumLog`.

    Args:
        database: The public database; what it does not cover is taken from the fill.
        fill: Brings an object into the store unless it is there, with the rights of the context.
        ledger: Where fills record what they saw first.
        public: Whether public modules are logged at all.
    """

    def __init__(
        self,
        database: ChecksumDatabase,
        fill: Callable[[Context, Request], Awaitable[object]],
        ledger: Ledger,
        *,
        public: bool = True,
    ) -> None:
        self._database = database
        self._fill = fill
        self._ledger = ledger
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
        known = await self._seen(version)
        if known is None:
            raise Unavailable(
                "the version is stored, but the ledger has no record of its first sight",
                where=str(version),
                next_step="the store was copied without its ledger: remove this version from the store, "
                "so that it is fetched again",
                kind="bad-answer",
            )
        return known

    async def _seen(self, version: ModuleVersion) -> Sums | None:
        zipped = await self._ledger.seen(version, "zip")
        mod = await self._ledger.seen(version, "mod")
        if zipped is None or mod is None:
            return None
        return Sums(zipped.h1, mod.h1, Verification.LOCAL)
