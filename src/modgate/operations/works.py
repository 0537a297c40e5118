"""What operations stand on: the parts of a gate, without its listener."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from modgate.errors import ModgateError
    from modgate.feeds.advisories.sync import Outcome
    from modgate.firewall.engine import Firewall
    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model import Answer, BlobStore, ChecksumDatabase, Context, Ledger, ModuleSource
    from modgate.model.advisory import Advisories
    from modgate.model.inspection import Inspector
    from modgate.operations.records import Records
    from modgate.operations.webhooks import Webhooks

__all__ = ["Bundle", "Syncing", "Way", "Works"]


class Way(Protocol):
    """The verified way into the store: `source.cached.CachedSource`."""

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """As every source."""

    async def ensure(self, ctx: Context, request: Request) -> int | None:
        """Fill an immutable object that is not there and wait for the end; its size if it was filled, None
        if it stood. Raises what the fill raised, and what kept it from being stored.
        """

    async def refresh(self, ctx: Context, request: Request) -> None:
        """Ask the source for a mutable answer now, whatever is stored. Raises what the source raises."""

    async def forget(self, path: ModulePath) -> None:
        """A version came into the store by another way: its lists and queries count no more."""

    async def close(self) -> None:
        """End what is under way, and close the source. For a way that `way_from` made; never for `way`."""


class Syncing(Protocol):
    """The databases of advisories: `wiring.advisories.Following`."""

    @property
    def index(self) -> Advisories:
        """Everything known, of this moment."""

    async def sync(self, *, smaller: bool = False) -> Sequence[Outcome]:
        """Look at all of them now; what came of each. `smaller`: although one lost most of its entries.
        Raises nothing of ours.
        """


class Bundle(Protocol):
    """A folder that an export fills: a store of its own, and the checksum databases' proofs."""

    @property
    def store(self) -> BlobStore:
        """The folder."""

    @property
    def databases(self) -> tuple[str, ...]:
        """The names of the databases that it carries lookups of."""

    async def prove(self, versions: Sequence[ModuleVersion]) -> Mapping[str, ModgateError]:
        """Carry what lookups of these versions need, such that they verify with nobody asked; what could not
        be had, by version. Raises Unavailable where the folder fails.
        """

    async def close(self) -> None:
        """Give the folder back."""


async def _no_bundle(folder: Path) -> Bundle:
    raise Unavailable("nothing can be exported from here", where=str(folder))


@dataclass(frozen=True, slots=True)
class Works:
    """The parts of one gate.

    Attributes:
        store: Where modules are kept.
        ledger: What was seen.
        way: Fills, verified, from where the routes say.
        way_from: The same way with another source in place of the routes: for an import.
        database: The checksum databases that are verified against.
        kept: Whether nothing of a module may be taken from the store to make room, because it may not come
            back: private, restricted and published modules.
        status: The facts of `modgate status`.
        clock: Unix seconds.
        monotonic: Seconds, for durations.
        concurrency: How many fills to have under way at a time.
        serving: Whether these are the parts of a running server.
        bundle: Opens a folder that an export fills, made where it is not there. Raises Unavailable.
        inspector: Looks at the store's files from below; None for a store that has none.
        firewall: What decides about versions; where no policy is configured, it allows everything.
        webhooks: Who is told of what happens, and what waits for them.
        advisories: The databases of advisories; None where nobody follows them.
    """

    store: BlobStore
    ledger: Ledger
    way: Way
    way_from: Callable[[ModuleSource], Way]
    database: ChecksumDatabase
    kept: Callable[[ModulePath], bool]
    status: Callable[[], Awaitable[dict[str, Any]]]
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    concurrency: int
    serving: bool
    bundle: Callable[[Path], Awaitable[Bundle]] = _no_bundle
    inspector: Inspector | None = None
    records: Records | None = None
    advisories: Syncing | None = None
    firewall: Firewall | None = None
    webhooks: Webhooks | None = None
