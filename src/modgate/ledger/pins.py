"""Pins in the ledger's database: what must stay in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from modgate.gomod.types import ModulePath, Version
from modgate.ledger import schema
from modgate.ledger.dialect import PerDialect
from modgate.model import Pin

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ALL_PINS", "add_pin", "pin_of", "remove_pin"]

_PIN = schema.pin.c

ALL_PINS = select(_PIN.path, _PIN.version, _PIN.note, _PIN.pinned_at).order_by(_PIN.path, _PIN.version)
"""All pins; `pin_of` reads a row."""

_ADD = PerDialect(
    lambda into: (adding := into(schema.pin)).on_conflict_do_update(
        index_elements=["path", "version"], set_={"note": adding.excluded.note}
    )
)


def add_pin(connection: Connection, pin: Pin) -> bool:
    """Pin, or give a pin another note; True if it is new."""
    version = pin.version or ""
    known = select(_PIN.path).where(_PIN.path == pin.path, _PIN.version == version)
    new = connection.execute(known).first() is None
    row = {"path": pin.path, "version": version, "note": pin.note, "pinned_at": pin.pinned_at}
    connection.execute(_ADD.on(connection), row)
    return new


def remove_pin(connection: Connection, path: ModulePath, version: Version | None) -> bool:
    """Take a pin back; True if it was there."""
    gone = delete(schema.pin).where(_PIN.path == path, _PIN.version == (version or ""))
    return connection.execute(gone).rowcount > 0


def pin_of(path: str, version: str, note: str, pinned_at: float) -> Pin:
    """The pin of a row."""
    return Pin(ModulePath(path), Version(version) if version else None, note, pinned_at)
