"""Databases on a disk: all layouts read alike, one broken entry costs nothing else, and no bomb goes off."""

from __future__ import annotations

import gzip
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Invalid
from modgate.feeds.advisories import entries as limits
from modgate.feeds.advisories import files
from modgate.feeds.advisories.entries import Gathered, gather
from tests.policy.osv_entries import entry, ranges

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPANS = {"example.com/m": [ranges(("introduced", "0"))]}
IDS = ("GO-1", "GO-2", "GO-3")
ENTRIES = {name: entry(name, modules=SPANS) for name in IDS}
LINES = b"\n".join(ENTRIES.values()) + b"\n"


def _read(path: Path) -> Gathered:
    return gather(files.read_path(path), source="here")


def _folder(root: Path) -> Path:
    (root / "db").mkdir()
    for name, data in ENTRIES.items():
        (root / "db" / f"{name}.json").write_bytes(data)
    return root / "db"


def _layout_v1(root: Path) -> Path:
    (root / "db" / "ID").mkdir(parents=True)
    (root / "db" / "index").mkdir()
    (root / "db" / "index" / "modules.json").write_text("[]")
    (root / "db" / "index" / "db.json").write_text("{}")
    for name, data in ENTRIES.items():
        (root / "db" / "ID" / f"{name}.json.gz").write_bytes(gzip.compress(data))
    (root / "db" / "ID" / "GO-1.json").write_bytes(ENTRIES["GO-1"])
    return root / "db"


