"""One version of a folder on its way into the store: how it is judged, and in which order it comes in.

1. The `.info` must be about the version.
2. What the store has of it already must agree (the same go.mod, the same h1): what stands is never changed.
3. The checksum database is asked first, so that "cannot be verified now" is told from "is wrong".
4. Where the module is exempt from the database, its parts must agree with each other before the first of
   them is recorded as seen: a go.mod that is not the zip's, or a zip that is not its `.ziphash`, would stand
   for ever.
5. go.mod, zip, `.info` come in by the verified way, as every fill does; the `.info`, which no hash covers and
   which makes a version show in lists, comes last.
"""

from __future__ import annotations

import asyncio
import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from modgate.errors import Absent, Denied, Invalid, ModgateError, Tampered, Unavailable, Unverified
from modgate.gomod import dirhash, modzip
from modgate.gomod.protocol import Kind, Request
from modgate.model import Context
from modgate.source.bodies import close_body, small_body
from modgate.source.verified import stored_sums

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from modgate.gomod.types import ModuleVersion
    from modgate.model import Blob, ModuleSource
    from modgate.operations.works import Way, Works
    from modgate.source.folder import FolderUpstream
    from modgate.source.folder_layout import Entry
    from modgate.source.folder_tar import TarFiles

__all__ = ["Outcome", "State", "Taker"]

_ORDER = (Kind.MOD, Kind.ZIP, Kind.INFO)
_PIECE = 1 << 20

T = TypeVar("T")


class State(enum.StrEnum):
    """What became of a version."""

    IMPORTED = "imported"
    THERE = "there"
    REFUSED = "refused"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a version: why it was refused (a word and a sentence), and the bytes that came in."""

    entry: Entry
    state: State
    reason: str = ""
    text: str = ""
    size: int = 0


class _RefusedError(Exception):
    """A verdict that is no error of a part of ours."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class _UnverifiableError(_RefusedError):
    """The database could not be asked."""


