"""A body on its way in becomes a checked module zip in a temporary object of the store.

1. What it is, is told by its first bytes; a media type that says otherwise is refused.
2. It is written as it comes, bounded; a gzipped tar is inflated on the way, so that what counts is its size
   unpacked.
3. A zip is checked whole, in a thread. A tar is read there and becomes a zip by Go's rules for folders, in a
   second temporary object.

Nothing is visible under any name; whoever gets the `Upload` commits or drops it.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
import zlib
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from modgate.errors import Invalid, TooLarge, Unavailable
from modgate.gomod import modzip
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.tartree import MAX_TAR, read_tar
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from typing import BinaryIO

    from modgate.gomod.modzip import ZipFacts
    from modgate.gomod.types import ModuleVersion
    from modgate.model import BlobStore, BlobWriter

__all__ = ["Upload", "receive"]

_PIECE = 256 * 1024
_HEAD = 512


class _Form(enum.Enum):
    ZIP = "a zip"
    TAR = "a tar"
    GZIP = "a gzipped tar"


_BY_TYPE = {
    "application/zip": {_Form.ZIP},
    "application/x-zip-compressed": {_Form.ZIP},
    "application/x-tar": {_Form.TAR, _Form.GZIP},
    "application/gzip": {_Form.GZIP},
    "application/x-gzip": {_Form.GZIP},
    "application/x-gtar": {_Form.TAR, _Form.GZIP},
    "application/octet-stream": set(_Form),
    "": set(_Form),
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A module zip that keeps all rules, not yet committed: `writer` holds it, `sha256` is of its bytes."""

    writer: BlobWriter
    facts: ZipFacts
    sha256: str


async def receive(
    version: ModuleVersion, body: AsyncIterator[bytes], media_type: str, store: BlobStore
) -> Upload:
    """Take the whole body in. The caller closes the writer of what is returned.

    Raises Invalid (malformed) for what is no module zip or tree, TooLarge, Unavailable of the store, and what
    the body raises; nothing is left then.
    """
    head, form = await _form(body, media_type)
    key = Request.exact(Kind.ZIP, version).url_path
    writer = await store.create(key)
    try:
        digest = hashlib.sha256()
        async with aclosing(_pieces(form, head, body)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                await writer.write(piece)
        if form is _Form.ZIP:
            return Upload(writer, await _checked(version, writer), digest.hexdigest())
        upload = await _zipped(version, writer, store, key)
    except BaseException:
        await writer.aclose()
        raise
    await writer.aclose()
    return upload


async def _form(body: AsyncIterator[bytes], media_type: str) -> tuple[bytes, _Form]:
    """Step 1: the first bytes, and what they are."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind not in _BY_TYPE:
        raise Invalid(
            f"a body of type {shown(kind)} is no module",
            next_step="Send application/zip (a module zip) or application/x-tar (the tree of its files).",
            malformed=True,
        )
    head = b""
    while len(head) < _HEAD and (piece := await anext(body, None)) is not None:
        head += piece
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        form = _Form.ZIP
    elif head.startswith(b"\x1f\x8b"):
        form = _Form.GZIP
    elif len(head) >= _HEAD and (head[257:262] == b"ustar" or kind == "application/x-tar"):
        form = _Form.TAR
    else:
        raise Invalid("the body is neither a zip nor a tar", malformed=True)
    if form not in _BY_TYPE[kind]:
        raise Invalid(f"the body is {form.value}, but is said to be {kind}", malformed=True)
    return head, form


async def _pieces(form: _Form, head: bytes, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Step 2: the bytes to be kept. Raises TooLarge, Invalid."""
    inflater = _Inflater() if form is _Form.GZIP else None
    limit = MAX_TAR if form is _Form.TAR else modzip.MAX_ZIP_FILE
    came = 0
    piece: bytes | None = head
    while piece is not None:
        came += len(piece)
        if came > limit:
            raise _too_large(limit)
        if inflater is None:
            yield piece
        else:
            async for part in inflater.feed(piece):
                yield part
        piece = await anext(body, None)
    if inflater is not None:
        inflater.check_end()


class _Inflater:
    """A gzip of one member, inflated in bounded pieces up to a bounded size."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._size = 0

    async def feed(self, data: bytes) -> AsyncIterator[bytes]:
        """What the next bytes hold."""
        while data:
            if self._inflater.eof:
                raise Invalid("data stands behind the end of the gzip", malformed=True)
            try:
                part = await asyncio.to_thread(self._inflater.decompress, data, _PIECE)
            except zlib.error as error:
                raise Invalid(f"the gzip is damaged: {error}", malformed=True) from error
            data = self._inflater.unconsumed_tail or self._inflater.unused_data
            self._size += len(part)
            if self._size > MAX_TAR:
                raise _too_large(MAX_TAR)
            if part:
                yield part

    def check_end(self) -> None:
        """Raise Invalid unless it came to its end."""
        if not self._inflater.eof:
            raise Invalid("the gzip is cut short", malformed=True)


async def _checked(version: ModuleVersion, writer: BlobWriter) -> ZipFacts:
    """Step 3 for a zip."""

    def check(file: BinaryIO) -> ZipFacts:
        try:
            return modzip.check_zip(version, file)
        except (Invalid, Unavailable) as error:
            raise _refused(error, version) from error

    return await writer.check(check)


async def _zipped(version: ModuleVersion, tar: BlobWriter, store: BlobStore, key: str) -> Upload:
    """Step 3 for a tar."""
    writer = await store.create(key)
    out = _Spill(writer, asyncio.get_running_loop())

    def make(file: BinaryIO) -> ZipFacts:
        try:
            files, _ = modzip.list_files_in_dir(read_tar(file))
            facts = modzip.create_zip(version, files, cast("BinaryIO", out))
        except Invalid as error:
            raise _refused(error, version) from error
        out.flush()
        return facts

    try:
        facts = await tar.check(make)
    except BaseException:
        # A thread that still writes is told at its next piece.
        await writer.aclose()
        raise
    return Upload(writer, facts, out.digest.hexdigest())


class _Spill:
    """A file that a thread writes, which goes into a writer of the event loop piece by piece."""

    def __init__(self, writer: BlobWriter, loop: asyncio.AbstractEventLoop) -> None:
        self._writer = writer
        self._loop = loop
        self._held = bytearray()
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Take bytes; waits for the store once a piece is full."""
        self._held += data
        if len(self._held) >= _PIECE:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Give the store what is held."""
        data, self._held = bytes(self._held), bytearray()
        self.digest.update(data)
        asyncio.run_coroutine_threadsafe(self._writer.write(data), self._loop).result()


def _refused(error: Invalid | Unavailable, version: ModuleVersion) -> Invalid:
    """What is wrong with the bytes is the sender's matter, also where they are damaged."""
    return Invalid(error.what, where=error.where or str(version), next_step=error.next_step, malformed=True)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than the {limit} bytes that a module may have",
        next_step="Go refuses larger module zips; leave out what is no source.",
    )
