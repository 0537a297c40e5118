"""Good, bad and hostile zips, each with the verdict it must get, and whether Go would take it."""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import Literal

from tests.gomod.zip_forge import PREFIX, Part, deflated, descriptor, end64, forge

Verdict = Literal["good", "invalid", "damaged"]

MOD = Part("go.mod", b"module example.com/m\n")
GO = Part("m.go", b"package m\n" * 50)
STREAMED = {"crc32": 0, "compressed": 0, "size": 0}
CONTENT = GO.data
BODY = deflated(CONTENT)


def streamed(**form: bool) -> Part:
    return GO.lie(flags=8, local=STREAMED, descriptor=descriptor(CONTENT, **form))


@dataclass(frozen=True)
class Case:
    """`go` is None where Go's verdict is the same as ours."""

    data: bytes
    verdict: Verdict
    match: str = ""
    go: bool | None = None

    @property
    def go_takes(self) -> bool:
        return self.verdict == "good" if self.go is None else self.go


def _good(*parts: Part) -> Case:
    return Case(forge(*parts), "good")


def _bad(match: str, *parts: Part, go: bool | None = None) -> Case:
    return Case(forge(MOD, *parts), "invalid", match, go)


WIDE_EXTRA = pack("<2H2Q", 1, 16, len(CONTENT), len(BODY))
ALL_BITS = 0xFFFF_FFFF

NAMES: dict[str, Case] = {
    "a module": _good(MOD, GO),
    "no go.mod": _good(GO),
    "stored files": _good(MOD.lie(method=0), GO.lie(method=0)),
    "an empty file": _good(MOD, Part("empty"), Part("stored", method=0)),
    "no files": Case(forge(), "good"),
    "folders": _good(MOD, Part("a/", method=0), Part("a/"), Part("a/b.go", b"x"), Part("a/", method=0)),
    "the prefix alone": _good(Part("", method=0), MOD),
    "a deflated folder, as jar writes it": _good(MOD, Part("a/", body=b"\x03\x00")),
    "a symbolic link is a file like any other": _good(
        MOD, Part("link", b"/etc/passwd", external=0xA1FF_0000)
    ),
    "vendored files are taken as they come": _good(
        MOD, Part("vendor/modules.txt", b"#"), Part("vendor/x/y/z.go", b"x")
    ),
    "file names beyond ASCII": _good(MOD, Part("größe/日本.go", b"x", flags=0x800)),
    "two dots": _bad("invalid path", Part("../m.go", b"x")),
    "two dots inside": _bad("invalid path", Part("a/../m.go", b"x")),
    "one dot": _bad("invalid path", Part("./m.go", b"x")),
    "absolute": _bad("empty|slash", Part("/etc/passwd", b"x")),
    "double slash": _bad("double slash|empty", Part("a//b.go", b"x")),
    "backslash": _bad("invalid char", Part("a\\b.go", b"x")),
    "colon": _bad("invalid char", Part("c:b.go", b"x")),
    "control character": _bad("invalid char", Part("a\nb.go", b"x")),
    "no UTF-8": _bad("not UTF-8", Part(PREFIX.encode() + b"caf\xe9", b"x")),
    "reserved on Windows": _bad("Windows", Part("aux.go", b"x")),
    "reserved folder": _bad("Windows", Part("a/con/b.go", b"x")),
    "reserved below a known folder": _bad("Windows", Part("a/b.go", b"x"), Part("a/nul.txt", b"x")),
    "trailing dot": _bad("trailing dot", Part("a.", b"x")),
    "wrong prefix": _bad("prefix", Part(b"example.com/m@v1.0.1/m.go", b"x")),
    "no prefix": _bad("prefix", Part(b"m.go", b"x")),
    "empty name": _bad("prefix", Part(b"", b"x")),
    "names that fold alike": _bad("case-insensitive", Part("a.go", b"x"), Part("A.go", b"y")),
    "folders that fold alike": _bad("case-insensitive", Part("a/x.go", b"x"), Part("A/y.go", b"y")),
    "names that fold alike beyond ASCII": _bad(
        "case-insensitive", Part("k.go", b"x"), Part("\u212a.go", b"y", flags=0x800)
    ),
    "a file and a folder": _bad("both a file and a directory", Part("a", b"x"), Part("a/b.go", b"y")),
    "a folder and a file": _bad("both a file and a directory", Part("a/b.go", b"y"), Part("a", b"x")),
    "a file twice": _bad("multiple entries", Part("a", b"x"), Part("a", b"x")),
    "go.mod twice": _bad("multiple entries", MOD),
    "another module inside": _bad("root directory", Part("sub/go.mod", b"module x\n")),
    "another module inside, in capitals": _bad("root directory", Part("sub/GO.MOD", b"module x\n")),
    "GO.MOD": Case(forge(Part("GO.MOD", b"module x\n")), "invalid", "lowercase"),
    "go.mod as a folder of files": _good(Part("go.mod/x", b"x")),
}