class Taker:
    """Judges and takes versions; `dry` judges only. `source` answers from `folder`, `way` leads from it."""

    def __init__(
        self, works: Works, way: Way, source: ModuleSource, folder: FolderUpstream | TarFiles, *, dry: bool
    ) -> None:
        self._works = works
        self._way = way
        self._source = source
        self._folder = folder
        self._dry = dry
        self._ctx = Context(background=True)

    async def take(self, entry: Entry) -> Outcome:
        """What becomes of it. Raises Unavailable where the store or the folder fails, not the version."""
        if entry.version is None:
            return Outcome(entry, State.REFUSED, "name", entry.fault)
        try:
            return await self._take(entry, entry.version)
        except _UnverifiableError as error:
            return Outcome(entry, State.UNVERIFIABLE, error.reason, str(error))
        except _RefusedError as error:
            return Outcome(entry, State.REFUSED, error.reason, str(error))
        except Unavailable as error:
            if error.kind != "bad-answer":
                raise
            return Outcome(entry, State.REFUSED, "broken", error.what)
        except ModgateError as error:
            return Outcome(entry, State.REFUSED, _word(error), error.what)

    async def _take(self, entry: Entry, version: ModuleVersion) -> Outcome:
        requests = [Request.exact(kind, version) for kind in _ORDER if kind in entry.kinds]
        if Kind.INFO in entry.kinds:  # 1
            await small_body(await self._source.fetch(self._ctx, Request.exact(Kind.INFO, version)))
        missing = [request for request in requests if not await self._stands(request)]  # 2
        if not missing:
            return Outcome(entry, State.THERE)
        proved = missing == [Request.exact(Kind.INFO, version)]
        if not proved:
            await self._judge(entry, version)  # 3, 4
        if self._dry:
            return Outcome(entry, State.IMPORTED, size=await self._size(missing))
        filled = [await self._way.ensure(self._ctx, request) for request in missing]  # 5
        return Outcome(entry, State.IMPORTED, size=sum(each or 0 for each in filled))

    async def _stands(self, request: Request) -> bool:
        """Whether the store has it, and the same. Raises _RefusedError where it is another."""
        blob = await self._works.store.get(request.url_path)
        if blob is None or request.kind is Kind.INFO:
            return blob is not None
        try:
            same = await (self._same_mod if request.kind is Kind.MOD else self._same_zip)(request, blob)
        except Tampered:
            return False  # it has rotted and was set aside: there is nothing that stands
        if same:
            return True
        raise _RefusedError("differs", f"the store has this version with another {request.kind}, which stays")

    async def _same_mod(self, request: Request, blob: Blob) -> bool:
        mine = await small_body(await self._source.fetch(self._ctx, request))
        return mine == await blob.read()

    async def _same_zip(self, request: Request, blob: Blob) -> bool:
        """Recompression keeps the h1, so other bytes may be the same version."""
        if await self._over(request, _sha256) == blob.meta.sha256:
            return True
        h1 = blob.meta.h1 or (await stored_sums(request.module_version, blob))[0]
        return (await self._zip_sums(request.module_version))[0] == h1

    async def _judge(self, entry: Entry, version: ModuleVersion) -> None:
        """Steps 3 and 4. A dry run does the sums here, which the way does otherwise."""
        if self._works.database.covers(version.path):
            try:
                sums = await self._works.database.sums(self._ctx, version)
            except Unverified:
                raise
            except (Unavailable, Denied, Tampered, Absent) as error:
                raise _UnverifiableError("unreachable", f"cannot be verified now: {error.what}") from error
            if not self._dry:
                return
            zipped, mod, source = sums.zip, sums.mod, "the checksum database"
            if not mod or (Kind.ZIP in entry.kinds and not zipped):
                raise _RefusedError("unknown", "the checksum database lacks the sum that is needed")
        else:
            seen = [await self._works.ledger.seen(version, kind) for kind in ("zip", "mod")]
            zipped, mod = (each.h1 if each else "" for each in seen)
            source = "what this gate saw first"
        found_zip, found_mods = await self._sums(entry, version)
        if len(set(found_mods)) > 1:
            raise _RefusedError("differs", "its go.mod is not the one in its zip")
        found_mod = found_mods[0]
        if (found_zip and zipped and found_zip != zipped) or (mod and found_mod != mod):
            raise _RefusedError("differs", f"its hash is not that of {source}")
        noted = await self._ziphash(version) if found_zip and not zipped else ""
        if noted and noted != found_zip:
            raise _RefusedError("differs", "its zip is not the one of which its .ziphash was made")

    async def _sums(self, entry: Entry, version: ModuleVersion) -> tuple[str, list[str]]:
        """The h1 of the zip (empty without one), and those of go.mod as the zip and the `.mod` have it."""
        zipped, mods = "", []
        if Kind.ZIP in entry.kinds:
            zipped, mod = await self._zip_sums(version)
            mods.append(mod)
        if Kind.MOD in entry.kinds:
            answer = await self._source.fetch(self._ctx, Request.exact(Kind.MOD, version))
            mods.append(dirhash.hash_go_mod(await small_body(answer)))
        return zipped, mods

    async def _zip_sums(self, version: ModuleVersion) -> tuple[str, str]:
        def read(file: BinaryIO) -> tuple[str, str]:
            facts = modzip.check_zip(version, file)
            go_mod = facts.go_mod if facts.go_mod is not None else modzip.canonical_go_mod(version)
            return facts.h1, dirhash.hash_go_mod(go_mod)

        request = Request.exact(Kind.ZIP, version)
        # The limit on size is the source's.
        await close_body(await self._source.fetch(self._ctx, request))
        try:
            return await self._over(request, read)
        except Invalid as error:
            raise _RefusedError("broken", f"the zip breaks Go's rules: {error.what}") from error

    async def _over(self, request: Request, function: Callable[[BinaryIO], T]) -> T:
        """Run a pure function over a file of the folder in a thread; its errors pass through."""

        def run() -> T:
            try:
                with self._folder.open_file(request) as file:
                    return function(cast("BinaryIO", file))
            except OSError as error:
                raise Unavailable(f"cannot be read: {error.strerror}", kind="bad-answer") from error

        return await asyncio.to_thread(run)

    async def _ziphash(self, version: ModuleVersion) -> str:
        """What go or goproxy noted of the zip, empty where nothing is noted."""
        return await asyncio.to_thread(self._folder.ziphash, version)

    async def _size(self, requests: list[Request]) -> int:
        return sum([await self._folder.head(self._ctx, each.url_path) or 0 for each in requests])


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _word(error: ModgateError) -> str:
    if isinstance(error, Tampered):
        return "differs"
    if isinstance(error, Unverified):
        return "unknown"
    return "broken"
