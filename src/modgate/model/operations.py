"""What an operation on a gate says while it runs: the same events here and over the admin interface.

An operation (`modgate.operations`) is an asynchronous generator of events that ends with exactly one
`Summary` or `Failure`. Each event has a form of its own in JSON, told apart by its `event`; over HTTP they
travel one a line (`application/x-ndjson`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from modgate.errors import ModgateError


__all__ = ["Event", "Failure", "Item", "Progress", "Summary", "decode_event", "encode_event", "failure_of"]


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress", tag_field="event"):
    """How far it is. Sent a few times a second at most; the last one may be missing.

    Attributes:
        done: Objects dealt with, those that failed included.
        total: How many there will be, where that is known.
        size: Bytes dealt with.
        total_size: How many there will be, where that is known.
        failed: How many of `done` failed.
        now: What is being worked on; a name, not a sentence.
    """

    done: int
    total: int | None = None
    size: int = 0
    total_size: int | None = None
    failed: int = 0
    now: str = ""


class Item(msgspec.Struct, frozen=True, kw_only=True, tag="item", tag_field="event"):
    """One result: a row of a listing, a fault, a version that was refused.

    Attributes:
        kind: What it is, a word that the operation documents.
        subject: What it is about: `module@version`, a key, a file.
        facts: The rest, by name.
    """

    kind: str
    subject: str
    facts: dict[str, Any] = {}


class Summary(msgspec.Struct, frozen=True, kw_only=True, tag="summary", tag_field="event"):
    """The end of an operation that came to its end; not `ok` where something failed on the way."""

    ok: bool
    facts: dict[str, Any] = {}


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag="failure", tag_field="event"):
    """The end of an operation that could not go on: the parts of its `ModgateError`.

    `error` is the name of the class, such as `Invalid`.
    """

    error: str
    what: str
    where: str = ""
    next_step: str = ""


Event = Progress | Item | Summary | Failure

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """One line, the newline included."""
    return _encoder.encode(event) + b"\n"


def decode_event(line: bytes) -> Event:
    """The event of a line. Raises ValueError for a line that is none."""
    try:
        event: Event = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError("not an event") from error
    return event


def failure_of(error: ModgateError) -> Failure:
    """The event for an error."""
    return Failure(error=type(error).__name__, what=error.what, where=error.where, next_step=error.next_step)
