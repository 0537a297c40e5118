"""What `fsck --repair` does about each fault.

- What is damaged is set aside and fetched again by the gate's own way, which verifies it.
- A record is never changed. Where the checksum database proves that the stored bytes are right, it is the
  ledger that is wrong, and a person must know; else the bytes are wrong, and are fetched again.
- What cannot be fetched again (published, or private without an origin that answers) is set aside only
  when its bytes are really wrong; a mere disagreement about it is left to a person.
- What has no place goes to the quarantine, what is left over is deleted, a `.ziphash` is written anew where
  its h1 is proved.

Nothing here is done to other files than those that were judged.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import ModgateError, Unverified
from modgate.gomod.protocol import Kind, Request
from modgate.model import Context, Verification
from modgate.operations.fsck_judge import Judge, Level
from modgate.operations.fsck_names import Name, read_name
from modgate.operations.fsck_proof import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.gomod.types import ModuleVersion
    from modgate.model.inspection import Fault, Inspection
    from modgate.operations.works import Works

__all__ = ["Done", "Mending"]

_WRONG_BYTES = frozenset({"rot", "half", "unreadable"})
_CONTEXT = Context(background=True)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: a word whose text is `fsck.done.<word>`, and whether the fault is gone for good."""

    word: str
    mended: bool
    why: str = ""


class Mending:
    """Repairs the faults of one inspection."""

    def __init__(self, works: Works, inspection: Inspection, keys: Mapping[str, str]) -> None:
        self._works = works
        self._inspection = inspection
        self._keys = keys

    async def mend(self, fault: Fault) -> Done:
        """Repair one fault. Raises Unavailable where the store itself fails."""
        inspection = self._inspection
        if fault.kind == "layout":
            moved = await inspection.move_away(fault.where, fault.reason)
            return Done("moved", mended=True) if moved else Done("gone", mended=True)
        if fault.kind == "orphan":
            await inspection.drop(fault)
            return Done("dropped", mended=True)
        name = read_name(fault.where)
        if name is None:
            return Done("left", mended=False)
        if fault.kind == "ziphash":
            return await self._ziphash(name)
        if fault.kind == "unreadable" and fault.values.get("errno") != errno.EIO:
            return Done("left-unreadable", mended=False)
        if name.request is None:
            return await self._database_file(fault, name)
        return await self._object(fault, name)

    # --- objects

    async def _object(self, fault: Fault, name: Name) -> Done:
        works = self._works
        assert name.request is not None
        if fault.kind == "record" and (done := await self._right(fault, name)) is not None:
            return done
        if fault.reason == "sidecar-torn" and await self._stands_without_note(name):
            return Done("forgotten", mended=True)
        if fault.kind not in _WRONG_BYTES and works.kept(name.request.path):
            return Done("left-kept", mended=False)
        await self._inspection.set_aside(fault.where, fault.stamp, f"fsck: {fault.reason}")
        beside = None
        if fault.reason == "record-mod" and name.version is not None:
            # Nobody knows which of the two is wrong.
            beside = read_name(name.scope + Request.exact(Kind.MOD, name.version).url_path)
            if beside is not None:
                await self._inspection.set_aside(beside.key, None, f"fsck: {fault.reason}")
        if name.scope:
            return Done("aside-scope", mended=True)
        if beside is not None and not (done := await self._again(beside)).mended:
            return done
        return await self._again(name)

    async def _again(self, name: Name) -> Done:
        """Fetch what was set aside."""
        works, request = self._works, name.request
        assert request is not None
        try:
            if not request.immutable:
                await works.way.refresh(_CONTEXT, request)
            else:
                await works.way.ensure(_CONTEXT, request)
        except ModgateError as error:
            if not request.immutable:
                return Done("aside-later", mended=True)
            return Done("aside", mended=False, why=error.what)
        judge = Judge({name.key: name}, Level.FULL, self._keys)
        for finding in await self._inspection.examine([name.key], judge):
            if finding.judged.faults:
                return Done("still", mended=False, why=finding.judged.faults[0].reason)
        return Done("fetched", mended=True)

    async def _stands_without_note(self, name: Name) -> bool:
        """Delete a note that cannot be read; whether nothing else speaks against the bytes."""
        await self._inspection.forget(name.key)
        for finding in await self._inspection.examine(
            [name.key], Judge({name.key: name}, Level.DEEP, self._keys)
        ):
            judged = finding.judged
            if judged.faults:
                return False
            if judged.h1 and name.version is not None:
                record = await self._works.ledger.seen(name.version, name.kind)
                return record is None or record.h1 == judged.h1
        return True

    async def _right(self, fault: Fault, name: Name) -> Done | None:
        """What stops a repair of an object that a record disagrees with; None if its bytes are wrong."""
        version = name.version
        h1 = fault.values.get("h1")
        if version is None or not h1 or fault.reason == "record-mod":
            return None
        if fault.reason == "record-both":
            return Done("left-ledger", mended=False)
        if not self._works.database.covers(version.path) or name.scope:
            return None
        try:
            known = await self._proved(version, name.kind)
        except ModgateError as error:
            return Done("left-unproved", mended=False, why=error.what)
        return Done("left-ledger", mended=False) if known == h1 else None

    async def _proved(self, version: ModuleVersion, kind: str) -> str:
        """What the checksum database says; empty where it does not know the version."""
        try:
            sums = await self._works.database.sums(_CONTEXT, version)
        except Unverified:
            return ""
        return sums.mod if kind == "mod" else sums.zip

    # --- .ziphash

    async def _ziphash(self, name: Name) -> Done:
        """Write it anew if the h1 that the zip's bytes have now is the proved one."""
        version = name.version
        assert version is not None
        judge = Judge({name.key: name}, Level.DEEP, self._keys)
        found = await self._inspection.examine([name.key], judge)
        if not found:
            return Done("gone", mended=True)
        judged, stamp = found[0].judged, found[0].stamp
        if any(each.kind != "ziphash" for each in judged.faults):
            return Done("left", mended=False, why=judged.faults[0].reason)
        if not judged.proved and not await self._known(version, judged.h1, name):
            return Done("left-unproved", mended=False)
        written = await self._inspection.write_ziphash(name.key, stamp, judged.h1)
        return Done("rewritten" if written else "gone", mended=True)

    async def _known(self, version: ModuleVersion, h1: str, name: Name) -> bool:
        """Whether the ledger, the database, or what was noted when the zip was verified says this h1."""
        recorded = await self._works.ledger.seen(version, "zip")
        if recorded is not None:
            return recorded.h1 == h1
        blob = await self._works.store.get(name.key)
        if blob is not None and blob.meta.h1 == h1 and blob.meta.verified != Verification.NONE:
            return True
        if name.scope or not self._works.database.covers(version.path):
            return False
        with suppress(ModgateError):
            return await self._proved(version, "zip") == h1
        return False

    # --- files of checksum databases

    async def _database_file(self, fault: Fault, name: Name) -> Done:
        """Set it aside: such a file is a copy that is made again when somebody needs it."""
        await self._inspection.set_aside(fault.where, fault.stamp, f"fsck: {fault.reason}")
        if name.kind == "lookup":
            version = version_of(name)
            if self._works.database.covers(version.path):
                with suppress(ModgateError):
                    await self._works.database.sums(_CONTEXT, version)
        return Done("aside-later", mended=True)
