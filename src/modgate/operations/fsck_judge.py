"""What is wrong with one object: its bytes, its form, and what else is recorded of it.

The order is from the cheapest to the dearest, and the first fault is the answer: what follows from it would
only be noise.

1. Its size is the one that was noted (`half`); a zip of which nothing is noted ends as a zip does.
2. Its SHA-256 is the one that was noted (`rot`).
3. It is what its name says (`content`): an `.info` of that version, a list, a lookup of it, a tile.
4. A zip or go.mod has the h1 of every record: `.ziphash`, a checksum database's stored answer (`record`).
5. Deep: the zip keeps Go's zip rules, its h1 is computed anew, and the go.mod in it is the one beside it.

An h1 that was noted stands for the bytes, since these are what was verified then; wherever two records of it
disagree it is computed from the bytes, and only then is a record called wrong.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Invalid, ModgateError
from modgate.gomod import dirhash, modzip, protocol
from modgate.gomod.protocol import Kind, Request
from modgate.model.inspection import Fault, Judged
from modgate.operations.fsck_names import Name
from modgate.operations.fsck_proof import head_fault, lookup_fault, lookup_sums, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.model.inspection import Look

__all__ = ["Judge", "Level"]

_MAX_BODY = 64 * 1024 * 1024
_END = b"PK\x05\x06"
_MAX_END = 22 + 0xFFFF
_SHOWN = 16


class Level(enum.StrEnum):
    """How much is read: sizes alone, every byte, or every byte with all that follows from it."""

    QUICK = "quick"
    FULL = "full"
    DEEP = "deep"


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges objects by their names; `keys` are those of checksum databases, by name."""

    names: Mapping[str, Name]
    level: Level
    keys: Mapping[str, str]

    def __call__(self, look: Look) -> Judged:
        """The judgement. Blocks; raises OSError."""
        name = self.names[look.key]
        try:
            return self._zip(look, name) if name.kind == "zip" else self._small(look, name)
        except _Wrong as found:
            return Judged((found.fault,))

    # --- small objects

    def _small(self, look: Look, name: Name) -> Judged:
        self._size(look)
        if self.level is Level.QUICK:
            return Judged()
        if look.size > _MAX_BODY:
            raise _wrong(look, "content", "content-large", size=look.size)
        body = look.body()
        self._sha256(look, hashlib.sha256(body).hexdigest())
        self._content(look, name, body)
        if name.kind != "mod":
            return Judged()
        h1 = dirhash.hash_go_mod(body)
        return Judged((), h1, exact=True, proved=self._recorded(look, name, h1))

    def _content(self, look: Look, name: Name, body: bytes) -> None:
        try:
            _read(name, body)
        except ModgateError as error:
            raise _wrong(look, "content", "content-form", why=error.what) from error
        if name.kind == "head":
            self._proved(look, head_fault(body, name.database, self.keys))
        elif name.kind == "lookup" and self.level is Level.DEEP:
            self._proved(look, lookup_fault(body, name, look.beside, self.keys))

    def _proved(self, look: Look, why: str) -> None:
        if why:
            raise _wrong(look, "proof", "proof", why=why)

    # --- zips

    def _zip(self, look: Look, name: Name) -> Judged:
        self._size(look)
        noted = look.meta.h1 if look.meta is not None else ""
        if self.level is Level.QUICK:
            if look.meta is None:
                self._ends_as_zip(look)
            if noted and look.ziphash is None:
                raise _wrong(look, "ziphash", "ziphash-missing", h1=noted)
            if noted and look.ziphash is not None and _text(look.ziphash) != noted:
                raise _wrong(look, "ziphash", "ziphash-wrong", h1=noted, found=_text(look.ziphash))
            return Judged((), noted)
        if look.meta is None:
            self._ends_as_zip(look)
        else:
            self._sha256(look, look.sha256())
        exact = self.level is Level.DEEP or not noted
        h1, inner = self._computed(look, name) if exact else (noted, "")
        written = None if look.ziphash is None else _text(look.ziphash)
        if not exact and (written != h1 or not self._agrees(look, name, h1)):
            h1, inner = self._computed(look, name)
            exact = True
        if noted and noted != h1:
            raise _wrong(look, "sidecar", "sidecar-h1", h1=h1, found=noted)
        proved = self._recorded(look, name, h1)
        if written is None and noted:
            return Judged((_fault(look, "ziphash", "ziphash-missing", h1=h1),), h1, exact, proved)
        if written is not None and written != h1:
            wrong = _fault(look, "ziphash", "ziphash-wrong", h1=h1, found=written)
            return Judged((wrong,), h1, exact, proved)
        return Judged((), h1, exact, proved, inner)

    def _computed(self, look: Look, name: Name) -> tuple[str, str]:
        """The h1 of the zip's bytes, and `Judged.inner_mod`; a zip that is none, or breaks the rules, is a
        fault.
        """
        version = name.version
        assert version is not None
        try:
            facts = modzip.check_zip(version, look.file())
        except Invalid as error:
            raise _wrong(look, "content", "content-rules", why=error.what) from error
        except ModgateError as error:
            raise _wrong(look, "content", "content-form", why=error.what) from error
        mod = look.beside(name.scope + Request.exact(Kind.MOD, version).url_path)
        inside = facts.go_mod if facts.go_mod is not None else modzip.canonical_go_mod(version)
        if mod is None or mod == inside or self.level is not Level.DEEP:
            return facts.h1, ""
        inner = dirhash.hash_go_mod(inside)
        known = {h1 for _, h1 in self._records(look, name, mod=True)}
        return facts.h1, "" if inner in known else inner

    def _ends_as_zip(self, look: Look) -> None:
        size = min(look.size, _MAX_END)
        file = look.file()
        file.seek(look.size - size)
        if _END not in file.read(size):
            raise _wrong(look, "half", "half-zip", size=look.size)

    # --- parts

    def _size(self, look: Look) -> None:
        if look.torn:
            raise _wrong(look, "sidecar", "sidecar-torn")
        if look.meta is not None and look.meta.size != look.size:
            raise _wrong(look, "half", "half-size", size=look.size, stored=look.meta.size)

    def _sha256(self, look: Look, found: str) -> None:
        if look.meta is not None and look.meta.sha256 != found:
            raise _wrong(look, "rot", "rot", stored=look.meta.sha256[:_SHOWN], found=found[:_SHOWN])

    def _agrees(self, look: Look, name: Name, h1: str) -> bool:
        return all(known == h1 for _, known in self._records(look, name))

    def _recorded(self, look: Look, name: Name, h1: str) -> bool:
        """Whether a stored record says this h1. A record that says another is proved first."""
        proved = False
        for database, known in self._records(look, name):
            if known == h1:
                proved = True
                continue
            file, body = self._lookup(look, name, database)
            if body is not None and not lookup_fault(body, file, look.beside, self.keys):
                raise _wrong(look, "record", "record-database", h1=h1, record=known, database=database)
        return proved

    def _records(self, look: Look, name: Name, *, mod: bool = False) -> list[tuple[str, str]]:
        """The h1 that each checksum database's stored answer has for this object (`mod`: its go.mod)."""
        version = name.version
        assert version is not None
        found: list[tuple[str, str]] = []
        for database in () if name.scope else self.keys:
            _, body = self._lookup(look, name, database)
            sums = None if body is None else lookup_sums(body, version)
            known = "" if sums is None else sums[mod or name.kind == "mod"]
            if known:
                found.append((database, known))
        return found

    def _lookup(self, look: Look, name: Name, database: str) -> tuple[Name, bytes | None]:
        stem = name.key.rpartition(".")[0].replace("/@v/", "@")
        file = f"sumdb/{database}/lookup/{stem}"
        return Name(file, "lookup", database=database, rest=f"lookup/{stem}"), look.beside(file)


