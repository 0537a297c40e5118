"""What a disk store knows of an object beside its bytes: one small JSON file each.

A sidecar can lag behind its object (a power cut, a copy of the folder without `.modgate`), so it is
never trusted further than the object bears out: a missing or torn one is recomputed from the bytes,
which then count as unproved. The sidecar of an immutable object is believed, and bytes that
disagree with it are damage; that of a mutable one must carry the size and time of the very file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from modgate.model.blob import BlobMeta  # noqa: TC001  msgspec reads the annotation

if TYPE_CHECKING:
    import os

__all__ = ["Identity", "Sidecar", "decode", "encode", "identify"]


class Identity(NamedTuple):
    """Which file it is: two descriptors with one identity read the same bytes."""

    inode: int
    mtime_ns: int
    size: int


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content: the key it belongs to, the meta, and the stamp of the file it describes."""

    key: str
    meta: BlobMeta
    mtime_ns: int
    mutable: bool = False

    def describes(self, key: str, identity: Identity) -> bool:
        """Whether it may be believed for the file found under the key."""
        if self.key != key:
            return False
        return not self.mutable or (self.mtime_ns == identity.mtime_ns and self.meta.size == identity.size)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Sidecar)


def encode(sidecar: Sidecar) -> bytes:
    """The bytes of the file."""
    return _encoder.encode(sidecar)


def decode(data: bytes) -> Sidecar | None:
    """The sidecar, or None for a torn or foreign file."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def identify(found: os.stat_result) -> Identity:
    """The identity of a file from its status."""
    return Identity(found.st_ino, found.st_mtime_ns, found.st_size)
