"""The tables of the ledger, in one MetaData.

The version of the schema stands in the table `meta`, so that a ledger of a newer modgate is refused
instead of misread. The same number, in four digits, is the revision of `migrations`, by which an older
ledger is lifted; a new one is made from these tables at once, and a test holds both against each other.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from modgate.ledger.columns import KEY, SERIAL, FreeString, FreeText

__all__ = [
    "SCHEMA_VERSION",
    "alembic_version",
    "alert",
    "first_seen",
    "lease",
    "log_head",
    "log_record",
    "meta",
    "metadata",
    "pin",
    "tree_head",
]

SCHEMA_VERSION = 4
"""1 had no log_record and log_head, 2 no pin, 3 none of the books' tables (`tables.py`)."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
)

alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As alembic makes it: at which revision its own steps would go on."""

first_seen = Table(
    "first_seen",
    metadata,
    Column("path", KEY, primary_key=True),
    Column("version", KEY, primary_key=True),
    Column("kind", KEY, primary_key=True),
    Column("h1", String, nullable=False),
    Column("verified", String, nullable=False),
    Column("first_seen", Double, nullable=False),
)

tree_head = Table(
    "tree_head",
    metadata,
    Column("database", KEY, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root_hash", LargeBinary, nullable=False),
    Column("seen_at", Double, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("kind", FreeString, nullable=False),
    Column("subject", FreeString, nullable=False),
    Column("text", FreeText, nullable=False),
    Column("at", Double, nullable=False),
    Index("alert_kind", "kind"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", KEY, primary_key=True),
    Column("holder", String, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
)
"""A row stays after its lease ends: the token must go on growing."""

log_record = Table(
    "log_record",
    metadata,
    Column("log", KEY, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("path", KEY, nullable=False),
    Column("version", KEY, nullable=False),
    Column("text", LargeBinary, nullable=False),
    UniqueConstraint("log", "path", "version"),
)
"""Numbers are given from 0 without gaps; rows are never changed or removed."""

log_head = Table(
    "log_head",
    metadata,
    Column("log", KEY, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)

pin = Table(
    "pin",
    metadata,
    Column("path", KEY, primary_key=True),
    Column("version", KEY, primary_key=True),
    Column("note", FreeText, nullable=False),
    Column("pinned_at", Double, nullable=False),
)
"""An empty version stands for all versions of the module."""
