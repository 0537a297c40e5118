"""The tables of the ledger, in one MetaData.

The version of the schema stands in the table `meta`, so that a ledger of a newer modgate is refused
instead of misread.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "SCHEMA_VERSION",
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

SCHEMA_VERSION = 3
"""1 had no log_record and log_head, 2 no pin; a ledger of those is given them when it is opened."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)

first_seen = Table(
    "first_seen",
    metadata,
    Column("path", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("h1", String, nullable=False),
    Column("verified", String, nullable=False),
    Column("first_seen", Double, nullable=False),
)

tree_head = Table(
    "tree_head",
    metadata,
    Column("database", String, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root_hash", LargeBinary, nullable=False),
    Column("seen_at", Double, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("alert_kind", "kind"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
)
"""A row stays after its lease ends: the token must go on growing."""

log_record = Table(
    "log_record",
    metadata,
    Column("log", String, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("path", String, nullable=False),
    Column("version", String, nullable=False),
    Column("text", LargeBinary, nullable=False),
    UniqueConstraint("log", "path", "version"),
)
"""Numbers are given from 0 without gaps; rows are never changed or removed."""

log_head = Table(
    "log_head",
    metadata,
    Column("log", String, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)

pin = Table(
    "pin",
    metadata,
    Column("path", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("note", Text, nullable=False),
    Column("pinned_at", Double, nullable=False),
)
"""An empty version stands for all versions of the module."""
