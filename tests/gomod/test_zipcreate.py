"""Making module zips: what goes in, what does not, and what may go wrong on the way."""

from __future__ import annotations

import errno
import io
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.gomod import module, modzip
from modgate.gomod.modzip import FileEntry, FileKind

if TYPE_CHECKING:
    from pathlib import Path

VERSION = module.check("example.com/m", "v1.0.0")
GO_MOD = FileEntry.of("go.mod", b"module example.com/m\n\ngo 1.24\n")


def create(*files: FileEntry) -> bytes:
    out = io.BytesIO()
    modzip.create_zip(VERSION, files, out)
    return out.getvalue()


def names(data: bytes) -> list[str]:
    return [
        name.removeprefix("example.com/m@v1.0.0/") for name in zipfile.ZipFile(io.BytesIO(data)).namelist()
    ]


def test_what_is_no_regular_file_is_left_out() -> None:
    link = FileEntry.of("link", b"/etc/passwd", FileKind.SYMLINK)
    device = FileEntry.of("device", b"", FileKind.OTHER)
    folder = FileEntry.of("a", b"", FileKind.FOLDER)
    assert names(create(GO_MOD, link, device, folder, FileEntry.of("a/b.go", b"x"))) == ["a/b.go", "go.mod"]


def test_another_module_in_the_tree_is_left_out_whatever_its_go_mod_is_spelled() -> None:
    tree = [
        GO_MOD,
        *(FileEntry.of(path, b"x") for path in ("b/go.mod", "b/c/d.go", "e/GO.MOD", "e/f.go", "g.go")),
    ]
    assert names(create(*tree)) == ["g.go", "go.mod"]


def test_a_go_mod_that_is_a_link_makes_no_module() -> None:
    tree = [GO_MOD, FileEntry.of("b/go.mod", b"", FileKind.SYMLINK), FileEntry.of("b/c.go", b"x")]
    assert names(create(*tree)) == ["b/c.go", "go.mod"]


def test_a_broken_go_mod_counts_as_an_old_one() -> None:
    broken = FileEntry.of("go.mod", b"module \x00")
    tree = [FileEntry.of("vendor/modules.txt", b"#")]
    assert names(create(broken, *tree)) == ["go.mod", "vendor/modules.txt"]
    assert names(create(GO_MOD, *tree)) == ["go.mod"]


def test_the_order_of_the_files_does_not_change_the_bytes() -> None:
    files = [GO_MOD, *(FileEntry.of(f"f{number}.go", b"x" * number) for number in range(20))]
    assert create(*files) == create(*reversed(files))


@pytest.mark.parametrize("size", [0, 3, 5, 1 << 21])
def test_a_file_that_changes_while_it_is_read_is_refused(size: int) -> None:
    with pytest.raises(Invalid, match="not as long"):
        create(FileEntry("a.go", size, lambda: io.BytesIO(b"data")))


def test_a_file_that_cannot_be_read_is_unavailable() -> None:
    def broken() -> io.BytesIO:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(Unavailable, match="Permission denied"):
        create(FileEntry("a.go", 1, broken))
    with pytest.raises(Unavailable, match="Permission denied"):
        modzip.check_files([FileEntry("go.mod", 1, broken)])


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, "storage-full"), (errno.EIO, "unreachable")])
def test_a_full_disk_is_told_from_a_broken_one(number: int, kind: str) -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(number, "no", data)

    with pytest.raises(Unavailable) as caught:
        modzip.create_zip(VERSION, [GO_MOD], Full())
    assert caught.value.kind == kind


def test_one_bad_file_among_many_is_named() -> None:
    with pytest.raises(Invalid, match=r'"aux.go".*Windows.*and 1 more') as caught:
        create(GO_MOD, FileEntry.of("aux.go", b""), FileEntry.of("b:c", b""), FileEntry.of("d.go", b""))
    assert "d.go" not in str(caught.value)


@pytest.mark.go
def test_the_go_command_takes_a_zip_that_was_made_here(go_command: str, tmp_path: Path) -> None:
    files = [GO_MOD, FileEntry.of("m.go", b"package m\n"), FileEntry.of("sub/größe.txt", b"\0" * 100_000)]
    proxy = tmp_path / "proxy/example.com/m/@v"
    proxy.mkdir(parents=True)
    with (proxy / "v1.0.0.zip").open("wb") as out:
        facts = modzip.create_zip(VERSION, files, out)
    (proxy / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    assert facts.go_mod is not None
    (proxy / "v1.0.0.mod").write_bytes(facts.go_mod)
    cache = tmp_path / "cache"
    env = {
        "GOPROXY": f"file://{tmp_path}/proxy",
        "GONOSUMDB": "*",
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(cache),
        "GOCACHE": str(tmp_path / "build"),
        "GOTOOLCHAIN": "local",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    subprocess.run(
        [go_command, "mod", "download", "example.com/m@v1.0.0"],
        cwd=tmp_path,
        env=env,
        check=True,
        capture_output=True,
    )
    assert (cache / "cache/download/example.com/m/@v/v1.0.0.ziphash").read_text() == facts.h1
    assert (cache / "example.com/m@v1.0.0/sub/größe.txt").stat().st_size == 100_000
