"""The columns that SQLite and PostgreSQL would understand differently: keys, numbers, text from strangers.

Keys are compared byte by byte on both (collation `C` on PostgreSQL): another one would sort paths in the
language of whoever made the database, and its indexes break when the system's library is renewed.

PostgreSQL's text cannot hold NUL, and neither takes half a surrogate pair. What strangers send may hold both:
such text is stored with `␀0` for NUL and `␀␀` for `␀` on PostgreSQL, and with `?` for a surrogate on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect

__all__ = ["KEY", "SERIAL", "FreeString", "FreeText"]

KEY = String().with_variant(String(collation="C"), "postgresql")
"""Text that was checked and is looked up or sorted by: a path, a version, a name."""

SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""A number of a row: SQLite counts by itself in a column of its own kind of integer alone."""

_MARK = "\u2400"


class FreeText(TypeDecorator[str]):
    """Text that may hold anything."""

    impl: type[String] = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is stored."""
        if value is None:
            return None
        text = value.encode("utf-8", "replace").decode("utf-8")
        if dialect.name == "postgresql" and ("\0" in text or _MARK in text):
            text = text.replace(_MARK, _MARK * 2).replace("\0", f"{_MARK}0")
        return text

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """What was meant."""
        if value is None or dialect.name != "postgresql" or _MARK not in value:
            return value
        return _MARK.join(part.replace(f"{_MARK}0", "\0") for part in value.split(_MARK * 2))


class FreeString(FreeText):
    """The same in a column that ledgers declare as a string from their first schema on."""

    impl = String
    cache_ok = True
