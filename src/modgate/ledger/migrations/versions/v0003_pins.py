"""Pins: what must stay in the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "pin",
        sa.Column("path", _KEY, primary_key=True),
        sa.Column("version", _KEY, primary_key=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("pinned_at", sa.Double, nullable=False),
    )
