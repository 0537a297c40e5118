"""A checksum database as a folder of files: any upstream that serves files then serves a database.

Written from RFC 6962 and `go help goproxy`, not from `modgate.sumdb`: it is the oracle. The tree has a
fixed size, so every object the protocol can ask for exists: `latest`, `lookup/M@V`, `tile/8/…` (whole tiles
and the partial ones of this size).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.modules import escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["StaticDatabase", "filler"]

HEIGHT = 8
WIDTH = 1 << HEIGHT


def filler(count: int) -> dict[tuple[str, str], bytes]:
    """Records nobody asks for, so that the tree has several tiles."""
    found = {}
    for number in range(count):
        path, zeros = f"filler.test/m{number}", base64.b64encode(number.to_bytes(32, "big")).decode()
        found[path, "v1.0.0"] = f"{path} v1.0.0 h1:{zeros}\n{path} v1.0.0/go.mod h1:{zeros}\n".encode()
    return found


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class StaticDatabase:
    """Signs the records in their order and writes them below `folder`.

    `key` is the verifier key; `spec(url)` is the GOSUMDB value of a database served at `url`.
    """

    def __init__(
        self,
        folder: Path,
        records: Mapping[tuple[str, str], bytes],
        *,
        name: str = "sum.example.test",
        seed: bytes = b"\x07" * 32,
    ) -> None:
        self.name = name
        self._folder = folder
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = b"\x01" + self._private.public_key().public_bytes_raw()
        self._key_hash = hashlib.sha256(f"{name}\n".encode() + public).digest()[:4]
        self.key = f"{name}+{self._key_hash.hex()}+{base64.b64encode(public).decode()}"
        self.size = len(records)
        self._texts = list(records.values())
        self._leaves = [hashlib.sha256(b"\x00" + text).digest() for text in self._texts]
        self.latest = self._sign(f"go.sum database tree\n{self.size}\n{self._root()}\n")
        self._write("latest", self.latest)
        self._write_tiles()
        self.lookups = {}
        for number, ((path, version), text) in enumerate(records.items()):
            subject = f"{escape(path)}@{escape(version)}"
            self.lookups[subject] = f"{number}\n".encode() + text + b"\n" + self.latest
            self._write(f"lookup/{subject}", self.lookups[subject])

    def spec(self, url: str) -> str:
        """The value of GOSUMDB."""
        return f"{self.key} {url}"

    def _sign(self, text: str) -> bytes:
        signature = base64.b64encode(self._key_hash + self._private.sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.name} {signature}\n".encode()

    def _root(self) -> str:
        # RFC 6962, 2.1: the left subtree is the largest full one.
        def tree(leaves: list[bytes]) -> bytes:
            if len(leaves) == 1:
                return leaves[0]
            split = 1 << ((len(leaves) - 1).bit_length() - 1)
            return _parent(tree(leaves[:split]), tree(leaves[split:]))

        return base64.b64encode(tree(self._leaves)).decode()

    def _write_tiles(self) -> None:
        level, hashes = 0, self._leaves
        while hashes:
            for start in range(0, len(hashes), WIDTH):
                row = hashes[start : start + WIDTH]
                self._write_tile(str(level), start // WIDTH, len(row), b"".join(row))
            above = [hashes[i : i + WIDTH] for i in range(0, len(hashes), WIDTH)]
            hashes = [self._fold(row) for row in above if len(row) == WIDTH]
            level += 1
        for start in range(0, self.size, WIDTH):
            texts = self._texts[start : start + WIDTH]
            self._write_tile("data", start // WIDTH, len(texts), b"\n".join(texts))

    @staticmethod
    def _fold(row: list[bytes]) -> bytes:
        while len(row) > 1:
            row = [_parent(row[i], row[i + 1]) for i in range(0, len(row), 2)]
        return row[0]

    def _write_tile(self, level: str, number: int, width: int, data: bytes) -> None:
        name, rest = f"{number % 1000:03d}", number // 1000
        while rest:
            name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
        partial = "" if width == WIDTH else f".p/{width}"
        self._write(f"tile/{HEIGHT}/{level}/{name}{partial}", data)

    def _write(self, name: str, data: bytes) -> None:
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
