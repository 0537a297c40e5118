"""The zip container, read strictly: every byte has one owner, and everything said twice agrees.

A zip describes itself twice, in front of each file and in a directory at the end, and readers
differ in which they believe. Attacks live in that difference: files that overlap (CVE-2024-0450),
headers that disagree, data before, between or behind what the directory knows. Go's archive/zip
believes the directory; here the directory must also be the only possible reading, so that each zip
accepted is one that every reader unpacks alike. Counts and sizes of the file are never used to
allocate memory. Source: APPNOTE.TXT 6.3.10; Go's archive/zip/reader.go.

Two kinds of failure: Invalid where the zip breaks a rule (asking again will not help), Unavailable
(`bad-answer`) where the bytes are damaged, cut, or no zip at all.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from modgate.errors import Invalid, Unavailable
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = [
    "MAX_ENTRIES",
    "METHOD_DEFLATE",
    "METHOD_STORE",
    "PIECE",
    "Directory",
    "Entry",
    "Window",
    "damaged",
    "data_start",
    "has_descriptor",
    "read_directory",
    "take_descriptor",
]

MAX_ENTRIES: Final = 1 << 18
"""More entries than any published module has; each costs memory before anything is verified."""

MAX_DIRECTORY: Final = 64 << 20
"""Bytes of the central directory."""

PIECE: Final = 1 << 20
"""Bytes that are read, inflated and hashed at a time."""

METHOD_STORE: Final = 0
METHOD_DEFLATE: Final = 8

_END: Final = Struct("<4s4H2LH")
_END64_LOCATOR: Final = Struct("<4sLQL")
_END64: Final = Struct("<4sQ2H2L4Q")
_CENTRAL: Final = Struct("<4s6H3L5H2L")
_LOCAL: Final = Struct("<4s5H3L2H")
_EXTRA: Final = Struct("<2H")
_QUAD: Final = Struct("<Q")
_SIZES32: Final = Struct("<3L")
_SIZES64: Final = Struct("<L2Q")

_DESCRIPTOR_SIGNATURE: Final = b"PK\x07\x08"
_MAX_COMMENT: Final = 0xFFFF
_MAX16: Final = 0xFFFF
_MAX32: Final = 0xFFFF_FFFF
_ZIP64_EXTRA: Final = 1

_FLAG_DESCRIPTOR: Final = 0x8
# Encrypted; strong encryption; headers masked by an encrypted directory.
_FLAGS_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000


def damaged(what: str) -> Unavailable:
    """The error for bytes that are no whole zip."""
    return Unavailable(what, kind="bad-answer")


class Entry(NamedTuple):
    """One file as the central directory describes it; sizes and the offset in bytes."""

    name: bytes
    flags: int
    method: int
    crc32: int
    compressed: int
    size: int
    offset: int


class Directory(NamedTuple):
    """The central directory: its entries in their order, and the offset where the files end."""

    entries: list[Entry]
    start: int


class Window:
    """Reads a seekable file in pieces, keeping the last piece so that neighbours cost nothing.

    `size` is the number of bytes the file must have; a shorter one is damaged.
    """

    __slots__ = ("_file", "_piece", "_start", "size")

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._piece = memoryview(b"")
        self._start = 0
        self.size = size

    def read(self, offset: int, count: int) -> memoryview:
        """Exactly `count` bytes, at most PIECE, from `offset`. Raises Unavailable."""
        at = offset - self._start
        end = at + count
        if at < 0 or end > len(self._piece):
            self._fill(offset)
            at, end = 0, count
            if count > len(self._piece):
                raise damaged(f"zip is cut short: it ends inside {count} bytes at offset {offset}")
        return self._piece[at:end]

    def pieces(self, offset: int, count: int) -> Iterator[memoryview]:
        """The same without a limit, in pieces as they come, so that no byte is read twice."""
        end = offset + count
        while offset < end:
            at = offset - self._start
            if not 0 <= at < len(self._piece):
                self._fill(offset)
                at = 0
                if not self._piece:
                    raise damaged(f"zip is cut short at offset {offset}")
            piece = self._piece[at : at + end - offset]
            offset += len(piece)
            yield piece

    def _fill(self, offset: int) -> None:
        try:
            self._file.seek(offset)
            self._piece = memoryview(self._file.read(PIECE))
        except (OSError, ValueError) as err:
            raise damaged(f"zip cannot be read at offset {offset}: {err}") from err
        self._start = offset


def read_directory(window: Window) -> Directory:
    """The entries of the zip, read from its end. Raises Invalid and Unavailable."""
    end_at, count, size, start = _find_end(window)
    if start + size != end_at:
        # Also what a zip with something in front of it looks like: all offsets are too small.
        raise Invalid("data stands before, or between, the parts of the zip that its directory knows")
    if size > MAX_DIRECTORY:
        raise Invalid(f"zip directory is too large ({size} bytes; limit is {MAX_DIRECTORY} bytes)")
    directory = b"".join(window.pieces(start, size))
    entries: list[Entry] = []
    at = 0
    while at < size:
        if len(entries) == MAX_ENTRIES:
            raise Invalid(f"zip has too many entries (at most {MAX_ENTRIES})")
        entry, at = _central_entry(directory, at)
        entries.append(entry)
    # The 16 bits of the old record wrap around; writers without zip64 leave it so, and Go takes it.
    if len(entries) & _MAX16 != count & _MAX16:
        raise Invalid(f"zip directory has {len(entries)} entries, but says {count}")
    return Directory(entries, start)


def _find_end(window: Window) -> tuple[int, int, int, int]:
    """(offset of the end records, entries, directory size, directory offset)."""
    tail_size = min(window.size, _END.size + _MAX_COMMENT)
    tail = bytes(window.read(window.size - tail_size, tail_size))
    at = tail.rfind(b"PK\x05\x06", 0, max(0, tail_size - _END.size + 4))
    if at < 0:
        raise damaged("not a zip: no end of central directory")
    _, _, _, _, count, size, start, comment = _END.unpack_from(tail, at)
    surplus = tail_size - at - _END.size - comment
    if surplus < 0:
        raise damaged("zip is cut short: its comment is longer than the rest of the file")
    if surplus > 0:
        raise Invalid(f"{surplus} bytes of trailing data after the end of the zip")
    end_at = window.size - tail_size + at
    locator_at = end_at - _END64_LOCATOR.size
    if locator_at >= 0:
        locator = _END64_LOCATOR.unpack(window.read(locator_at, _END64_LOCATOR.size))
        if locator[0] == b"PK\x06\x07":
            return _read_end64(window, locator, locator_at, (count, size, start))
    return end_at, count, size, start


def _read_end64(
    window: Window, locator: tuple[bytes, int, int, int], locator_at: int, old: tuple[int, int, int]
) -> tuple[int, int, int, int]:
    _, disk, end_at, disks = locator
    if disk != 0 or disks != 1 or end_at + _END64.size > locator_at:
        raise Invalid("zip64 end of central directory locator points to a wrong place")
    record = _END64.unpack(window.read(end_at, _END64.size))
    signature, length, count, size, start = record[0], record[1], record[7], record[8], record[9]
    if signature != b"PK\x06\x06" or end_at + 12 + length != locator_at:
        raise Invalid("zip64 end of central directory is malformed")
    for old_value, value, limit in zip(old, (count, size, start), (_MAX16, _MAX32, _MAX32), strict=True):
        if old_value not in {limit, value}:
            raise Invalid("the two ends of the central directory disagree")
    return end_at, count, size, start


def _central_entry(directory: bytes, at: int) -> tuple[Entry, int]:
    data_at = at + _CENTRAL.size
    if data_at > len(directory):
        raise damaged("zip directory is cut short")
    (signature, _, _, flags, method, _, _, crc32, compressed, size, name_size, extra_size, comment_size,
     _, _, _, offset) = _CENTRAL.unpack_from(directory, at)  # fmt: skip
    if signature != b"PK\x01\x02":
        raise damaged("zip directory is damaged: an entry has a wrong signature")
    extra_at = data_at + name_size
    end = extra_at + extra_size + comment_size
    if end > len(directory):
        raise damaged("zip directory is cut short")
    name = directory[data_at:extra_at]
    if _MAX32 in {size, compressed, offset}:
        extra = directory[extra_at : extra_at + extra_size]
        size, compressed, offset = _widen(extra, name, (size, compressed, offset))
    return Entry(name, flags, method, crc32, compressed, size, offset), end


def _widen(extra: bytes, name: bytes, values: tuple[int, ...]) -> tuple[int, ...]:
    """Replace each value that has all bits set by the next one of the zip64 extra field."""
    at = 0
    while at + _EXTRA.size <= len(extra):
        tag, length = _EXTRA.unpack_from(extra, at)
        at += _EXTRA.size
        if at + length > len(extra):
            break
        if tag == _ZIP64_EXTRA:
            field = extra[at : at + length]
            wide: list[int] = []
            used = 0
            for value in values:
                if value == _MAX32:
                    if used + _QUAD.size > len(field):
                        raise Invalid(f"zip64 field of {_shown(name)} is too short")
                    wide.append(_QUAD.unpack_from(field, used)[0])
                    used += _QUAD.size
                else:
                    wide.append(value)
            return tuple(wide)
        at += length
    raise Invalid(f"zip64 field of {_shown(name)} is missing")


def _shown(name: bytes) -> str:
    return shown(name.decode("utf-8", "replace"))


def has_descriptor(entry: Entry) -> bool:
    """Whether the sizes and the checksum stand behind the data instead of before it."""
    return bool(entry.flags & _FLAG_DESCRIPTOR)


def data_start(window: Window, entry: Entry, limit: int) -> int:
    """The offset of an entry's data, which may reach to `limit`, after comparing its two headers.

    Raises Invalid where the headers disagree, the entry is encrypted, or its data runs into what
    comes next; Unavailable where there is no header.
    """
    name_at = entry.offset + _LOCAL.size
    (signature, _, flags, method, _, _, crc32, compressed, size, name_size, extra_size) = _LOCAL.unpack(
        window.read(entry.offset, _LOCAL.size)
    )
    if signature != b"PK\x03\x04":
        raise damaged(f"{_shown(entry.name)} has no header where the directory says")
    extra_at = name_at + name_size
    start: int = extra_at + extra_size
    if start + entry.compressed > limit:
        raise Invalid(f"{_shown(entry.name)} overlaps another entry or the directory")
    if (entry.flags | flags) & _FLAGS_ENCRYPTED:
        raise Invalid(f"{_shown(entry.name)} is encrypted")
    if name_size != len(entry.name) or window.read(name_at, name_size) != entry.name:
        raise Invalid(f"{_shown(entry.name)} has another name in its own header")
    if method != entry.method or (flags ^ entry.flags) & _FLAG_DESCRIPTOR:
        raise Invalid(f"{_shown(entry.name)} has another method or layout in its own header")
    if _MAX32 in {size, compressed}:
        size, compressed = _widen(bytes(window.read(extra_at, extra_size)), entry.name, (size, compressed))
    found = (crc32, compressed, size)
    if found != (entry.crc32, entry.compressed, entry.size):
        # A writer that streams knows none of the three yet and leaves zeros for the descriptor.
        pairs = zip(found, (entry.crc32, entry.compressed, entry.size), strict=True)
        if not flags & _FLAG_DESCRIPTOR or any(here not in {0, there} for here, there in pairs):
            raise Invalid(f"{_shown(entry.name)} has another size or checksum in its own header")
    return start


def take_descriptor(window: Window, entry: Entry, data_end: int, limit: int) -> None:
    """Check that what stands between an entry's data and `limit` is its data descriptor, or nothing.

    Raises Invalid: for other data in that place, and for a descriptor that disagrees.
    """
    gap = limit - data_end
    if gap == 0 and not has_descriptor(entry):
        return
    if not has_descriptor(entry) or gap not in {12, 16, 20, 24}:
        raise Invalid(f"data that belongs to no entry, or no descriptor, follows {_shown(entry.name)}")
    descriptor = bytes(window.read(data_end, gap)).removeprefix(_DESCRIPTOR_SIGNATURE)
    for sizes in (_SIZES32, _SIZES64):
        if len(descriptor) == sizes.size:
            if sizes.unpack(descriptor) != (entry.crc32, entry.compressed, entry.size):
                break
            return
    raise Invalid(f"{_shown(entry.name)} has another size or checksum in its descriptor")
