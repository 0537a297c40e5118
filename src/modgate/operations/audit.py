"""`modgate audit`: the rows of the audit, its head, and whether its chain holds."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.model.audit import AuditFilter, AuditHead
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as
from modgate.operations.records import records_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.firewall.owners import Owners
    from modgate.model.audit import AuditRow
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["COLUMNS", "RowsParams", "csv_line", "head", "parse_head", "row_facts", "rows", "verify"]

COLUMNS = (
    "number", "time", "kind", "module", "version", "verified", "h1", "source", "decision", "owner",
    "consumer", "facts", "hash",
)  # fmt: skip
"""The columns of the CSV form."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
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
        """As the book understands it."""
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
    owners, told = records.owners(), 0
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


def row_facts(row: AuditRow, owners: Owners) -> dict[str, Any]:
    """A row for a program: plain JSON values.

    `consumer` is its name, or its reference where the name was erased; `owner` is who answers for the waiver
    that the row is about, else for the consumer's team.
    """
    event = row.event
    facts = dict(event.facts)
    consumer = row.name or event.consumer
    owner = facts.get("owner") or (owners.team(consumer).owner if consumer else "")
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
        "owner": owner if isinstance(owner, str) else "",
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
    """A row of `row_facts` as one record of CSV (RFC 4180); None: the heading.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    cells: list[object] = list(COLUMNS)
    if facts is not None:
        cells = [_cell(facts[name]) for name in COLUMNS]
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, dict):
        value = msgspec.json.encode(value, order="sorted").decode() if value else ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
