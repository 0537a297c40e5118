"""`modgate audit`: the rows of the audit, its head, and whether its chain holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.model.audit import AuditFilter, AuditHead
from modgate.model.operations import Item, Summary
from modgate.operations.cells import csv_record
from modgate.operations.params import params_as
from modgate.operations.records import records_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.firewall.owners import Owners
    from modgate.model.audit import AuditRow
    from modgate.model.operations import Event
    from modgate.operations.records import Records
    from modgate.operations.works import Works

__all__ = [
    "COLUMNS",
    "KINDS",
    "RowsParams",
    "csv_line",
    "head",
    "owners_in_rows",
    "parse_head",
    "row_facts",
    "rows",
    "verify",
]

COLUMNS = (
    "number", "time", "kind", "module", "version", "verified", "h1", "source", "decision", "owner",
    "consumer", "facts", "hash",
)  # fmt: skip
"""The columns of the CSV form."""

KINDS = (
    "verified", "published", "decision", "waiver", "policy", "advisories", "tampered", "erased", "operation",
    "scan", "pruned",
)  # fmt: skip
"""What a row may be about; whoever asks for another kind shall not read that nothing happened."""

_HASH = 64


class RowsParams(msgspec.Struct, forbid_unknown_fields=True):
    """Which rows; times in Unix seconds, `after` a number, `limit` 0 for all."""

    module: str = ""
    version: str = ""
    kind: str = ""
    consumer: str = ""
    since: float = 0.0
    until: float = float("inf")
    after: int = 0
    limit: int = 0

    def filter(self) -> AuditFilter:
        """As the book understands it. Raises Invalid for a kind that no row has."""
        if self.kind and self.kind not in KINDS:
            known = f"Known are {', '.join(KINDS)}."
            raise Invalid(f"no kind {self.kind[:40]!r}", next_step=known, malformed=True)
        return AuditFilter(self.module, self.version, self.kind, self.consumer, self.since, self.until)


class VerifyParams(msgspec.Struct, forbid_unknown_fields=True):
    """`head`: NUMBER:HASH that somebody noted, empty for none."""

    head: str = ""


class NoParams(msgspec.Struct, forbid_unknown_fields=True):
    """There are none."""


async def rows(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `row` in order, streamed; the facts are those of `row_facts`. Raises Invalid."""
    given = params_as(RowsParams, params)
    records = records_of(works)
    await records.settle()
    owners, told = await owners_in_rows(records), 0
    async for batch in records.audit.rows(given.filter(), after=given.after):
        for row in batch:
            yield Item(kind="row", subject=str(row.number), facts=row_facts(row, owners))
            told += 1
            if told == given.limit:
                yield Summary(ok=True, facts={"rows": told, "more": True})
                return
    yield Summary(ok=True, facts={"rows": told, "more": False})


async def head(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """No items; the summary has number, hash, and `head` as `verify` takes it."""
    params_as(NoParams, params)
    records = records_of(works)
    await records.settle()
    yield Summary(ok=True, facts=_head_facts(await records.audit.head()))


async def verify(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `fault`; ok where the chain holds up to `head`. Raises Invalid."""
    given = params_as(VerifyParams, params)
    known = parse_head(given.head) if given.head else None
    records = records_of(works)
    await records.settle()
    faults = await records.audit.verify(known)
    for fault in faults:
        yield Item(kind="fault", subject=fault)
    yield Summary(ok=not faults, facts=_head_facts(await records.audit.head()) | {"faults": len(faults)})


def parse_head(text: str) -> AuditHead:
    """NUMBER:HASH. Raises Invalid."""
    number, _, digest = text.partition(":")
    try:
        found = bytes.fromhex(digest)
    except ValueError:
        found = b""
    if not (number.isascii() and number.isdigit() and len(number) < 19) or len(digest) != _HASH or not found:
        raise Invalid(
            f"{text[:100]!r} is no head of the audit",
            next_step="Write NUMBER:HASH, as `modgate audit head` prints it.",
        )
    return AuditHead(int(number), found)


def _head_facts(found: AuditHead) -> dict[str, Any]:
    digest = found.hash.hex()
    return {"number": found.number, "hash": digest, "head": f"{found.number}:{digest}"}


class RowOwners:
    """Who answers for what a row is about: for the waiver that it names, else for the consumer's team.

    Rows name no persons, so that these can be erased; whoever reads them is told from elsewhere.
    """

    def __init__(self, owners: Owners, waivers: Mapping[str, str]) -> None:
        self._owners = owners
        self._waivers = waivers

    def of(self, waiver: object, consumer: str) -> str:
        """The owner, empty for nobody."""
        owner = self._waivers.get(waiver, "") if isinstance(waiver, str) else ""
        return owner or (self._owners.team(consumer).owner if consumer else "")


async def owners_in_rows(records: Records) -> RowOwners:
    """The owners as they are known now. Raises Invalid, Unavailable."""
    waivers = await records.waivers.waivers()
    return RowOwners(records.owners(), {each.id: each.owner for each in waivers})


def row_facts(row: AuditRow, owners: RowOwners) -> dict[str, Any]:
    """A row for a program: plain JSON values.

    `consumer` is its name, or its reference where the name was erased.
    """
    event = row.event
    facts = dict(event.facts)
    consumer = row.name or event.consumer
    return {
        "number": row.number,
        "at": event.at,
        "time": _time(event.at),
        "kind": event.kind,
        "module": event.path,
        "version": event.version,
        "verified": _word(facts, "verified"),
        "h1": _word(facts, "h1"),
        "source": _word(facts, "source"),
        "decision": event.decision,
        "owner": owners.of(facts.get("waiver"), consumer),
        "consumer": consumer,
        "reference": event.consumer,
        "facts": facts,
        "previous": row.previous.hex(),
        "hash": row.hash.hex(),
    }


def _word(facts: Mapping[str, Any], key: str) -> str:
    found = facts.get(key, "")
    return found if isinstance(found, str) else ""


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def csv_line(facts: Mapping[str, Any] | None) -> str:
    """A row of `row_facts` as one record of CSV; None: the heading."""
    return csv_record(COLUMNS if facts is None else [facts[name] for name in COLUMNS])
