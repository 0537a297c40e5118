"""Keyed hashes that stand for consumers where names are not to be kept.

A pseudonym is `p-` and 16 characters of an HMAC-SHA256 of the name: the same name has the same one as long as
the key is the same, and without the key nobody can try out names. The key lies in the store's folder,
readable by its owner alone; whoever removes it breaks the link between names and what was kept for ever.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["KEY_FILE", "pseudonyms", "pseudonyms_of"]

KEY_FILE = "consumers.key"
_KEY_BYTES = 32
_LETTERS = 16
_KNOWN = 16_384
_OF_PROCESS = secrets.token_bytes(_KEY_BYTES)


def pseudonyms(key: bytes) -> Callable[[str], str]:
    """What makes pseudonyms with a key."""

    @lru_cache(maxsize=_KNOWN)
    def pseudonym(name: str) -> str:
        digest = hmac.new(key, name.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
        return f"p-{base64.b32encode(digest).decode('ascii').lower()[:_LETTERS]}"

    return pseudonym


def pseudonyms_of(folder: Path | None) -> Callable[[str], str]:
    """What makes pseudonyms with the key of a folder, which gets one where it has none; without a folder the
    key goes with the process. Raises Invalid for a key that is none, Unavailable where the disk fails.
    """
    if folder is None:
        return pseudonyms(_OF_PROCESS)
    file = folder / KEY_FILE
    try:
        key = _read(file) or _make(file)
    except OSError as error:
        raise Unavailable(f"the key of pseudonyms: {error.strerror}", where=str(file)) from error
    if len(key) != _KEY_BYTES:
        raise Invalid(
            f"the key of pseudonyms has {len(key)} bytes instead of {_KEY_BYTES}",
            where=str(file),
            next_step="Bring back the file from a backup; with another key, known consumers become new ones.",
        )
    return pseudonyms(key)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _make(file: Path) -> bytes:
    """A new key, whole under its name or not at all; the one that another process made meanwhile."""
    file.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(_KEY_BYTES)
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as opened:
            opened.write(key)
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(fresh, file)
        except FileExistsError:
            return file.read_bytes()
        except OSError:  # a file system without links: one server holds the folder
            fresh.rename(file)
    finally:
        fresh.unlink(missing_ok=True)
    return key
