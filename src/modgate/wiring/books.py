"""The books of the firewall, on one ledger."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.ledger.books import (
    SqlAuditBook,
    SqlConsumerBook,
    SqlDecisionBook,
    SqlOutbox,
    SqlSightingBook,
    SqlWaiverBook,
)
from modgate.ledger.books.room import SqlRoom

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.ledger.books.room import Measured
    from modgate.model.audit import AuditBook
    from modgate.model.consumers import ConsumerBook
    from modgate.model.decisions import DecisionBook, WaiverBook
    from modgate.model.outbox import Outbox
    from modgate.model.sightings import SightingBook

__all__ = ["Books", "build_books"]


@dataclass(frozen=True, slots=True)
class Books:
    """What is kept beside the ledger's own records; all of it in one database, so that one transaction can
    write to several.
    """

    consumers: ConsumerBook
    audit: AuditBook
    decisions: DecisionBook
    waivers: WaiverBook
    outbox: Outbox
    sightings: SightingBook
    room: SqlRoom


def build_books(ledger: Measured, *, clock: Callable[[], float] = time.time) -> Books:
    """The books on a ledger, which stays the caller's to close."""
    consumers = SqlConsumerBook(ledger, clock=clock)
    decisions, outbox = SqlDecisionBook(ledger), SqlOutbox(ledger)
    return Books(
        consumers=consumers,
        audit=SqlAuditBook(ledger, clock=clock),
        decisions=decisions,
        waivers=SqlWaiverBook(ledger),
        outbox=outbox,
        sightings=SqlSightingBook(ledger),
        room=SqlRoom(ledger, {"fetches": consumers, "decisions": decisions, "messages": outbox}),
    )
