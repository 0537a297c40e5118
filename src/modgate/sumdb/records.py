"""The two texts of a checksum database: the tree head inside a signed note, and the record.

A tree head is three lines (`go.sum database tree`, the size, base64 of the root hash); lines after them
are for the future and are ignored, *by everybody*: they are signed but prove nothing about a module.
A record is an id, the text that the log holds, and a blank line; what follows it is not authenticated.

Source of the rules: golang.org/x/mod/sumdb/tlog/note.go.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from modgate.errors import Invalid
from modgate.sumdb.note import decode_base64
from modgate.sumdb.tlog import EMPTY_HASH, HASH_SIZE, Hash

__all__ = ["EMPTY_TREE", "Tree", "format_record", "format_tree", "parse_record", "parse_tree"]

_TREE_PREFIX = b"go.sum database tree\n"
_TREE_LIMIT = 1_000_000
_INT64_MAX = 2**63 - 1
_CANONICAL = re.compile(rb"0|[1-9][0-9]{0,18}")
_DECIMAL = re.compile(rb"[+-]?[0-9]+")
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree head: how many records, and the root hash."""

    n: int
    hash: Hash


EMPTY_TREE = Tree(0, EMPTY_HASH)


def format_tree(tree: Tree) -> bytes:
    """The text of a tree head, to be signed."""
    return _TREE_PREFIX + f"{tree.n}\n{base64.b64encode(tree.hash).decode()}\n".encode()


def parse_tree(text: bytes) -> Tree:
    """Read the text of a tree head. Raises Invalid."""
    if not text.startswith(_TREE_PREFIX) or text.count(b"\n") < 3 or len(text) > _TREE_LIMIT:
        raise Invalid("malformed tree note")
    _, size, root, _ = text.split(b"\n", 3)
    root_hash = decode_base64(root.decode("latin-1"))
    if not _CANONICAL.fullmatch(size) or int(size) > _INT64_MAX:
        raise Invalid("malformed tree note")
    if root_hash is None or len(root_hash) != HASH_SIZE:
        raise Invalid("malformed tree note")
    return Tree(int(size), Hash(root_hash))


def format_record(record_id: int, text: bytes) -> bytes:
    """A record as a lookup serves it, up to and including the blank line. Raises Invalid."""
    if not _is_valid_record_text(text):
        raise Invalid("malformed record data")
    return b"%d\n%b\n" % (record_id, text)


def parse_record(message: bytes) -> tuple[int, bytes, bytes]:
    """Read a record at the start of a message: (id, text, what follows). Raises Invalid.

    As in Go the id may carry a sign: a caller must still refuse an id that is in no tree.
    """
    first, newline, rest = message.partition(b"\n")
    if not newline or not _DECIMAL.fullmatch(first) or len(first) > 40:
        raise Invalid("malformed record data")
    record_id = int(first)
    end = rest.find(b"\n\n")
    if not -_INT64_MAX - 1 <= record_id <= _INT64_MAX or end < 0:
        raise Invalid("malformed record data")
    text = rest[: end + 1]
    if not _is_valid_record_text(text):
        raise Invalid("malformed record data")
    return record_id, text, rest[end + 2 :]


def _is_valid_record_text(text: bytes) -> bool:
    """UTF-8 without control characters or blank lines, ending in a newline; never empty."""
    if not text.endswith(b"\n") or b"\n\n" in text or _CONTROL.search(text):
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
