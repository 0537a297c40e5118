"""The books of the firewall: who used what, what was decided, what happened, what is to be told."""

from modgate.ledger.books.audit import SqlAuditBook
from modgate.ledger.books.consumers import SqlConsumerBook
from modgate.ledger.books.decisions import SqlDecisionBook
from modgate.ledger.books.outbox import SqlOutbox
from modgate.ledger.books.sightings import SqlSightingBook
from modgate.ledger.books.waivers import SqlWaiverBook

__all__ = [
    "SqlAuditBook",
    "SqlConsumerBook",
    "SqlDecisionBook",
    "SqlOutbox",
    "SqlSightingBook",
    "SqlWaiverBook",
]
