"""What the books share: the database as they see it, text and JSON that every database takes, small pieces.

What comes in may hold what a database refuses (lone surrogates, a NUL) or JSON does not know; it is made so
that it is taken before anything is written: a step that fails takes down whoever shares its transaction.
"""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from sqlalchemy import Connection, Row

__all__ = ["AT_ONCE", "Database", "free", "pieces", "plain", "readable", "seconds", "to_json"]

AT_ONCE = 400
"""How many values go into one IN: older SQLite takes 999 parameters."""

_KEY_BYTES = 768

T = TypeVar("T")


class Database(Protocol):
    """The two methods of a ledger on which books stand."""

    async def transact(self, step: Callable[[Connection], T]) -> T:
        """Run a step inside a transaction that writes; durable when it returns. Raises Unavailable.

        One such transaction runs at a time, whatever process it is of: a step may number what it writes.
        """

    async def query(self, query: Any, values: Mapping[str, object]) -> Sequence[Row[*tuple[Any, ...]]]:
        """The rows of a query with these values for its parameters. Raises Unavailable."""

    async def settle(self) -> None:
        """Have the database's log hold nothing of what was deleted. Raises Unavailable."""


def free(text: str) -> str:
    """Text that every database takes, and hands out again as it was."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def plain(text: str) -> str:
    """The same for what stands in an index, whose rows PostgreSQL limits to 2,704 bytes: of text that is
    longer than any of Go's, the beginning and a hash of the whole.
    """
    text = free(text)
    whole = text.encode()
    if len(whole) <= _KEY_BYTES:
        return text
    return (
        f"{whole[:_KEY_BYTES].decode('utf-8', 'ignore')}~{hashlib.blake2b(whole, digest_size=16).hexdigest()}"
    )


def seconds(at: float) -> float:
    """A time that comes back as it was: a float, and a finite one."""
    return float(at) if math.isfinite(at) else 0.0


def to_json(value: object) -> str:
    """Canonical JSON: keys sorted, no white space. Decoded and encoded again it is the same."""
    try:
        text = msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError):
        text = msgspec.json.encode(_tidy(value), order="sorted")
    again = msgspec.json.encode(msgspec.json.decode(text), order="sorted")
    return again.decode("utf-8")


@contextmanager
def readable(what: str) -> Generator[None]:
    """Around the reading of what a row holds, which somebody may have changed behind the books' back."""
    try:
        yield
    except (ValueError, TypeError, KeyError) as error:
        raise Unavailable(
            f"{what} was changed by something else than modgate, and cannot be read", where="the ledger"
        ) from error


def pieces(items: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time."""
    return (items[i : i + size] for i in range(0, len(items), size))


def _tidy(value: object) -> object:
    """The value with everything in it that JSON does not know written as text."""
    if isinstance(value, enum.Enum):
        return _tidy(value.value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(_tidy(str(key))): _tidy(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted((_tidy(each) for each in value), key=repr)
    return _tidy(str(value))
