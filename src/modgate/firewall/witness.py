"""The first sight of a version's go.mod or zip, and every alert, becomes an event of the audit.

`Witness` stands where the ledger's record of first sights is asked; it adds no wait to what it passes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.model.audit import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model.ledger import Ledger, VerificationRecord

__all__ = ["Witness", "alert_event", "sight_event"]

_TEXT = 500


class Witness:
    """The part of a ledger that verification needs, with a note of what it saw for the first time.

    Args:
        ledger: Keeps the records.
        note: Takes events.
        source: Where the routes say that a module comes from.
        kind: The kind of the events: `verified`, or `published`.
    """

    def __init__(
        self,
        ledger: Ledger,
        note: Callable[[Event], None],
        source: Callable[[ModulePath], str],
        *,
        kind: str = "verified",
    ) -> None:
        self._ledger = ledger
        self._note = note
        self._source = source
        self._kind = kind

    async def first_seen(self, record: VerificationRecord) -> VerificationRecord:
        """As `Ledger.first_seen`."""
        stands = await self._ledger.first_seen(record)
        if stands.first_seen == record.first_seen and stands.h1 == record.h1:
            self._note(sight_event(record, self._source(record.version.path), kind=self._kind))
        return stands

    async def seen(self, version: ModuleVersion, kind: str) -> VerificationRecord | None:
        """As `Ledger.seen`."""
        return await self._ledger.seen(version, kind)


def sight_event(record: VerificationRecord, source: str, *, kind: str = "verified") -> Event:
    """What the audit says of a first sight."""
    facts = {"kind": record.kind, "h1": record.h1, "verified": str(record.verified), "source": source}
    return Event(record.first_seen, kind, record.version.path, record.version.version, facts=facts)


def alert_event(kind: str, subject: str, text: str, at: float) -> Event:
    """What the audit says of an alert; `subject` is a module version, or something else."""
    path, version = subject, ""
    if "@" in subject and " " not in subject:
        path, _, version = subject.partition("@")
    elif "/" not in subject or " " in subject:
        path = ""
    facts = {"alert": kind, "subject": subject[:_TEXT], "text": text[:_TEXT]}
    return Event(at, "tampered", path, version, facts=facts)
