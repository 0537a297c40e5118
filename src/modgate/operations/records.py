"""The books that operations of the firewall read and write, and what they need beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.firewall.owners import Owners
    from modgate.gomod.types import ModulePath, Version
    from modgate.model.advisory import Advisories
    from modgate.model.audit import AuditBook
    from modgate.model.consumers import ConsumerBook
    from modgate.model.decisions import DecisionBook, WaiverBook
    from modgate.operations.works import Works

__all__ = ["Records", "records_of"]


def _nothing_known() -> Advisories | None:
    return None


async def _nothing_to_do() -> None:
    """There is nothing to write, or nobody to tell."""


async def _no_list(_path: ModulePath) -> tuple[Version, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Records:
    """What is known of who used what, what was decided, and what happened.

    Attributes:
        consumers: Who used which versions.
        audit: What happened, in order.
        decisions: What policies decided.
        waivers: What was exempted.
        owners: The teams, as the mapping file has them now. Raises Invalid, Unavailable.
        known: The advisories in force; None where there are none.
        listed: The versions of a module that are stored; for the way out of one.
        settle: Write down what was counted and noted in memory, so that reading is up to date.
        forget: Drop what is held in memory of a consumer.
        changed_waivers: Have decisions made anew: a waiver was granted or revoked.
        name_of: The name under which a consumer is kept: itself, or its pseudonym.
        who: Who asks for the operation, empty for whoever runs it on the store itself.
    """

    consumers: ConsumerBook
    audit: AuditBook
    decisions: DecisionBook
    waivers: WaiverBook
    owners: Callable[[], Owners]
    known: Callable[[], Advisories | None] = _nothing_known
    listed: Callable[[ModulePath], Awaitable[tuple[Version, ...]]] = _no_list
    settle: Callable[[], Awaitable[None]] = _nothing_to_do
    forget: Callable[[str], None] = lambda _consumer: None
    changed_waivers: Callable[[], Awaitable[None]] = _nothing_to_do
    name_of: Callable[[str], str] = lambda name: name
    who: str = ""


def records_of(works: Works) -> Records:
    """The records. Raises Unavailable where there are none."""
    if works.records is None:
        raise Unavailable("nothing is recorded here")
    return works.records
