"""The firewall's books: consumers, the audit, decisions, policies, waivers, the outbox, sightings, scans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "allowed",
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule", _KEY, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "rule"),
    )
    op.create_table(
        "audit",
        sa.Column("number", _SERIAL, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", _KEY, nullable=False),
        sa.Column("path", _KEY, nullable=False),
        sa.Column("version", _KEY, nullable=False),
        sa.Column("ref", _KEY, nullable=False),
        sa.Column("decision", _KEY, nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("audit_kind", "audit", ["kind", "number"])
    op.create_index("audit_path", "audit", ["path", "number"])
    op.create_index("audit_ref", "audit", ["ref", "number"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "consumer",
        sa.Column("ref", _KEY, nullable=False),
        sa.Column("name", _KEY, nullable=False),
        sa.Column("first", sa.Double(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("ref"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "consumer_use",
        sa.Column("path", _KEY, nullable=False),
        sa.Column("version", _KEY, nullable=False),
        sa.Column("ref", _KEY, nullable=False),
        sa.Column("mods", sa.BigInteger(), nullable=False),
        sa.Column("zips", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.Double(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("path", "version", "ref"),
        sqlite_with_rowid=False,
    )
    op.create_index("consumer_use_ref", "consumer_use", ["ref", "path", "version"])
    op.create_table(
        "decision",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("ref", _KEY, nullable=False),
        sa.Column("path", _KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("first", sa.Double(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decision_last", "decision", ["last"])
    op.create_index("decision_path", "decision", ["path", "last"])
    op.create_index("decision_ref", "decision", ["ref", "last"])
    op.create_table(
        "licence",
        sa.Column("path", _KEY, nullable=False),
        sa.Column("version", _KEY, nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", "version"),
    )
    op.create_table(
        "outbox",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("target", _KEY, nullable=False),
        sa.Column("state", _KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("event", _KEY, nullable=False),
        sa.Column("ref", _KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("moved", sa.Double(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_ref", "outbox", ["ref"])
    op.create_index("outbox_waiting", "outbox", ["target", "state", "number"])
    op.create_table(
        "outbox_key",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox_mark",
        sa.Column("name", _KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "policy",
        sa.Column("number", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("revision", _KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "scan_verdict",
        sa.Column("h1", _KEY, nullable=False),
        sa.Column("scanner", _KEY, nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("h1", "scanner"),
    )
    op.create_table(
        "sighting",
        sa.Column("path", _KEY, nullable=False),
        sa.Column("version", _KEY, nullable=False),
        sa.Column("how", _KEY, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("path", "version", "how"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "waiver",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("revoked", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
