"""A ledger in memory: for tests, and for a gate that keeps nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.ledger.leases import grant, holds

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath, ModuleVersion, Version
    from modgate.model import Alert, Lease, Pin, TreeHead, VerificationRecord

__all__ = ["MemoryLedger"]

_ALERTS_KEPT = 10_000


class MemoryLedger:
    """Records for the life of the process.

    Args:
        clock: Unix seconds, for leases.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[tuple[ModuleVersion, str], VerificationRecord] = {}
        self._heads: dict[str, dict[int, TreeHead]] = {}
        self._alerts: deque[Alert] = deque(maxlen=_ALERTS_KEPT)
        self._leases: dict[str, Lease] = {}
        self._pins: dict[tuple[ModulePath, Version | None], Pin] = {}
        self._closed = False

    async def first_seen(self, record: VerificationRecord) -> VerificationRecord:
        """Add the record unless (version, kind) has one; return the one that stands."""
        await self.ready()
        return self._records.setdefault((record.version, record.kind), record)

    async def seen(self, version: ModuleVersion, kind: str) -> VerificationRecord | None:
        """The standing record."""
        await self.ready()
        return self._records.get((version, kind))

    async def add_tree_head(self, head: TreeHead) -> None:
        """Append to the history of a database; a size already there is kept as it is."""
        await self.ready()
        self._heads.setdefault(head.database, {}).setdefault(head.size, head)

    async def tree_heads(self, database: str, *, limit: int = 100) -> list[TreeHead]:
        """The largest, which is the newest, first."""
        await self.ready()
        heads = self._heads.get(database, {})
        return [heads[size] for size in sorted(heads, reverse=True)[:limit]]

    async def add_alert(self, alert: Alert) -> None:
        """Append an alert."""
        await self.ready()
        self._alerts.appendleft(alert)

    async def alerts(self, *, limit: int = 100) -> list[Alert]:
        """The newest alerts first."""
        await self.ready()
        return list(self._alerts)[:limit]

    async def add_pin(self, pin: Pin) -> bool:
        """Pin; True if it was not pinned. One that was keeps its time and takes the new note."""
        await self.ready()
        standing = self._pins.get((pin.path, pin.version))
        self._pins[pin.path, pin.version] = replace(standing, note=pin.note) if standing else pin
        return standing is None

    async def remove_pin(self, path: ModulePath, version: Version | None) -> bool:
        """Take this very pin back; True if it was there."""
        await self.ready()
        return self._pins.pop((path, version), None) is not None

    async def pins(self) -> list[Pin]:
        """All of them, by path, a whole module before its versions."""
        await self.ready()
        return sorted(self._pins.values(), key=lambda pin: (pin.path, pin.version or ""))

    async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
        """Take or renew the lease. None while another holds it."""
        await self.ready()
        lease = grant(self._leases.get(name), name, holder, now=self._clock(), ttl=ttl)
        if lease is not None:
            self._leases[name] = lease
        return lease

    async def release(self, lease: Lease) -> bool:
        """Give it back early; False if it was no longer this holder's under this token."""
        await self.ready()
        present = self._leases.get(lease.name)
        if present is None or not holds(present, lease, now=self._clock()):
            return False
        self._leases[lease.name] = replace(present, expires_at=0.0)
        return True

    async def ready(self) -> None:
        """Raises Unavailable once closed."""
        if self._closed:
            raise Unavailable("the ledger is closed", kind="stopping")

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
