"""Is this a module zip, and what is its h1? One pass: each byte is read, inflated and hashed once.

1. The directory is read and every name and declared size is judged, before anything is inflated.
2. The files are taken in the order in which they stand. Both headers of each must agree and no two
   may share a byte.
3. Each is inflated to at most one byte more than it declares, and hashed as it goes.
4. The hashes make the h1.

What is refused is what golang.org/x/mod/zip (CheckZip, then Unzip) refuses, plus what `zipformat`
calls ambiguous. Like there, a symbolic link's mode does not count, its bytes are a file like any
other, and files in vendor folders are taken as they come (leaving them out is for who makes zips).
Python's zipfile is not used: it is lenient by design, and slow.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modgate.errors import Invalid, ModgateError
from modgate.gomod.dirhash import hash1
from modgate.gomod.texts import shown
from modgate.gomod.zipformat import (
    METHOD_DEFLATE,
    METHOD_STORE,
    PIECE,
    Window,
    damaged,
    data_start,
    has_descriptor,
    read_directory,
    take_descriptor,
)
from modgate.gomod.zippaths import MAX_GO_MOD, MAX_LICENSE, MAX_ZIP_FILE, Collisions, equal_fold

if TYPE_CHECKING:
    from typing import BinaryIO

    from modgate.gomod.types import ModuleVersion
    from modgate.gomod.zipformat import Directory, Entry

__all__ = ["ZipFacts", "canonical_go_mod", "check_zip"]


@dataclass(frozen=True, slots=True)
class ZipFacts:
    """What a whole module zip was found to be.

    Attributes:
        h1: The directory hash of its content.
        go_mod: The bytes of the go.mod in its root; None where it has none.
        files: How many files it holds (folders do not count).
        unpacked: Bytes of all files.
    """

    h1: str
    go_mod: bytes | None
    files: int
    unpacked: int


class _Named(NamedTuple):
    entry: Entry
    name: str
    is_dir: bool
    is_go_mod: bool


def canonical_go_mod(version: ModuleVersion) -> bytes:
    """The `.mod` of a version whose zip has no go.mod: the module line alone.

    No path that passed `module.check_path` needs the quotes of modfile's AutoQuote.
    Source: cmd/go/internal/modfetch, legacyGoMod.
    """
    return f"module {version.path}\n".encode()


def check_zip(version: ModuleVersion, f: BinaryIO, *, size: int | None = None) -> ZipFacts:
    """Check a whole module zip and hash its content.

    `f` is seekable; `size` is its length in bytes, found by seeking if not given. Memory stays below
    a few MiB, the directory, and the go.mod. Raises Invalid where the zip breaks a rule, and
    Unavailable (`bad-answer`) where it is damaged, cut short or no zip.
    """
    try:
        if size is None:
            size = _size(f)
        if size > MAX_ZIP_FILE:
            raise Invalid(f"module zip is too large ({size} bytes; limit is {MAX_ZIP_FILE} bytes)")
        window = Window(f, size)
        directory = read_directory(window)
        named, unpacked = _check_names(f"{version.path}@{version.version}/", directory)
        hashes, go_mod = _hash_files(window, named, directory.start)
    except ModgateError as err:
        err.where = err.where or f"zip of {version}"
        raise
    files = sum(not item.is_dir for item in named)
    return ZipFacts(hash1(hashes), go_mod, files, unpacked)


def _size(f: BinaryIO) -> int:
    try:
        return f.seek(0, 2)
    except (OSError, ValueError) as err:
        raise damaged(f"zip cannot be read: {err}") from err


def _check_names(prefix: str, directory: Directory) -> tuple[list[_Named], int]:
    """Step 1: (the entries with their full names, the bytes they declare)."""
    collisions = Collisions()
    raw_prefix = prefix.encode()
    skip = len(prefix)
    total = 0
    found: list[_Named] = []
    for entry in directory.entries:
        if not entry.name.startswith(raw_prefix):
            raise Invalid(f"{_name(entry)} does not have the prefix {shown(prefix)}")
        try:
            full = entry.name.decode()
        except UnicodeDecodeError as err:
            raise Invalid(f"{_name(entry)} is not UTF-8") from err
        is_dir = full.endswith("/")
        name = full[skip:-1] if is_dir else full[skip:]
        is_go_mod = False
        if is_dir:
            if entry.size != 0:
                raise Invalid(f"folder {_name(entry)} has content")
            # The prefix itself may stand there as a folder.
            if len(full) > skip:
                collisions.check(name, is_dir=True)
        else:
            collisions.check(name, is_dir=False)
            base = name[name.rfind("/") + 1 :]
            if len(base) == 6 and equal_fold(base, "go.mod"):
                _check_go_mod_name(name, base)
                is_go_mod = True
            total += entry.size
            if total > MAX_ZIP_FILE:
                raise Invalid(f"module contents are too large (limit is {MAX_ZIP_FILE} bytes)")
            if (is_go_mod and entry.size > MAX_GO_MOD) or (name == "LICENSE" and entry.size > MAX_LICENSE):
                raise Invalid(f"{name} is too large (limit is {MAX_GO_MOD} bytes)")
            if entry.method not in {METHOD_STORE, METHOD_DEFLATE}:
                raise Invalid(f"{_name(entry)} is compressed in a way that Go does not know")
        found.append(_Named(entry, full, is_dir, is_go_mod))
    return found, total


def _check_go_mod_name(name: str, base: str) -> None:
    if base != name:
        raise Invalid(f"{shown(name)}: go.mod file not in the module's root directory")
    if name != "go.mod":
        raise Invalid(f"{shown(name)}: go.mod files must have lowercase names")


def _hash_files(window: Window, named: list[_Named], end: int) -> tuple[list[tuple[str, str]], bytes | None]:
    """Steps 2 and 3: (name and SHA-256 of each entry, go.mod)."""
    ordered = sorted(named, key=lambda item: item.entry.offset)
    starts = [*(item.entry.offset for item in ordered), end]
    if starts[0] != 0:
        raise Invalid(f"{starts[0]} bytes stand before the first file of the zip")
    hashes: list[tuple[str, str]] = []
    go_mod: bytes | None = None
    for item, limit in zip(ordered, starts[1:], strict=True):
        entry = item.entry
        start = data_start(window, entry, limit)
        if start + entry.compressed != limit or has_descriptor(entry):
            take_descriptor(window, entry, start + entry.compressed, limit)
        if item.is_dir:
            hashes.append((item.name, _EMPTY))
            continue
        content = _Content(entry, keep=item.is_go_mod)
        content.take(window, start)
        hashes.append((item.name, content.digest))
        if item.is_go_mod:
            go_mod = content.kept
    return hashes, go_mod


_EMPTY: Final = hashlib.sha256().hexdigest()


class _Content:
    """One file's content on its way from the zip through the inflater into the hash."""

    __slots__ = ("_crc32", "_entry", "_hash", "_keep", "_left", "digest", "kept")

    def __init__(self, entry: Entry, *, keep: bool) -> None:
        self._entry = entry
        self._hash = hashlib.sha256()
        self._crc32 = 0
        self._left = entry.size
        self._keep = keep
        self.kept = b""
        self.digest = ""

    def take(self, window: Window, start: int) -> None:
        """Inflate, hash and compare with what the directory declares. Raises Invalid, Unavailable."""
        entry = self._entry
        if entry.method == METHOD_STORE:
            if entry.compressed != entry.size:
                raise Invalid(f"{_name(entry)} is stored, yet declares two sizes")
            for piece in window.pieces(start, entry.size):
                self._add(piece)
        else:
            try:
                self._inflate(window, start)
            except zlib.error as err:
                raise damaged(f"{_name(entry)} does not inflate: {err}") from err
        # Go takes a zero without a descriptor for "not recorded"; the h1 proves the content anyway.
        if self._crc32 != entry.crc32 and (entry.crc32 or has_descriptor(entry)):
            raise damaged(f"{_name(entry)} has a wrong checksum")
        self.digest = self._hash.hexdigest()

    def _inflate(self, window: Window, start: int) -> None:
        entry = self._entry
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        rest = entry.compressed
        for piece in window.pieces(start, entry.compressed):
            rest -= len(piece)
            data: memoryview | bytes = piece
            while data and not inflater.eof:
                # One byte over what is declared is enough to see the lie.
                self._add(inflater.decompress(data, min(self._left + 1, PIECE)))
                data = inflater.unconsumed_tail
        while not inflater.eof and (more := inflater.decompress(b"", min(self._left + 1, PIECE))):
            self._add(more)
        if not inflater.eof:
            raise damaged(f"{_name(entry)} is cut short")
        if self._left:
            raise Invalid(f"{_name(entry)} inflates to less than the {entry.size} bytes it declares")
        if rest or inflater.unused_data:
            raise Invalid(f"{_name(entry)} has data behind its compressed content")

    def _add(self, data: bytes | memoryview) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise Invalid(
                f"{_name(self._entry)} inflates to more than the {self._entry.size} bytes it declares"
            )
        self._hash.update(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        if self._keep:
            self.kept += bytes(data)


def _name(entry: Entry) -> str:
    return shown(entry.name.decode("utf-8", "replace"))
