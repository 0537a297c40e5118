"""A bundle of modules for another site: a folder that is a store, proved by the databases of this gate.

The gate's mirror is asked as any upstream would be, so whatever its view is and however it moves meanwhile,
the folder's own view is followed and verified step by step, and in the end with nobody asked.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from modgate.checksumdb.remote import Candidate
from modgate.errors import Absent, Denied, Invalid, ModgateError, Unavailable
from modgate.model.context import Context
from modgate.storage.disk import DiskStore
from modgate.sumdb.spec import Spec
from modgate.wiring.checksums import databases
from modgate.wiring.sumdb import copy_into

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modgate.gomod.types import ModuleVersion
    from modgate.model import BlobStore, ChecksumMirror, UpstreamStream
    from modgate.operations import Bundle
    from modgate.wiring.gate import Gate

__all__ = ["open_bundle"]


class _Asked:
    """One database of a gate as an upstream (`model.Upstream`): what it says of objects, nothing else."""

    def __init__(self, mirror: ChecksumMirror, name: str, *, fetch: bool) -> None:
        self._mirror = mirror
        self._ctx = Context(background=True, fetch=fetch)
        self.name = name

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:  # noqa: ARG002  small and proved
        """The body of `latest`, `lookup/…` or `tile/…`."""
        return (await self._mirror.fetch(self._ctx, self.name, path)).body

    async def open(self, ctx: Context, path: str) -> UpstreamStream:  # noqa: ARG002  the protocol's
        """There are no streams."""
        raise Invalid("a checksum database has no streams", where=path)

    async def head(self, ctx: Context, path: str) -> int | None:
        """The size."""
        return len(await self.get(ctx, path, limit=0))

    async def ready(self) -> None:
        """As long as the gate is."""

    async def close(self) -> None:
        """The gate's mirror is the gate's."""


class _FolderBundle:
    """A folder under way (`operations.Bundle`)."""

    def __init__(self, store: BlobStore, folder: Path, gate: Gate) -> None:
        self.store = store
        self._folder = folder
        self._sources: list[tuple[Spec, Candidate, Callable[[ModuleVersion], bool]]] = []
        specs = databases(gate.ground.config)
        if gate.mirror is not None and specs:
            asked = _Asked(gate.mirror, specs[0].name, fetch=True)
            covers = gate.mirror.covers
            self._sources.append((specs[0], Candidate(asked, proxy=False), lambda each: covers(each.path)))
        if gate.log is not None:
            # A lookup that may fetch would add to the log, which an export must not.
            asked = _Asked(gate.log, gate.log.name, fetch=False)
            spec = Spec(gate.log.name, gate.log.verifier_key)
            self._sources.append((spec, Candidate(asked, proxy=False), lambda _each: True))
        self._log = "" if gate.log is None else gate.log.name

    @property
    def databases(self) -> tuple[str, ...]:
        """The names of those that it carries."""
        return tuple(spec.name for spec, _, _ in self._sources)

    async def prove(self, versions: Sequence[ModuleVersion]) -> dict[str, ModgateError]:
        """Carry the lookups of these versions; what could not be had, by version."""
        missing: dict[str, ModgateError] = {}
        for spec, way, covers in self._sources:
            wanted = [version for version in versions if covers(version)]
            if not wanted:
                continue
            lacking = await self._copied(spec, way, wanted)
            if spec.name != self._log:  # what the gate's own log does not have, it was never asked about
                missing |= lacking
        return missing

    async def close(self) -> None:
        """Give the folder back."""
        await self.store.close()

    async def _copied(
        self, spec: Spec, way: Candidate, wanted: Sequence[ModuleVersion]
    ) -> dict[str, ModgateError]:
        try:
            _, lacking = await copy_into(
                self.store,
                spec,
                [way],
                wanted,
                missing=(Absent, Denied, Unavailable),
                where=str(self._folder),
            )
        except Unavailable as error:
            await self.store.ready()  # a full disk is the end; a database that cannot be asked is not
            return {str(version): error for version in wanted}
        return lacking


async def open_bundle(gate: Gate, folder: Path) -> Bundle:
    """Open a folder for an export of a gate. Raises Unavailable, Invalid for one in its own store."""
    await asyncio.to_thread(_check_apart, folder, gate.ground.config.store.path)
    return _FolderBundle(await DiskStore.open(folder, clock=time.time), folder, gate)


def _check_apart(folder: Path, store: Path | None) -> None:
    if store is not None and folder.resolve().is_relative_to(store.resolve()):
        raise Invalid(
            "this lies in the store that is to be exported",
            where=str(folder),
            next_step="Name another folder.",
        )