class _Wrong(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def _fault(look: Look, kind: str, reason: str, **values: str | int) -> Fault:
    return Fault(kind, look.key, reason, values)


def _wrong(look: Look, kind: str, reason: str, **values: str | int) -> _Wrong:
    return _Wrong(_fault(look, kind, reason, **values))


def _text(ziphash: bytes) -> str:
    return ziphash.decode("ascii", "replace").strip()


def _read(name: Name, body: bytes) -> None:
    """Raise where the bytes are not what the name says."""
    request = name.request
    match name.kind:
        case "info":
            assert request is not None
            protocol.parse_info(body, asked=request.version, path=request.path)
        case "query" | "latest":
            assert request is not None
            protocol.parse_info(body, asked=None, path=request.path)
        case "list":
            assert request is not None
            protocol.parse_list(body, request.path)
        case "mod":
            _read_mod(body)
        case "lookup" | "head" | "tile":
            read_file(name, body)
        case _:
            pass


def _read_mod(body: bytes) -> None:
    """Old modules have odd go.mod files, so only what no go.mod can be is refused."""
    if len(body) > modzip.MAX_GO_MOD:
        raise Invalid(f"it is larger than {modzip.MAX_GO_MOD} bytes")
    if body.lstrip()[:1] == b"<":
        raise Invalid("it is an HTML page")
    if b"\0" in body:
        raise Invalid("it holds binary data")
