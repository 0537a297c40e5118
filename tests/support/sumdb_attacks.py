"""What a hostile or broken checksum database may answer: hooks for `TestDatabase.hooks`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from modgate.sumdb.note import generate_key

if TYPE_CHECKING:
    from tests.support.sumdb_server import Hook, Reply, TestDatabase

__all__ = [
    "empty_record",
    "extra_lines",
    "forged_tiles",
    "forked_into",
    "hang",
    "malformed_note",
    "missing_tiles",
    "status",
    "truncated",
    "unrelated_record",
    "wrong_key",
]


def _lookup(path: str, reply: Reply) -> bool:
    return path.startswith("lookup/") and reply.status == 200


def wrong_key(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """Heads signed by another key of the same name."""
    stolen, _ = generate_key(db.name, hashlib.sha256(b"another key").digest())
    reply.body = reply.body.replace(db.head(), db.head(signer_key=stolen))
    return reply


def malformed_note(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """Heads without their signature lines."""
    if path == "latest" or _lookup(path, reply):
        reply.body = reply.body[: reply.body.rfind("\n—".encode())]
    return reply


def empty_record(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """Lookups whose record has no text at all."""
    if _lookup(path, reply):
        number = reply.body.split(b"\n", 1)[0]
        reply.body = number + b"\n\n" + db.head()
    return reply


def unrelated_record(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """Lookups answered with record 0, which is authentic and speaks of something else."""
    if path.startswith("lookup/"):
        reply.status = 200
        reply.body = db.record(0) + db.head()
    return reply


def extra_lines(lines: str, *, in_note: bool) -> Hook:
    """Lookups of a version that carry go.sum lines outside the authenticated text: in the signed tree
    note, or in the record behind its own lines.
    """

    def hook(db: TestDatabase, path: str, reply: Reply) -> Reply:
        if not _lookup(path, reply):
            return reply
        if in_note:
            reply.body = reply.body.replace(db.head(), db.head(extra=lines))
        else:
            number, _, rest = reply.body.partition(b"\n")
            text, _, note = rest.partition(b"\n\n")
            reply.body = b"%b\n%b\n%b\n%b" % (number, text, lines.encode(), note)
        return reply

    return hook


def forged_tiles(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """Tiles with one bit flipped."""
    if path.startswith("tile/") and reply.status == 200:
        reply.body = bytes([reply.body[0] ^ 0x80]) + reply.body[1:]
    return reply


def missing_tiles(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """No tiles at all."""
    if path.startswith("tile/"):
        reply.status, reply.body = 404, b"no such tile\n"
    return reply


def truncated(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """Half of each body, with a length that fits."""
    if path != "supported":
        reply.body = reply.body[: len(reply.body) // 2]
    return reply


def status(code: int, text: str = "broken\n") -> Hook:
    """Every answer (but `supported`) has this status."""

    def hook(db: TestDatabase, path: str, reply: Reply) -> Reply:
        if path != "supported":
            reply.status, reply.body = code, text.encode()
        return reply

    return hook


def hang(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """No answer, ever."""
    reply.hang = True
    return reply


def forked_into(other: TestDatabase) -> Hook:
    """Every answer is the other database's: its fork, or its rolled-back self."""

    def hook(db: TestDatabase, path: str, reply: Reply) -> Reply:
        return other.answer(path)

    return hook
