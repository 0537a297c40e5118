"""What the layers above need of a checksum database: the sums of a version, and a mirror to serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model.answer import Verification
    from modgate.model.context import Context

__all__ = ["ChecksumDatabase", "ChecksumMirror", "MirrorAnswer", "Sums"]


@dataclass(frozen=True, slots=True)
class Sums:
    """The authenticated sums of one version: `h1:…` of the zip and of the go.mod.

    Either may be empty where the database's record lacks that line. `verified` says which proof
    stands behind them.
    """

    zip: str
    mod: str
    verified: Verification


class ChecksumDatabase(Protocol):
    """Looks up what the bytes of a version must hash to."""

    def covers(self, path: ModulePath) -> bool:
        """False where patterns (GONOSUMDB, GOPRIVATE, exemptions) or `off` exempt the module."""

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:
        """The authenticated sums.

        Raises Unverified (the database proves it does not know the version), Unavailable (it could
        not be asked: never taken for "unknown"), Tampered (bad signature, proof, fork, rollback),
        Denied (a private name, or an upstream's refusal).
        """


@dataclass(frozen=True, slots=True)
class MirrorAnswer:
    """One object of the `/sumdb/<name>/` tree: the bytes, and whether they can ever change.

    `shared` is false for what was given to this client and is not everybody's.
    """

    body: bytes
    immutable: bool
    content_type: str = "text/plain; charset=utf-8"
    shared: bool = True


class ChecksumMirror(Protocol):
    """Serves `/sumdb/<name>/…` to clients, verified before it is kept or passed on."""

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:
        """`rest` is `supported`, `latest`, `lookup/M@V` (escaped) or `tile/…`.

        Raises Absent for a database that is not mirrored or a record proved unknown, Invalid for a
        nonsense path, Denied for a private name, Unavailable, Tampered.
        """
