"""Zips made byte by byte, so that every field can lie."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from struct import pack

PREFIX = "example.com/m@v1.0.0/"


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush()


@dataclass(frozen=True)
class Part:
    """One entry. What is None is told truthfully; `central_*` and `local_*` make the headers disagree."""

    name: str | bytes
    data: bytes = b""
    method: int = 8
    flags: int = 0
    body: bytes | None = None
    crc32: int | None = None
    compressed: int | None = None
    size: int | None = None
    local: dict[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    local_extra: bytes = b""
    extra: bytes = b""
    descriptor: bytes = b""
    offset: int | None = None
    external: int = 0
    before: bytes = b""

    def lie(self, **changes: object) -> Part:
        return replace(self, **changes)  # type: ignore[arg-type]  # the fields' own types


def full(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else (PREFIX + name).encode()


def forge(
    *parts: Part,
    before: bytes = b"",
    gap: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    end: bytes | None = None,
    directory_size: int | None = None,
    shift: int = 0,
) -> bytes:
    """A zip of the parts; `end` replaces the end record, `shift` is added to all offsets."""
    out = bytearray(before)
    directory = bytearray()
    for part in parts:
        out += part.before
        offset = len(out) + shift if part.offset is None else part.offset
        body = (deflated(part.data) if part.method == 8 else part.data) if part.body is None else part.body
        crc32 = zlib.crc32(part.data) if part.crc32 is None else part.crc32
        compressed = len(body) if part.compressed is None else part.compressed
        size = len(part.data) if part.size is None else part.size
        told = {
            "flags": part.flags,
            "method": part.method,
            "crc32": crc32,
            "compressed": compressed,
            "size": size,
        }
        told |= part.local
        name = full(part.name)
        local_name = name if part.local_name is None else part.local_name
        out += pack(
            "<4s5H3L2H", b"PK\x03\x04", 20, told["flags"], told["method"], 0, 0x21,
            told["crc32"], told["compressed"], told["size"], len(local_name), len(part.local_extra),
        )  # fmt: skip
        out += local_name + part.local_extra + body + part.descriptor
        directory += pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x314, 20, part.flags, part.method, 0, 0x21, crc32, compressed,
            size, len(name), len(part.extra), 0, 0, 0, part.external, offset,
        )  # fmt: skip
        directory += name + part.extra
    out += gap
    start = len(out) + shift
    out += directory
    if end is None:
        total = len(parts) if count is None else count
        told_size = len(directory) if directory_size is None else directory_size
        end = pack("<4s4H2LH", b"PK\x05\x06", 0, 0, total, total, told_size, start, len(comment)) + comment
    return bytes(out) + end + after


def end64(*parts: Part, old: tuple[int, int, int] | None = None, lie: int = 0, locator_lie: int = 0) -> bytes:
    """The same zip with zip64 end records; `old` are the three values of the old record."""
    plain = forge(*parts, end=b"")
    directory = sum(46 + len(full(part.name)) + len(part.extra) for part in parts)
    start = len(plain) - directory
    values = (len(parts), directory, start)
    record = pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, len(parts), len(parts), directory, start + lie
    )
    locator = pack("<4sLQL", b"PK\x06\x07", 0, len(plain) + locator_lie, 1)
    count, size, at = values if old is None else old
    return plain + record + locator + pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, at, 0)


def descriptor(data: bytes, *, sign: bool = True, wide: bool = False, lie: int = 0) -> bytes:
    form = "<L2Q" if wide else "<3L"
    return (b"PK\x07\x08" if sign else b"") + pack(
        form, zlib.crc32(data), len(deflated(data)), len(data) + lie
    )
