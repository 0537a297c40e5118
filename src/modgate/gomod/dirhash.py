"""The `h1:` directory hash: SHA-256 over the sorted `sha256sum` lines of a set of files.

Only names and contents count. How a zip was compressed, and when its files were written, does not:
two zips of one version may differ in bytes and share their h1. That is why byte hashes are kept
beside it wherever bytes matter.
"""

from __future__ import annotations

import binascii
import hashlib
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["hash1", "hash_go_mod"]


def hash1(entries: Iterable[tuple[str, str]]) -> str:
    """The `h1:` hash of files given as (name, lower-case hex SHA-256 of the content) pairs, in any order.

    Raises Invalid for a name with a newline, which would make the summary ambiguous.
    Source: golang.org/x/mod/sumdb/dirhash, Hash1.
    """
    lines: list[str] = []
    # Code point order, which is Python's, is also the byte order of UTF-8, which is Go's.
    for name, digest in sorted(entries):
        if "\n" in name:
            raise Invalid(f"file name {shown(name)} holds a newline, which a directory hash does not support")
        lines.append(f"{digest}  {name}\n")
    summary = hashlib.sha256("".join(lines).encode()).digest()
    return "h1:" + binascii.b2a_base64(summary, newline=False).decode("ascii")


def hash_go_mod(data: bytes) -> str:
    """The `h1:` hash of a go.mod, as it stands in go.sum's `/go.mod` lines and in the checksum database.

    Source: cmd/go/internal/modfetch, goModSum.
    """
    return hash1([("go.mod", hashlib.sha256(data).hexdigest())])
