"""What the stored files of a checksum database say of times: see `firewall.ages`.

A lookup names the place of a version's record, and the ledger keeps which size of the log was seen when. The
time of the first head that contains the record says something only where an earlier one did not: what was
there before this gate began to look may be of any age.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.errors import Absent, Denied, Invalid, ModgateError
from modgate.gomod.module import escape_path, escape_version
from modgate.policy.facts import Unknown
from modgate.sumdb.head import parse_lookup

if TYPE_CHECKING:
    from modgate.gomod.types import ModuleVersion
    from modgate.model import Context
    from modgate.model.ledger import TreeHead
    from modgate.wiring.gate import Gate

__all__ = ["StoredLookups", "known_by"]

_HEADS = 10_000
_HEADS_FOR = 30.0


def known_by(record: int, heads: list[TreeHead], now: float) -> float | None:
    """When a record was first seen to be in a log, in Unix seconds; None where no head without it is known.

    `heads` are those of one log, in any order; where none holds the record, its own is being written.
    """
    if not any(head.size <= record for head in heads):
        return None
    return min((head.seen_at for head in heads if head.size > record), default=now)


class StoredLookups:
    """The times that a gate's own copy of the log tells (`firewall.ages.LogTimes`)."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._heads: dict[str, tuple[float, list[TreeHead]]] = {}

    async def known_by(self, ctx: Context, version: ModuleVersion) -> float | Unknown | None:
        """See `LogTimes`: the version is looked up, as it would be to verify its zip."""
        mirror = self._gate.mirror
        if mirror is None or not mirror.names or not mirror.covers(version.path):
            return None
        name = mirror.names[0]
        file = f"lookup/{escape_path(version.path)}@{escape_version(version.version)}"
        try:
            found = await mirror.fetch(replace(ctx.detached(), consumer=""), name, file)
            record = parse_lookup(found.body)[0]
            return known_by(record, await self._seen(name, record), time.time())
        except (Absent, Invalid, Denied):
            # Nobody but the fill says so: it is refused there, with its reason.
            return None
        except ModgateError as error:
            return Unknown(error.lines()[0])

    async def _seen(self, name: str, record: int) -> list[TreeHead]:
        kept = self._heads.get(name)
        if kept is None or time.monotonic() > kept[0] or all(head.size <= record for head in kept[1]):
            heads = await self._gate.standing.ledger.tree_heads(name, limit=_HEADS)
            kept = self._heads[name] = (time.monotonic() + _HEADS_FOR, heads)
        return kept[1]
