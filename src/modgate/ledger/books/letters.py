"""Messages inside a transaction: each key is taken once for each target, for ever.

What is taken is told by a hash of target and key, which stays when the message goes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select

from modgate.ledger import tables
from modgate.ledger.books.base import free, pieces, plain, seconds, to_json
from modgate.ledger.books.names import make_refs, met_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from modgate.model.outbox import Message

__all__ = ["put_messages"]

_KEY = tables.outbox_key.c
_TAKEN = select(_KEY.digest).where(_KEY.digest.in_(bindparam("digests", expanding=True)))
_TAKE = insert(tables.outbox_key)
_ADD = insert(tables.outbox)


def put_messages(connection: Connection, messages: Sequence[Message]) -> int:
    """Put in those whose keys are not taken, in their order, in this transaction; how many."""
    if not messages:
        return 0
    by_digest: dict[bytes, Message] = {}
    for message in messages:
        by_digest.setdefault(_digest(message), message)
    for some in pieces(list(by_digest)):
        for (digest,) in connection.execute(_TAKEN, {"digests": some}):
            del by_digest[bytes(digest)]
    if not by_digest:
        return 0
    new = list(by_digest.values())
    refs = make_refs(connection, met_at((each.consumer, seconds(each.at)) for each in new))
    connection.execute(_TAKE, [{"digest": digest} for digest in by_digest])
    connection.execute(_ADD, [_row(each, refs[each.consumer]) for each in new])
    return len(new)


def _digest(message: Message) -> bytes:
    target = message.target.encode("utf-8", "replace")
    text = b"%d:%s%s" % (len(target), target, message.key.encode("utf-8", "replace"))
    return hashlib.blake2b(text, digest_size=16).digest()


def _row(message: Message, ref: str) -> dict[str, object]:
    at = seconds(message.at)
    return {
        "target": plain(message.target),
        "state": "waiting",
        "key": free(message.key),
        "event": plain(message.event),
        "ref": ref,
        "body": to_json(dict(message.body)),
        "at": at,
        "moved": at,
        "attempts": 0,
        "next_at": 0.0,
        "error": "",
    }