SIZES: dict[str, Case] = {
    "declared contents above the limit": _bad("too large", Part("a", size=500 << 20), Part("b", size=1)),
    "a file that declares more than all can have": _bad("too large", Part("a", size=ALL_BITS - 1)),
    "go.mod above its limit": Case(
        forge(Part("go.mod", size=(16 << 20) + 1)), "invalid", "go.mod is too large"
    ),
    "LICENSE above its limit": _bad("LICENSE is too large", Part("LICENSE", size=(16 << 20) + 1)),
    "more content than declared": _bad("more than", GO.lie(size=len(CONTENT) - 1)),
    "a bomb": _bad("more than", Part("bomb", bytes(8 << 20)).lie(size=10)),
    "content where none is declared": _bad("more than", GO.lie(size=0)),
    "less content than declared": _bad("less than", GO.lie(size=len(CONTENT) + 1)),
    "stored and of two sizes": _bad("two sizes", GO.lie(method=0, size=3)),
    "data behind the compressed content": _bad("behind its", GO.lie(body=BODY + b"hidden"), go=True),
    "a compressed size that cuts the content": Case(
        forge(MOD, GO.lie(body=BODY[:-3])), "damaged", "cut short|not inflate"
    ),
    "a folder with content": _bad("has content", Part("a/", b"x")),
    "a compressed size that reaches into the next file": _bad(
        "overlaps", GO.lie(compressed=len(BODY) + 50), Part("z"), go=True
    ),
    "a compressed size that reaches into the directory": _bad(
        "overlaps", GO.lie(compressed=len(BODY) + 1), go=True
    ),
    "two entries over one file": _bad("overlaps", Part("a", b"x", offset=0)),
    "two entries at one place": Case(
        forge(MOD.lie(offset=0), Part("b", b"x", offset=0)), "invalid", "overlaps"
    ),
    "an entry inside another's data": Case(
        forge(Part("outer", forge(Part("inner", b"x")), method=0), Part("inner", b"x", offset=30 + 26)),
        "invalid",
        "overlaps",
        go=True,
    ),
    "an offset beyond the end": _bad("belongs to no", GO.lie(offset=1 << 20)),
    "a checksum that is wrong": Case(forge(MOD, GO.lie(crc32=1)), "damaged", "checksum"),
    "a checksum that was not recorded": _good(MOD, GO.lie(crc32=0)),
    "bytes that do not inflate": Case(forge(MOD, GO.lie(body=b"\xff" * 20)), "damaged", "inflate"),
}

HEADERS: dict[str, Case] = {
    "another name in the local header": _bad(
        "another name", GO.lie(local_name=PREFIX.encode() + b"x.go"), go=True
    ),
    "a longer name in the local header": _bad("another name", GO.lie(local_name=b"longer" * 9), go=True),
    "another method in the local header": _bad("another method", GO.lie(local={"method": 0}), go=True),
    "another checksum in the local header": _bad("another size", GO.lie(local={"crc32": 5}), go=True),
    "another size in the local header": _bad("another size", GO.lie(local={"size": 5}), go=True),
    "another compressed size in the local header": _bad(
        "another size", GO.lie(local={"compressed": 5}), go=True
    ),
    "sizes missing in the local header": _bad("another size", GO.lie(local=STREAMED), go=True),
    "a descriptor that only the local header knows": _bad("layout", GO.lie(local={"flags": 8}), go=True),
    "a descriptor that only the directory knows": _bad(
        "layout", GO.lie(flags=8, local={"flags": 0}, descriptor=descriptor(CONTENT)), go=True
    ),
    "no local header": Case(forge(MOD, GO.lie(offset=3)), "invalid", "stand before|overlaps"),
    "encrypted": _bad("encrypted", GO.lie(flags=1), go=True),
    "encrypted, says the local header": _bad("encrypted", GO.lie(local={"flags": 1}), go=True),
    "strongly encrypted": _bad("encrypted", GO.lie(flags=0x40), go=True),
    "an unknown method": _bad("compressed in a way", GO.lie(method=12)),
    "a descriptor": _good(MOD, streamed()),
    "a descriptor without signature": _good(MOD, streamed(sign=False)),
    "a wide descriptor": _good(MOD, streamed(wide=True)),
    "a wide descriptor without signature": _good(MOD, streamed(sign=False, wide=True)),
    "a descriptor, and sizes known before": _good(MOD, GO.lie(flags=8, descriptor=descriptor(CONTENT))),
    "a descriptor that lies about the size": _bad(
        "descriptor", GO.lie(flags=8, local=STREAMED, descriptor=descriptor(CONTENT, lie=1)), go=True
    ),
    "a descriptor that lies about the checksum": _bad(
        "descriptor", GO.lie(flags=8, local=STREAMED, descriptor=descriptor(b"other"))
    ),
    "a missing descriptor": _bad("descriptor", GO.lie(flags=8, local=STREAMED)),
    "data between files": _bad("belongs to no entry", GO.lie(descriptor=b"hidden"), Part("z", b"z"), go=True),
    "another file between files": _bad(
        "belongs to no entry",
        GO.lie(descriptor=forge(Part("hidden", b"x"), end=b"")),
        Part("z", b"z"),
        go=True,
    ),
}

