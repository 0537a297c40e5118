"""Signed tree heads and looked-up records: bytes in, checked values out."""

from __future__ import annotations

from dataclasses import dataclass

from modgate.errors import Invalid, Tampered
from modgate.sumdb.note import Verifiers, open_note
from modgate.sumdb.records import EMPTY_TREE, Tree, format_record, parse_record, parse_tree

__all__ = ["EMPTY_HEAD", "Head", "Record", "open_head", "parse_lookup"]


@dataclass(frozen=True, slots=True)
class Head:
    """A tree head and the signed note that says so (empty for the empty tree, which needs none)."""

    tree: Tree
    message: bytes


EMPTY_HEAD = Head(EMPTY_TREE, b"")


@dataclass(frozen=True, slots=True)
class Record:
    """A record that is proved to be in the tree of `head`. Only `text` is authenticated by it."""

    id: int
    text: bytes
    head: Head

    @property
    def body(self) -> bytes:
        """The answer to a lookup: the record, and the head that it was proved under."""
        return format_record(self.id, self.text) + self.head.message

    def lines(self, path: str, version: str) -> list[str]:
        """The go.sum lines for a version, or with `/go.mod` appended to it for its go.mod alone."""
        prefix = f"{path} {version} "
        return [line for line in self.text.decode().split("\n") if line.startswith(prefix)]

    def h1(self, path: str, version: str) -> str:
        """The `h1:…` of those lines; empty if there is none. Raises Tampered where there are two."""
        found = {line.split(" ")[2] for line in self.lines(path, version)}
        sums = sorted(h for h in found if h.startswith("h1:"))
        if len(sums) > 1:
            raise Tampered(f"the record has two hashes for {path} {version}")
        return sums[0] if sums else ""


def open_head(message: bytes, verifiers: Verifiers) -> Head:
    """Read a signed tree head. Raises Invalid (malformed), Tampered (no or a bad signature of ours)."""
    return Head(parse_tree(open_note(message, verifiers).text.encode()), message)


def parse_lookup(data: bytes) -> tuple[int, bytes, bytes]:
    """Cut an answer to a lookup into record id, record text and signed head. Raises Invalid."""
    record_id, text, message = parse_record(data)
    if record_id < 0 or not message:
        raise Invalid("malformed record data")
    return record_id, text, message
