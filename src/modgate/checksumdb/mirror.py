"""The mirror of checksum databases: answers clients, and answers the gate itself.

One object does both, so that what a client verifies and what the gate verifies is one view. A name that
matches a private pattern never leaves: it is refused before anything is asked. Exempt patterns (GONOSUMDB)
only say which modules the gate does not look up by itself; golang.org/toolchain is never exempt, since
downloaded toolchains stand in no go.sum.

Sources: go help goproxy; GOROOT/src/cmd/go/internal/modfetch/sumdb.go; x/mod/sumdb/server.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.checksumdb.database import Database, Looked, Timing
from modgate.checksumdb.driver import NotStored
from modgate.checksumdb.kept import Kept
from modgate.errors import Absent, Denied, Invalid, Unavailable, Unverified
from modgate.gomod.module import check, unescape_path, unescape_version
from modgate.gomod.patterns import match_prefix_patterns
from modgate.model.checksums import MirrorAnswer
from modgate.sumdb.spec import check_name
from modgate.sumdb.tiles import parse_tile_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.checksumdb.remote import Candidate
    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model.blob import BlobStore
    from modgate.model.checksums import Sums
    from modgate.model.context import Context
    from modgate.model.ledger import Ledger
    from modgate.sumdb.spec import Spec

__all__ = ["Mirror", "Mirrored", "Timing"]

_TOOLCHAIN = "golang.org/toolchain"
_TILE_TYPE = "application/octet-stream"
_TILE_MEMORY = 16 * 1024 * 1024
_LOOKUPS = 10_000


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A database and the ways to it, in the order they are tried (see `remote.Candidate`)."""

    spec: Spec
    candidates: Sequence[Candidate]


class Mirror:
    """A `ChecksumMirror` of all its databases and the `ChecksumDatabase` that the first of them is.

    `private` says which names never leave; `exempt` are comma-separated globs as in GONOSUMDB; `clock`
    gives Unix seconds. Without a database (`off`) nothing is covered and nothing mirrored.
    """

    def __init__(
        self,
        databases: Sequence[Mirrored],
        store: BlobStore,
        ledger: Ledger,
        clock: Callable[[], float],
        *,
        private: Callable[[str], bool] = lambda _path: False,
        exempt: str = "",
        timing: Timing | None = None,
        tile_memory: int = _TILE_MEMORY,
        lookups: int = _LOOKUPS,
    ) -> None:
        self._kept = Kept(store, clock, memory=tile_memory)
        self._databases = {
            each.spec.name: Database(
                each.spec,
                each.candidates,
                self._kept,
                ledger,
                clock,
                timing=timing or Timing(),
                entries=lookups,
            )
            for each in databases
        }
        self._main = databases[0].spec.name if databases else ""
        self._private = private
        self._exempt = exempt

    def retarget(self, databases: Sequence[Mirrored], *, private: Callable[[str], bool], exempt: str) -> None:
        """Other ways to the same databases, and other patterns, from now on. The trusted heads stay: two
        views of one database in one process could set each other back.
        """
        for each in databases:
            self._databases[each.spec.name].retarget(each.candidates)
        self._private = private
        self._exempt = exempt

    @property
    def names(self) -> tuple[str, ...]:
        """The databases' names."""
        return tuple(self._databases)

    def covers(self, path: ModulePath) -> bool:
        """Whether the gate asks the database about a module."""
        if not self._main or self._private(path):
            return False
        return path == _TOOLCHAIN or not match_prefix_patterns(self._exempt, path)

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:
        """The proved sums; see `model.ChecksumDatabase`. Raises Denied for a private module."""
        if not self._main:
            raise Unavailable("no checksum database is configured", where=str(version))
        try:
            looked = await self._look_up(ctx, self._main, version)
        except Absent as error:
            raise Unverified(
                f"{version}: the checksum database does not know it: {error.what}",
                where=self._main,
                next_step=f"If the module is private, exempt {version.path} (GOPRIVATE, GONOSUMDB).",
            ) from error
        return looked.sums

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:
        """An object of the `/sumdb/<name>/` tree; see `model.ChecksumMirror`."""
        database = self._databases.get(name)
        if database is None:
            check_name(name)
            raise Absent("this checksum database is not mirrored here", where=name)
        kind, _, what = rest.partition("/")
        if rest == "supported":
            return MirrorAnswer(b"", immutable=False)
        if rest == "latest":
            try:
                return MirrorAnswer(await database.latest(fetch=ctx.fetch), immutable=False)
            except NotStored as error:
                raise Absent(error.what, where=name) from error
        if kind == "lookup" and what:
            return await self._lookup(ctx, name, what)
        if kind == "tile" and what:
            return await self._tile(ctx, database, rest)
        raise Invalid(
            "not an object of a checksum database",
            where=name,
            next_step="Known are supported, latest, lookup/<module>@<version> and tile/….",
        )

    async def flush(self) -> None:
        """Wait until everything that was learnt is written."""
        for database in self._databases.values():
            await database.flush()
        await self._kept.flush()

    async def close(self) -> None:
        """Finish writing, and stop."""
        for database in self._databases.values():
            await database.close()
        await self._kept.flush()

    async def _lookup(self, ctx: Context, name: str, what: str) -> MirrorAnswer:
        escaped_path, at, escaped_version = what.partition("@")
        if not at:
            raise Invalid("invalid module@version syntax", where=name, malformed=True)
        version = check(unescape_path(escaped_path), unescape_version(escaped_version))
        try:
            looked = await self._look_up(ctx, name, version)
        except NotStored as error:
            raise Absent(error.what, where=name) from error
        return MirrorAnswer(looked.body, immutable=True)

    async def _look_up(self, ctx: Context, name: str, version: ModuleVersion) -> Looked:
        if self._private(version.path):
            raise Denied(
                f"{version.path} is private: its name is not sent to a public checksum database",
                where=name,
                next_step="Set GONOSUMDB (or GOPRIVATE) to a pattern that covers it.",
            )
        return await self._databases[name].lookup(version.path, version.version, fetch=ctx.fetch)

    async def _tile(self, ctx: Context, database: Database, rest: str) -> MirrorAnswer:
        try:
            tile = parse_tile_path(rest)
        except Invalid as error:
            raise Invalid(error.what, where=database.name, malformed=True) from error
        try:
            data = await database.tile(tile, fetch=ctx.fetch)
        except NotStored as error:
            raise Absent(error.what, where=database.name) from error
        return MirrorAnswer(data, immutable=True, content_type=_TILE_TYPE)
