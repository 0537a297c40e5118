"""The first schema: first sights, tree heads, alerts, leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "meta",
        sa.Column("key", _KEY, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "first_seen",
        sa.Column("path", _KEY, primary_key=True),
        sa.Column("version", _KEY, primary_key=True),
        sa.Column("kind", _KEY, primary_key=True),
        sa.Column("h1", sa.String, nullable=False),
        sa.Column("verified", sa.String, nullable=False),
        sa.Column("first_seen", sa.Double, nullable=False),
    )
    op.create_table(
        "tree_head",
        sa.Column("database", _KEY, primary_key=True),
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root_hash", sa.LargeBinary, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
    op.create_table(
        "alert",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("alert_kind", "alert", ["kind"])
    op.create_table(
        "lease",
        sa.Column("name", _KEY, primary_key=True),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
    )
