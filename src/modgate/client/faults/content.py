"""What the drill server serves where it does not fail: a small module of its own, a folder, or a real proxy.

The small module is made here, so that a drill needs no network and no download is ever large. It can bear
any name and version, for a rehearsal with a module that cannot be fetched now.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncGenerator  # noqa: TC003  the type of a dataclass field
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

import aiohttp

from modgate.client.faults.kinds import endpoint_of
from modgate.errors import Unavailable
from modgate.gomod.module import check
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.proxylist import redacted
from modgate.gomod.pseudo import is_pseudo_version
from modgate.gomod.zipcreate import create_zip
from modgate.gomod.zipfiles import FileEntry

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from modgate.gomod.types import ModuleVersion

__all__ = ["DRILL", "Content", "DrillContent", "FolderContent", "Reply", "UpstreamContent", "drill_files"]

DRILL = check("example.com/modgate/drill", "v1.0.0")
"""The version that is served when nothing else is asked for."""

_PIECE = 1 << 16
_TYPES = {
    "info": "application/json",
    "latest": "application/json",
    "zip": "application/zip",
    "other": "application/octet-stream",
}
_MISSING = b"not found: the drill serves one module only\n"


@dataclass(slots=True)
class Reply:
    """An answer that is not broken yet.

    Attributes:
        status: HTTP status.
        kind: Content-Type.
        size: Bytes of body, None where they are not known before.
        pieces: The body.
    """

    status: int
    kind: str
    size: int | None
    pieces: AsyncGenerator[bytes, None]

    @classmethod
    def of(cls, status: int, kind: str, body: bytes) -> Self:
        """An answer whose body is known."""
        return cls(status, kind, len(body), _pieces(body))

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.pieces])


class Content(Protocol):
    """Where good answers come from."""

    async def open(self, path: str) -> Reply:
        """The answer for a path of the GOPROXY layout without a leading slash, still percent-encoded.

        Raises Unavailable where the source itself cannot be asked.
        """

    async def close(self) -> None:
        """Let go of connections."""


class DrillContent:
    """The small module under a name and version of choice, from memory."""

    def __init__(self, version: ModuleVersion = DRILL) -> None:
        self._files = drill_files(version)

    async def open(self, path: str) -> Reply:
        """As Content says; 404 for everything else."""
        body = self._files.get(unquote(path))
        if body is None:
            return Reply.of(404, "text/plain; charset=utf-8", _MISSING)
        return Reply.of(200, _type(path), body)

    async def close(self) -> None:
        """As Content says."""


class FolderContent:
    """A folder in the GOPROXY layout, such as `GOMODCACHE/cache/download`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def open(self, path: str) -> Reply:
        """As Content says; nothing outside of the folder is ever read."""
        place = (self._root / unquote(path)).resolve()
        if not place.is_relative_to(self._root) or not place.is_file():
            return Reply.of(404, "text/plain; charset=utf-8", b"not found\n")
        try:
            return Reply.of(200, _type(path), await asyncio.to_thread(place.read_bytes))
        except OSError as error:
            raise Unavailable(f"{place} cannot be read: {error.strerror}") from error

    async def close(self) -> None:
        """As Content says."""


class UpstreamContent:
    """A real proxy; its bodies are passed on as they come."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            trust_env=True, auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None, sock_read=60)
        )

    async def open(self, path: str) -> Reply:
        """As Content says."""
        try:
            answer = await self._session.get(
                f"{self._url}/{path}", headers={"Accept-Encoding": "identity"}, max_redirects=10
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unavailable(
                f"{redacted(self._url)} cannot be asked: {redacted(str(error)) or type(error).__name__}"
            ) from error
        kind = answer.headers.get("Content-Type", "application/octet-stream")
        return Reply(answer.status, kind, answer.content_length, _upstream_pieces(answer))

    async def close(self) -> None:
        """As Content says."""
        await self._session.close()


def drill_files(version: ModuleVersion = DRILL) -> dict[str, bytes]:
    """The files of the small module by their path in the GOPROXY layout."""
    mod = f"module {version.path}\n\ngo 1.21\n".encode()
    source = b"// Package drill is what a drill downloads.\npackage drill\n\nconst Served = true\n"
    # Long enough that a cut in the middle cuts something, and that a slow body is seen to be slow.
    text = b"".join(b"line %04d of a text that is here to be downloaded\n" % line for line in range(400))
    files = (("drill.go", source), ("go.mod", mod), ("drill.txt", text))
    buffer = io.BytesIO()
    create_zip(version, [FileEntry.of(name, data) for name, data in files], buffer)
    info = json.dumps({"Version": version.version, "Time": "2024-01-01T00:00:00Z"}).encode()
    listed = b"" if is_pseudo_version(version.version) else f"{version.version}\n".encode()
    return {
        Request(Kind.LIST, version.path).url_path: listed,
        Request(Kind.LATEST, version.path).url_path: info,
        Request.exact(Kind.INFO, version).url_path: info,
        Request.exact(Kind.MOD, version).url_path: mod,
        Request.exact(Kind.ZIP, version).url_path: buffer.getvalue(),
    }


def _type(path: str) -> str:
    return _TYPES.get(endpoint_of(path), "text/plain; charset=utf-8")


async def _pieces(body: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]


async def _upstream_pieces(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in answer.content.iter_chunked(_PIECE):
            yield piece
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unavailable(f"the upstream broke off: {type(error).__name__}") from error
    finally:
        answer.close()