ENDS: dict[str, Case] = {
    "a comment": Case(forge(MOD, comment=b"a commit hash"), "good"),
    "the longest comment": Case(forge(MOD, comment=b"x" * 0xFFFF), "good"),
    "trailing data": Case(forge(MOD, after=b"x"), "invalid", "trailing", go=True),
    "another zip behind": Case(forge(MOD, after=forge(GO)), "invalid", "stand", go=True),
    "prepended data": Case(forge(MOD, before=b"#!/bin/sh\n"), "invalid", "stand before", go=True),
    "prepended data that offsets do not count": Case(
        forge(MOD, before=b"#!/bin/sh\n", shift=-10), "invalid", "stand", go=True
    ),
    "data before the directory": Case(forge(MOD, gap=b"hidden"), "invalid", "belongs to no", go=True),
    "nothing but data before an empty directory": Case(
        forge(before=b"hidden"), "invalid", "stand before", go=True
    ),
    "an end record in the comment": Case(forge(MOD, comment=forge()), "invalid", "stand", go=True),
    "fewer entries than counted": Case(forge(MOD, count=2), "invalid", "entries"),
    "more entries than counted": Case(forge(MOD, GO, count=1), "invalid", "entries"),
    "a directory that says it is longer": Case(forge(MOD, directory_size=5), "invalid", "stand", go=True),
    "zip64": Case(end64(MOD, GO, old=(0xFFFF, ALL_BITS, ALL_BITS)), "good"),
    "zip64 beside a full old record": Case(end64(MOD, GO), "good"),
    "zip64 that disagrees": Case(end64(MOD, GO, lie=1), "invalid", "disagree", go=True),
    "zip64 that points outside": Case(
        end64(MOD, GO, old=(0xFFFF, ALL_BITS, ALL_BITS), lie=1 << 40), "invalid", "stand"
    ),
    "a zip64 locator that points elsewhere": Case(
        end64(MOD, GO, old=(0xFFFF, ALL_BITS, ALL_BITS), locator_lie=-4), "invalid", "malformed"
    ),
    "a zip64 locator that points beyond": Case(
        end64(MOD, GO, old=(0xFFFF, ALL_BITS, ALL_BITS), locator_lie=1 << 60), "invalid", "wrong place"
    ),
    "zip64 sizes": _good(
        MOD,
        GO.lie(
            size=ALL_BITS,
            compressed=ALL_BITS,
            extra=WIDE_EXTRA,
            local={"size": ALL_BITS, "compressed": ALL_BITS},
            local_extra=WIDE_EXTRA,
        ),
    ),
    "zip64 sizes that disagree": _bad(
        "another size",
        GO.lie(
            size=ALL_BITS,
            compressed=ALL_BITS,
            extra=WIDE_EXTRA,
            local={"size": ALL_BITS, "compressed": ALL_BITS},
            local_extra=pack("<2H2Q", 1, 16, 5, len(BODY)),
        ),
        go=True,
    ),
    "zip64 sizes missing": _bad("missing", GO.lie(compressed=ALL_BITS)),
    "zip64 sizes too short": _bad(
        "too short", GO.lie(size=ALL_BITS, compressed=ALL_BITS, extra=pack("<2HQ", 1, 8, 5))
    ),
    "a huge zip64 size": _bad("too large", GO.lie(size=ALL_BITS, extra=pack("<2HQ", 1, 8, 1 << 63))),
    "nothing": Case(b"", "damaged", "not a zip"),
    "a web page": Case(b"<!doctype html><title>502</title>" * 9, "damaged", "not a zip"),
    "half an entry in the directory": Case(
        b"PK\x01\x02half" + pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 8, 0, 0), "damaged", "cut short"
    ),
    "a name that is longer than the directory": Case(
        forge(MOD).replace(pack("<3H", 27, 0, 0), pack("<3H", 28, 0, 0)),
        "damaged",
        "cut short",
        go=True,
    ),
    "a directory cut off": Case(forge(MOD, GO)[:-30], "damaged", "not a zip"),
    "an end cut off": Case(forge(MOD, GO, comment=b"longer than that")[:-3], "damaged", "comment"),
    "a directory overwritten": Case(forge(MOD).replace(b"PK\x01\x02", b"XX\x01\x02"), "damaged", "signature"),
    "a local header overwritten": Case(
        forge(MOD).replace(b"PK\x03\x04", b"XX\x03\x04"), "damaged", "no header"
    ),
}

CASES = NAMES | SIZES | HEADERS | ENDS
