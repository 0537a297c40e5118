"""Trees in tars: what tar, git archive and Python write is read, what is ambiguous is refused."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid
from modgate.gomod.tartree import read_tar
from modgate.gomod.zipfiles import FileEntry, FileKind

if TYPE_CHECKING:
    from pathlib import Path

LONG = "/".join(["a-long-folder-name"] * 12) + "/file.go"


def tar(*members: tuple[str, bytes] | tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def sealed(header: bytes) -> bytes:
    """The header with the checksum it should have."""
    blank = header[:148] + b" " * 8 + header[156:]
    return blank[:148] + f"{sum(blank):06o}\0 ".encode() + blank[156:]


def read(data: bytes) -> dict[str, FileEntry]:
    return {entry.path: entry for entry in read_tar(io.BytesIO(data))}


def content(entry: FileEntry) -> bytes:
    with entry.open() as file:
        return file.read()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_names_and_contents_come_out_as_they_went_in(form: int) -> None:
    files = {"go.mod": b"module m\n", LONG: b"x" * 700, "größe/日本.go": b"", "./dot/x": b"1"}
    found = read(tar(*files.items(), form=form))
    assert {path: content(entry) for path, entry in found.items()} == {
        path.removeprefix("./"): data for path, data in files.items()
    }


def test_what_the_tar_program_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "t" / "sub").mkdir(parents=True)
    (tmp_path / "t" / "go.mod").write_bytes(b"module m\n")
    (tmp_path / "t" / "sub" / "x.go").write_bytes(b"package sub\n")
    (tmp_path / "t" / "link").symlink_to("go.mod")
    os.mkfifo(tmp_path / "t" / "fifo")
    for form in ("gnu", "pax", "ustar", "v7"):
        done = subprocess.run(
            ["tar", "-C", str(tmp_path / "t"), f"--format={form}", "--exclude=fifo", "-c", "."]
            if form == "v7"
            else ["tar", "-C", str(tmp_path / "t"), f"--format={form}", "-c", "."],
            capture_output=True,
            check=True,
        )
        found = read(done.stdout)
        assert content(found["sub/x.go"]) == b"package sub\n"
        assert found["link"].kind is FileKind.SYMLINK
        assert found["sub"].kind is FileKind.FOLDER
        if "fifo" in found:
            assert found["fifo"].kind is FileKind.OTHER


def test_what_git_archive_writes_is_read(tmp_path: Path) -> None:
    run = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.com"]
    (tmp_path / "go.mod").write_bytes(b"module m\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "m"]):
        subprocess.run([*run, *command], check=True, capture_output=True)
    done = subprocess.run([*run, "archive", "--format=tar", "HEAD"], capture_output=True, check=True)
    assert content(read(done.stdout)["go.mod"]) == b"module m\n"


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "..", "a/..", "./../x", "//x", ".//x"]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="plain relative"):
        read(tar((name, b"x")))


def test_names_that_stand_twice_are_refused() -> None:
    with pytest.raises(Invalid, match="twice"):
        read(tar(("a", b"1"), ("a", b"2")))
    with pytest.raises(Invalid, match="twice"):
        read(tar(("a", b"1"), ("./a", b"2")))
    with pytest.raises(Invalid, match="both a file and a folder"):
        read(tar(("a", b"1"), ("a/b", b"2")))
    with pytest.raises(Invalid, match="both a file and a folder"):
        read(tar(special("a", tarfile.SYMTYPE, "/etc"), ("a/passwd", b"2")))
    assert set(read(tar(special("a", tarfile.DIRTYPE), special("a", tarfile.DIRTYPE), ("a/b", b"")))) == {
        "a",
        "a/b",
    }


def test_links_and_devices_are_what_they_are_and_hard_links_are_refused() -> None:
    kinds = read(
        tar(
            special("link", tarfile.SYMTYPE, "../../etc/passwd"),
            special("tty", tarfile.CHRTYPE),
            special("disk", tarfile.BLKTYPE),
            special("fifo", tarfile.FIFOTYPE),
        )
    )
    assert kinds["link"].kind is FileKind.SYMLINK
    assert {kinds[name].kind for name in ("tty", "disk", "fifo")} == {FileKind.OTHER}
    with pytest.raises(Invalid, match="hard link"):
        read(tar(("a", b"1"), special("b", tarfile.LNKTYPE, "a")))
    with pytest.raises(Invalid, match="of a kind"):
        read(tar(special("s", tarfile.GNUTYPE_SPARSE)))


def test_a_tar_that_is_cut_anywhere_is_refused() -> None:
    whole = tar(("go.mod", b"module m\n"), (LONG, b"x" * 3000))
    end = whole.rstrip(b"\0")
    for size in range(0, len(end) - 1, 131):
        with pytest.raises(Invalid):
            read(whole[:size])


def test_damage_and_data_behind_the_end_are_refused() -> None:
    whole = tar(("go.mod", b"module m\n"))
    with pytest.raises(Invalid, match="checksum"):
        read(b"x" + whole[1:])
    with pytest.raises(Invalid, match="behind the end"):
        read(whole + tar(("evil", b"x")))
    with pytest.raises(Invalid, match="octal"):
        read(sealed(whole[:124] + b"\x80" + bytes(10) + b"\x09" + whole[136:512]) + whole[512:])
    with pytest.raises(Invalid, match="cut short"):
        read(sealed(whole[:124] + b"77777777777\0" + whole[136:512]) + whole[512:])


def pax_tar(*records: bytes, kind: bytes = b"x") -> bytes:
    body = b"".join(records)
    header = bytearray(tar(("go.mod", b"module m\n"))[:512])
    header[124:136] = f"{len(body):011o}\0".encode()
    header[156:157] = kind
    padding = bytes(-len(body) % 512)
    return sealed(bytes(header)) + body + padding + tar(("go.mod", b"module m\n"))


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    length += len(str(length + len(str(length))))
    return f"{length} ".encode() + key + b"=" + value + b"\n"


def test_pax_headers_rename_and_lie_within_bounds() -> None:
    assert set(read(pax_tar(record(b"path", b"renamed"), record(b"comment", b"\xff")))) == {"renamed"}
    assert set(read(pax_tar(record(b"comment", b"a commit"), kind=b"g"))) == {"go.mod"}
    for records, kind, why in [
        ([record(b"path", b"../up")], b"x", "plain relative"),
        ([record(b"path", b"all")], b"g", "one name or size"),
        ([record(b"size", b"-5")], b"x", "no number"),
        ([record(b"size", b"9" * 15)], b"x", "cut short"),
        ([record(b"path", b"\xff")], b"x", "not UTF-8"),
        ([record(b"GNU.sparse.major", b"1")], b"x", "sparse"),
        ([record(b"hdrcharset", b"BINARY")], b"x", "character set"),
        ([b"5 a=b\n"], b"x", "malformed"),
        ([b"999999999 a=b\n"], b"x", "malformed"),
        ([b"0 a=b\n"], b"x", "malformed"),
        ([b"-6 a=b\n"], b"x", "malformed"),
        ([b"\n"], b"x", "malformed"),
    ]:
        with pytest.raises(Invalid, match=why):
            read(pax_tar(*records, kind=kind))


def test_a_header_cannot_ask_for_memory() -> None:
    header = bytearray(tar(("x", b""))[:512])
    header[124:136] = b"00400000001\0"
    for kind in (b"x", b"g", b"L", b"K"):
        header[156:157] = kind
        with pytest.raises(Invalid, match="too large"):
            read(sealed(bytes(header)) + bytes(1024))
