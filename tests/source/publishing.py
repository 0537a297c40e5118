"""Uploads for tests: trees as zips and tars, and stores that fail where the test says."""

from __future__ import annotations

import asyncio
import gzip
import io
import tarfile
from typing import TYPE_CHECKING, Any

from modgate.errors import Unavailable
from modgate.gomod.publishing import publishable
from tests.support.modules import make_zip

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.gomod.types import ModuleVersion
    from modgate.model import BlobStore

__all__ = ["PATH", "Steps", "gzipped", "pieces", "tree", "version", "zipped"]

PATH = "corp.example/lib"


def version(text: str = "v1.0.0", path: str = PATH) -> ModuleVersion:
    return publishable(path, text)


def tree(path: str = PATH, **files: str) -> dict[str, bytes]:
    """A small module; `files` are further ones, `_` for the dot in their names."""
    more = {name.replace("_", "."): text.encode() for name, text in files.items()}
    return {"go.mod": f"module {path}\n\ngo 1.21\n".encode(), "lib.go": b"package lib\n", **more}


def zipped(of: ModuleVersion, files: Mapping[str, bytes] | None = None) -> bytes:
    """The module zip of a tree."""
    found = tree(of.path) if files is None else files
    return make_zip({f"{of}/{name}": data for name, data in found.items()})


def tarred(files: Mapping[str, bytes]) -> bytes:
    """A tar of a tree."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def gzipped(files: Mapping[str, bytes]) -> bytes:
    """The same, compressed."""
    return gzip.compress(tarred(files))


async def pieces(data: bytes, size: int = 64 * 1024) -> AsyncGenerator[bytes, None]:
    """A body as a network brings it."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Steps:
    """A store that passes everything on, and dies at its n-th change: nothing it is told later happens."""

    def __init__(self, inner: BlobStore, deadly: int) -> None:
        self._inner = inner
        self._left = deadly
        self.changes: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _step(self, what: str) -> None:
        self.changes.append(what)
        self._left -= 1
        if self._left <= 0:
            raise Unavailable(f"died at {what}")

    async def create(self, key: str, *, size: int | None = None) -> Any:
        self._step(f"create {key}")
        return _Writer(self, await self._inner.create(key, size=size), key)

    async def get(self, key: str) -> Any:
        found = await self._inner.get(key)
        await asyncio.sleep(0)  # as from a disk: others run meanwhile
        return found

    async def put(self, key: str, data: bytes, meta: Any) -> Any:
        self._step(f"put {key}")
        return await self._inner.put(key, data, meta)

    async def replace(self, key: str, data: bytes, meta: Any) -> Any:
        self._step(f"replace {key}")
        return await self._inner.replace(key, data, meta)


class _Writer:
    def __init__(self, steps: Steps, inner: Any, key: str) -> None:
        self._steps = steps
        self._inner = inner
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, meta: Any) -> Any:
        self._steps._step(f"commit {self._key}")
        return await self._inner.commit(meta)
