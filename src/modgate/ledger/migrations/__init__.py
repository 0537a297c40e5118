"""The steps from each schema of the ledger to the next, run by alembic inside a transaction of ours.

A step is never changed once it was released: it names its columns itself and not by `schema.py`, which goes
on. There is no way back: a ledger is restored from the backup that was made before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["run"]


def run(connection: Connection, standing: str | None) -> None:
    """Run what comes after the revision `standing` (None: everything) on a connection in a transaction."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    if standing is not None:
        command.stamp(config, standing, purge=True)
    command.upgrade(config, "head")
