"""A ledger in which every table has rows, some of them with text that databases disagree about."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.sql import SqlLedger
from modgate.model import Alert, TreeHead
from modgate.model.audit import Event
from modgate.model.consumers import Fetches
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import PolicyRevision, Recorded, Waiver
from modgate.model.logbook import LogHead
from modgate.model.outbox import Message
from modgate.model.sightings import ScanVerdict, Sighting
from modgate.sumdb.log import EMPTY_EDGE, grow, sign_tree
from modgate.sumdb.note import generate_key, new_signer
from modgate.wiring.books import build_books
from tests.contract.ledger import pin, record
from tests.contract.log_book import LOG, version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.sumdb.note import Signer

__all__ = ["ODD", "break_chain", "fill", "opened"]

ODD = "a ␀ b \0 c ␀0 'é\U0001f600' \\ %s"
M = ModulePath("example.com/m")


def _signer() -> Signer:
    return new_signer(generate_key(LOG, bytes(32))[0])


async def opened(where: str | Path) -> SqlLedger:
    """The ledger at a path or an address."""
    if isinstance(where, str) and where.startswith("postgresql://"):
        return await SqlLedger.open_url(where, clock=time.time)
    return await SqlLedger.open(Path(where), clock=time.time)


async def fill(where: str | Path, *, decisions: int = 3) -> None:
    """Make a ledger with rows in every table; of its messages the last number stands in none."""
    ledger = await opened(where)
    books = build_books(ledger)
    for number in range(1, 4):
        await ledger.first_seen(record(number))
    await ledger.add_tree_head(TreeHead("sum.golang.org", 2**40, bytes(range(32)), 7.25))
    await ledger.add_alert(Alert("bit-rot", ODD, ODD, 1.5))
    await ledger.add_pin(pin("example.com/m", note=ODD))
    await ledger.acquire("turn", "me", ttl=0.001)
    log = SqlLogBook(ledger)
    texts = [b"corp.example/m v1.%d.0 h1:x=\n" % n for n in range(700)]
    await log.append(LOG, [(version(n), line) for n, line in enumerate(texts)])
    await log.set_head(LOG, LogHead(600, sign_tree(grow(EMPTY_EDGE, texts[:600]).edge.tree, _signer())))
    await books.consumers.add(
        [Fetches(f"team-{n % 5}-{ODD}", M, f"v1.0.{n}", "zip", 1, 0.1 * n, 0.1 * n) for n in range(1200)]
    )
    for number in range(decisions):
        decision = Decision(
            Effect.DENY, M, Version("v1.0.0"), consumer=f"Äther-{number}", id=f"d-{number}", reason=ODD
        )
        message = Message("hook", f"key-{number}-{ODD}", "denied", 1.0, "team-a", {"text": ODD})
        await books.decisions.record([Recorded(decision, 1.0 + number / 3, (message,))])
    for delivery in await books.outbox.waiting("hook"):
        await books.outbox.delivered(delivery.number, at=2.0)
    await books.outbox.enqueue([], mark=("followed", "17"))
    await books.decisions.add_allowed({"default": 12}, at=1.0)
    await books.decisions.adopt(PolicyRevision("r1", ODD, 3.0))
    await books.waivers.grant(Waiver("w-1", "example.com/*", "owner", ODD, 2e9))
    await books.sightings.sight([Sighting(M, Version("v1.0.0"), 4.5, "log")])
    first = ModuleVersion(M, Version("v1.0.0"))
    await books.sightings.add_verdict(ScanVerdict("h1:a=", "trivy", True, "clean", 5.0), first)
    await books.sightings.add_licences(first, ("Apache-2.0", "MIT"))
    await books.audit.append([Event(6.125, "operation", facts={"text": ODD, "n": 1e300})])
    await ledger.close()


def break_chain(path: Path, values: Mapping[int, str]) -> None:
    """Change rows of the audit behind the books' back."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for number, kind in values.items():
            connection.execute("UPDATE audit SET kind = ? WHERE number = ?", (kind, number))
        connection.commit()
