"""What is held about a consumer, and its end.

To erase a name is to take it out of the one row where it stands; decisions, messages that were delivered and
the audit keep the bare reference, so no record, count or hash changes. Where people wrote the name into texts
(messages, waivers, a decision's words) it is replaced there. A policy's text is left alone: it is the
operator's own file.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, delete, select, tuple_, update

from modgate.ledger import tables
from modgate.ledger.books.audit import SqlAuditBook
from modgate.ledger.books.base import to_json
from modgate.ledger.books.chain import append_events
from modgate.ledger.books.decisions import decisions_about, standing_of
from modgate.ledger.books.names import erased, known_ref
from modgate.ledger.books.outbox import delivery_of, every_delivery
from modgate.ledger.books.waivers import EVERY_WAIVER, body_of, waiver_of
from modgate.model.audit import AuditFilter, Event
from modgate.model.consumers import Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from modgate.ledger.books.base import Database

__all__ = ["erase", "export"]

_PAGE = 1000
_NAME = tables.consumer.c
_USE = tables.consumer_use.c
_OUT = tables.outbox.c
_DECISION = tables.decision.c

_PERSON = select(_NAME.ref, _NAME.first, _NAME.last).where(_NAME.name == bindparam("of_name"))
_USES = (
    select(_USE.path, _USE.version, _USE.mods, _USE.zips, _USE.first, _USE.last)
    .where(
        _USE.ref == bindparam("of_ref"),
        tuple_(_USE.path, _USE.version) > tuple_(bindparam("after_path"), bindparam("after_version")),
    )
    .order_by(_USE.path, _USE.version)
    .limit(_PAGE)
)
_LETTERS = (
    select(_OUT.number, _OUT.key, _OUT.body, _OUT.error)
    .where(_OUT.number > bindparam("after"))
    .order_by(_OUT.number)
    .limit(_PAGE)
)


async def export(ledger: Database, name: str) -> Person | None:
    """Everything held about a name, as plain JSON values; None where nothing is."""
    rows = await ledger.query(EVERY_WAIVER, {})
    waivers = [
        each for each in map(waiver_of, rows) if name and (name in each.consumers or each.owner == name)
    ]
    found = await ledger.query(_PERSON, {"of_name": name})
    if not found:
        if not waivers:
            return None
        times = [each.created for each in waivers]
        return Person(name, "", min(times), max(times), {"waivers": msgspec.to_builtins(waivers)})
    ref, first, last = found[0]
    decisions = [standing_of(row) for row in await ledger.query(decisions_about(ref), {})]
    messages = [delivery_of(row) for row in await ledger.query(every_delivery(ref), {})]
    audit = [
        {"number": row.number, **msgspec.to_builtins(row.event), "hash": row.hash.hex()}
        async for page in SqlAuditBook(ledger, clock=_no_clock).rows(AuditFilter(consumer=name))
        for row in page
    ]
    records = {
        "uses": await _uses(ledger, ref),
        "decisions": msgspec.to_builtins(decisions),
        "waivers": msgspec.to_builtins(waivers),
        "messages": msgspec.to_builtins(messages),
        "audit": audit,
    }
    return Person(name, ref, first, last, records)


def erase(connection: Connection, name: str, *, at: float) -> bool:
    """Forget a name, in this transaction; True if it was there."""
    if not name:
        return False
    known = known_ref(connection, name)
    ref = known or secrets.token_hex(8)
    waivers = _scrub_waivers(connection, name, ref)
    if known is not None:
        uses = connection.execute(delete(tables.consumer_use).where(_USE.ref == ref)).rowcount
        unsent = delete(tables.outbox).where(_OUT.ref == ref, _OUT.state != "delivered")
        dropped = connection.execute(unsent).rowcount
        facts = {"uses": uses, "messages": dropped, "waivers": waivers}
        append_events(connection, [Event(at, "erased", consumer=name, facts=facts)])
        connection.execute(delete(tables.consumer).where(_NAME.ref == ref))
        _scrub_decisions(connection, name, ref)
    letters = _scrub_letters(connection, name, ref)
    return known is not None or waivers + letters > 0


async def _uses(ledger: Database, ref: str) -> list[dict[str, Any]]:
    names = ("path", "version", "mods", "zips", "first", "last")
    result: list[dict[str, Any]] = []
    after = ("", "")
    while True:
        values = {"of_ref": ref, "after_path": after[0], "after_version": after[1]}
        rows = await ledger.query(_USES, values)
        result += [dict(zip(names, row, strict=True)) for row in rows]
        if len(rows) < _PAGE:
            return result
        after = (rows[-1][0], rows[-1][1])


def _scrub_waivers(connection: Connection, name: str, ref: str) -> int:
    scrub = _scrubber(name, ref)
    count = 0
    for row in connection.execute(EVERY_WAIVER).all():
        waiver = waiver_of(row)
        body = msgspec.json.decode(body_of(waiver))
        for field in ("owner", "reason", "consumers"):
            body[field] = scrub(body[field])
        text = to_json(body)
        if text != body_of(waiver):
            connection.execute(update(tables.waiver).where(tables.waiver.c.id == waiver.id).values(body=text))
            count += 1
    return count


def _scrub_decisions(connection: Connection, name: str, ref: str) -> None:
    scrub = _scrubber(name, ref)
    found = connection.execute(select(_DECISION.id, _DECISION.body).where(_DECISION.ref == ref)).all()
    for identifier, body in found:
        said = msgspec.json.decode(body)
        text = to_json(said | {field: scrub(said.get(field, "")) for field in ("reason", "contact")})
        if text != body:
            connection.execute(update(tables.decision).where(_DECISION.id == identifier).values(body=text))


def _scrub_letters(connection: Connection, name: str, ref: str) -> int:
    """Take the name out of every message's key, body and error."""
    scrub = _scrubber(name, ref)
    after, count = 0, 0
    written = to_json(name)[1:-1]
    while True:
        rows = connection.execute(_LETTERS, {"after": after}).all()
        for number, key, body, error in rows:
            if not (written in body or name in key or name in error):
                continue
            new = {
                "key": scrub(key),
                "body": to_json(scrub(msgspec.json.decode(body))),
                "error": scrub(error),
            }
            if new != {"key": key, "body": body, "error": error}:
                connection.execute(update(tables.outbox).where(_OUT.number == number).values(new))
                count += 1
        if len(rows) < _PAGE:
            return count
        after = rows[-1][0]


def _scrubber(name: str, ref: str) -> Callable[[Any], Any]:
    """Replaces the name in all strings of a JSON value where it stands by itself: not as a part of a longer
    name, address or path.
    """
    alone = re.compile(rf"(?<![\w.@/-]){re.escape(name)}(?![\w@/-]|\.\w)")
    stand_in = erased(ref)

    def scrub(value: Any) -> Any:
        if isinstance(value, str):
            return alone.sub(stand_in, value)
        if isinstance(value, list):
            return [scrub(each) for each in value]
        if isinstance(value, dict):
            return {scrub(key): scrub(each) for key, each in value.items()}
        return value

    return scrub


def _no_clock() -> float:
    raise AssertionError("reading asks for no time")
