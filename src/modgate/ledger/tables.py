"""The tables of the books, in the MetaData of the ledger's own.

A consumer's name stands in one row of `consumer`; `ref` everywhere else is its reference, and empty for none.
Keys compare by bytes in every database, so that what is read page by page comes in one order everywhere.
Times are Unix seconds. JSON is text: what it says must come back to the byte, since hashes are made of it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, Table, Text

from modgate.ledger.columns import KEY, SERIAL
from modgate.ledger.schema import metadata

__all__ = [
    "allowed",
    "audit",
    "audit_head",
    "consumer",
    "consumer_use",
    "decision",
    "licence",
    "outbox",
    "outbox_key",
    "outbox_mark",
    "policy",
    "scan_verdict",
    "sighting",
    "waiver",
]

consumer = Table(
    "consumer",
    metadata,
    Column("ref", KEY, primary_key=True),
    Column("name", KEY, nullable=False, unique=True),
    Column("first", Double, nullable=False),
    Column("last", Double, nullable=False),
)
"""A reference without a row here belongs to a name that was erased."""

consumer_use = Table(
    "consumer_use",
    metadata,
    Column("path", KEY, primary_key=True),
    Column("version", KEY, primary_key=True),
    Column("ref", KEY, primary_key=True),
    Column("mods", BigInteger, nullable=False),
    Column("zips", BigInteger, nullable=False),
    Column("first", Double, nullable=False),
    Column("last", Double, nullable=False),
    Index("consumer_use_ref", "ref", "path", "version"),
    sqlite_with_rowid=False,
)
"""By module first: who used it is asked oftener than what somebody used."""

audit = Table(
    "audit",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("kind", KEY, nullable=False),
    Column("path", KEY, nullable=False),
    Column("version", KEY, nullable=False),
    Column("ref", KEY, nullable=False),
    Column("decision", KEY, nullable=False),
    Column("facts", Text, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("audit_path", "path", "number"),
    Index("audit_ref", "ref", "number"),
    Index("audit_kind", "kind", "number"),
)
"""Numbers are given from 1 without gaps; rows are never changed, and removed from the front alone."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""One row (id 1): what the next one follows, whatever became of the last row itself."""

decision = Table(
    "decision",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("ref", KEY, nullable=False),
    Column("path", KEY, nullable=False),
    Column("body", Text, nullable=False),
    Column("first", Double, nullable=False),
    Column("last", Double, nullable=False),
    Column("count", BigInteger, nullable=False),
    Index("decision_ref", "ref", "last"),
    Index("decision_path", "path", "last"),
    Index("decision_last", "last"),
)
"""`body` holds the decision without its consumer."""

allowed = Table(
    "allowed",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", KEY, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
"""Days are counted from 1970-01-01, UTC."""

policy = Table(
    "policy",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("revision", KEY, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Double, nullable=False),
)

waiver = Table(
    "waiver",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("body", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("created", Double, nullable=False),
    Column("revoked", Double, nullable=False),
)
"""`body` holds the rest of the waiver."""

outbox = Table(
    "outbox",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=True),
    Column("target", KEY, nullable=False),
    Column("state", KEY, nullable=False),
    Column("key", Text, nullable=False),
    Column("event", KEY, nullable=False),
    Column("ref", KEY, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("moved", Double, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("error", Text, nullable=False),
    Index("outbox_waiting", "target", "state", "number"),
    Index("outbox_ref", "ref"),
    sqlite_autoincrement=True,
)
"""`moved` is when it came into its state; a number is never given twice."""

outbox_key = Table(
    "outbox_key",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
"""Which keys are taken for which target, for ever: a hash of both, since keys may hold names."""

outbox_mark = Table(
    "outbox_mark",
    metadata,
    Column("name", KEY, primary_key=True),
    Column("value", Text, nullable=False),
)

sighting = Table(
    "sighting",
    metadata,
    Column("path", KEY, primary_key=True),
    Column("version", KEY, primary_key=True),
    Column("how", KEY, primary_key=True),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

scan_verdict = Table(
    "scan_verdict",
    metadata,
    Column("h1", KEY, primary_key=True),
    Column("scanner", KEY, primary_key=True),
    Column("clean", Boolean, nullable=False),
    Column("summary", Text, nullable=False),
    Column("at", Double, nullable=False),
)

licence = Table(
    "licence",
    metadata,
    Column("path", KEY, primary_key=True),
    Column("version", KEY, primary_key=True),
    Column("found", Text, nullable=False),
)
"""`found` is a JSON list of SPDX ids."""
