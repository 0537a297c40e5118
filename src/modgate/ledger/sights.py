"""First sights inside a transaction: the first record of a version and kind stands, whatever comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.dialect import PerDialect
from modgate.ledger.schema import first_seen
from modgate.model import VerificationRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

__all__ = ["STANDING", "add", "names_of", "record_of", "standing"]

_ROW = first_seen.c
STANDING = select(_ROW.path, _ROW.version, _ROW.kind, _ROW.h1, _ROW.verified, _ROW.first_seen).where(
    _ROW.path == bindparam("of_path"),
    _ROW.version == bindparam("of_version"),
    _ROW.kind == bindparam("of_kind"),
)
_ADD = PerDialect(lambda into: into(first_seen).on_conflict_do_nothing())


def add(connection: Connection, records: Sequence[VerificationRecord]) -> None:
    """Add those of which there is none yet."""
    rows = [
        {
            "path": record.version.path,
            "version": record.version.version,
            "kind": record.kind,
            "h1": record.h1,
            "verified": record.verified,
            "first_seen": record.first_seen,
        }
        for record in records
    ]
    connection.execute(_ADD.on(connection), rows)


def standing(connection: Connection, version: ModuleVersion, kind: str) -> VerificationRecord:
    """The record that stands, which there must be."""
    return record_of(connection.execute(STANDING, names_of(version, kind)).one())


def names_of(version: ModuleVersion, kind: str) -> dict[str, str]:
    """The parameters of `STANDING`."""
    return {"of_path": version.path, "of_version": version.version, "of_kind": kind}


def record_of(row: Row[*tuple[Any, ...]]) -> VerificationRecord:
    """A row of `STANDING`."""
    path, version, kind, h1, verified, at = row
    return VerificationRecord(ModuleVersion(ModulePath(path), Version(version)), kind, h1, verified, at)