def _zip(root: Path) -> Path:
    with zipfile.ZipFile(root / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("ID")
        archive.writestr("index/modules.json", "[]")
        archive.writestr("README.md", "text")
        for name, data in ENTRIES.items():
            archive.writestr(f"ID/{name}.json", data)
    return root / "all.zip"


def _file(name: str, data: bytes) -> Callable[[Path], Path]:
    def write(root: Path) -> Path:
        (root / name).write_bytes(data)
        return root / name

    return write


@pytest.mark.parametrize(
    "made",
    [
        _folder,
        _layout_v1,
        _zip,
        _file("db.jsonl", LINES),
        _file("db.jsonl.gz", gzip.compress(LINES)),
        _file("db.json", b"[" + b",".join(ENTRIES.values()) + b"]"),
        _file("db.json.gz", gzip.compress(b"[" + b",".join(ENTRIES.values()) + b"]")),
        _file("without-a-suffix", b"\n\n" + LINES.rstrip()),
    ],
)
def test_every_layout_reads_alike(made: Callable[[Path], Path], tmp_path: Path) -> None:
    read = _read(made(tmp_path))
    assert [each.id for each in read.advisories] == list(IDS)
    assert (read.entries, read.broken, read.faults) == (3, 0, ())
    assert {each.source for each in read.advisories} == {"here"}


def test_one_file_is_one_entry(tmp_path: Path) -> None:
    assert len(_read(_file("GO-1.json", ENTRIES["GO-1"])(tmp_path)).advisories) == 1


def test_a_broken_entry_is_told_by_its_place_and_the_others_stay(tmp_path: Path) -> None:
    read = _read(
        _file("db.jsonl", ENTRIES["GO-1"] + b'\n{"id":"GO-9","modified":"never"}\n{\n' + LINES)(tmp_path)
    )
    assert (len(read.advisories), read.entries, read.broken) == (4, 6, 2)
    assert read.faults[0].startswith("db.jsonl: line 2: GO-9: modified")
    assert read.faults[1].startswith("db.jsonl: line 3: ")
    folder = _folder(tmp_path)
    (folder / "GO-2.json").write_bytes(b"<html>")
    assert _read(folder).faults[0].startswith("GO-2.json: ")


def test_an_entry_that_is_too_large_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (files, limits):
        monkeypatch.setattr(place, "MAX_ENTRY", 2000)
    huge = entry("GO-9", modules=SPANS, details="x" * 7000)
    for made in (
        _file("db.jsonl", huge + b"\n" + LINES + huge),
        _file("db.json", b"[" + huge + b"," + ENTRIES["GO-1"] + b"]"),
    ):
        read = _read(made(tmp_path))
        assert read.broken in {1, 2}
        assert "more than" in read.faults[0]
        assert "GO-1" in {each.id for each in read.advisories}
    folder = _folder(tmp_path)
    (folder / "GO-9.json").write_bytes(huge)
    (folder / "GO-8.json.gz").write_bytes(gzip.compress(huge))
    assert _read(folder).broken == 2
    with zipfile.ZipFile(_zip(tmp_path), "a") as archive:
        archive.writestr("ID/GO-9.json", huge)
    assert _read(tmp_path / "all.zip").broken == 1


def test_what_inflates_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_TOTAL", 100_000)
    with pytest.raises(Invalid, match="more than"):
        _read(_file("db.jsonl.gz", gzip.compress(LINES + b"\n" * 1_000_000))(tmp_path))
    with zipfile.ZipFile(_zip(tmp_path), "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"bomb{number}.json", b" " * 50_000)
    with pytest.raises(Invalid, match="more than"):
        _read(tmp_path / "all.zip")


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_TOTAL", 20 << 20)
    with pytest.raises(Invalid, match="more than"):
        _read(_file("db.jsonl.gz", gzip.compress(LINES + b" " * (21 << 20)))(tmp_path))


@pytest.mark.parametrize("cut", [1, 12, 60])
def test_a_file_that_ends_too_early_is_no_database(cut: int, tmp_path: Path) -> None:
    packed = gzip.compress(LINES)
    with pytest.raises(Invalid, match="broken"):
        _read(_file("db.jsonl.gz", packed[:-cut])(tmp_path))
    archive = _zip(tmp_path).read_bytes()
    with pytest.raises(Invalid, match="broken"):
        _read(_file("cut.zip", archive[:-cut] if cut > 1 else archive[: len(archive) // 2])(tmp_path))


def test_damage_inside_is_told(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LINES))
    packed[-8] ^= 1
    with pytest.raises(Invalid, match="broken"):
        _read(_file("db.jsonl.gz", bytes(packed))(tmp_path))
    data = bytearray(_zip(tmp_path).read_bytes())
    at = data.index(b"ID/GO-2.json") + 14
    data[at] ^= 0xFF
    (tmp_path / "all.zip").write_bytes(data)
    read = _read(tmp_path / "all.zip")
    assert read.broken == 1
    assert read.faults[0].startswith("all.zip: ID/GO-2.json: ")


def test_a_directory_of_a_zip_that_would_fill_the_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MAX_DIRECTORY", 100)
    with pytest.raises(Invalid, match="directory"):
        _read(_zip(tmp_path))


def test_links_and_odd_files_are_not_followed(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (tmp_path / "secret.json").write_bytes(entry("GO-9", modules=SPANS))
    (folder / "GO-9.json").symlink_to(tmp_path / "secret.json")
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "GO-8.json")
    read = _read(folder)
    assert ([each.id for each in read.advisories], read.broken) == (list(IDS), 0)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid, match="neither"):
        _read(tmp_path / "pipe")


def test_nothing_there_and_nothing_in_it_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(Absent):
        _read(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    for made in (_file("e.jsonl", b""), _file("x.json", b"{"), _file("h.jsonl", b"<html>\n</html>\n")):
        with pytest.raises(Invalid, match="no advisory"):
            _read(made(tmp_path))
    with pytest.raises(Invalid, match="no entry"):
        _read(tmp_path / "empty")
    with pytest.raises(Invalid, match="no JSON"):
        _read(_file("l.json", b"[{]")(tmp_path))


def test_entries_of_other_ecosystems_are_counted_and_left_out(tmp_path: Path) -> None:
    read = _read(_file("db.jsonl", LINES + entry("PYSEC-1"))(tmp_path))
    assert (read.entries, len(read.advisories), read.broken) == (4, 3, 0)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_no_reader_understands_is_told_as_such(method: int, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in ("GO-1", "GO-2"):
            archive.writestr(f"{name}.json", ENTRIES[name] + b" " * 300)
    whole = file.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    damaged = bytearray(whole)
    damaged[60:64] = b"\xff\xff\xff\xff"
    file.write_bytes(damaged)
    assert _read(file).broken == 1
    newer = bytearray(whole)
    newer[directory + 6] = 200
    file.write_bytes(newer)
    with pytest.raises(Invalid, match="the file is broken"):
        _read(file)


def test_names_in_a_zip_give_no_orders_to_a_terminal(tmp_path: Path) -> None:
    made = tmp_path / "db.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("../GO-\x1b]0;owned\x07\n.json", b"no entry")
        archive.writestr("GO-2024-0001.json", entry())
    found = _read(made)
    assert found.broken == 1
    assert all(fault.isprintable() for fault in found.faults)
    assert list(tmp_path.parent.glob("GO-*")) == []
