"""The reader says what go.etcd.io/bbolt says, and nothing that somebody made of such a file hurts it."""

from __future__ import annotations

import json
import random
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Absent, Invalid, Unavailable
from modgate.feeds.advisories.bbolt import Bolt, Bucket, is_bolt

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = Path(__file__).parents[2] / "vectors"
FILES = VECTORS / "data" / "bolt"
PAGE = 1024


def content(bucket: Bucket) -> dict[str, Any]:
    return {
        key.hex(): content(value) if isinstance(value, Bucket) else value.hex()
        for key, value in bucket.items()
    }


def compare(path: Path) -> int:
    """Walk the file and look every key up; how many there are."""
    said = json.loads(path.with_suffix(".json").read_text())
    with Bolt(path) as bolt:
        assert content(bolt.root) == said
        return looked_up(bolt.root, said)


def looked_up(bucket: Bucket, said: dict[str, Any]) -> int:
    count = 0
    for key, value in said.items():
        raw = bytes.fromhex(key)
        if isinstance(value, dict):
            inner = bucket.bucket(raw)
            assert inner is not None
            assert bucket.get(raw) is None
            count += looked_up(inner, value)
        else:
            assert bucket.get(raw) == bytes.fromhex(value)
            count += 1
        assert bucket.get(raw + b"!") is None
    return count


@pytest.mark.parametrize("name", ["empty", "tree", "trivy"])
def test_it_reads_what_the_library_wrote(name: str) -> None:
    compare(FILES / f"{name}.db")


@pytest.mark.live
@pytest.mark.go
def test_large_files_with_many_pages_and_values_over_several_read_the_same(
    go_command: str, tmp_path: Path
) -> None:
    made = subprocess.run(
        [go_command, "run", ".", "-out", str(tmp_path), "-entries", "20000"],
        cwd=VECTORS / "bolt",
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"go.etcd.io/bbolt cannot be had: {made.stderr[-200:]}")
    assert compare(tmp_path / "many.db") > 40_000
    assert compare(tmp_path / "trivy.db") > 20_000


def test_no_file_is_absent_and_another_file_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Absent):
        Bolt(tmp_path / "none.db")
    other = tmp_path / "other.db"
    other.write_bytes(b"PK\x03\x04" + bytes(100_000))
    assert not is_bolt(other)
    assert not is_bolt(tmp_path / "none.db")
    with pytest.raises(Invalid, match="no bbolt file"):
        Bolt(other)


def spoiled(tmp_path: Path, change: Callable[[bytearray], None], name: str = "tree") -> Path:
    data = bytearray((FILES / f"{name}.db").read_bytes())
    change(data)
    path = tmp_path / "spoiled.db"
    path.write_bytes(data)
    return path


def test_one_broken_meta_page_leaves_the_other(tmp_path: Path) -> None:
    for at in (0, PAGE):

        def change(data: bytearray, at: int = at) -> None:
            data[at + 16 + 20] ^= 0xFF

        with Bolt(spoiled(tmp_path, change, "trivy")) as bolt:
            list(bolt.root.items())


def test_two_broken_meta_pages_are_told(tmp_path: Path) -> None:
    def change(data: bytearray) -> None:
        data[16 + 60] ^= 1
        data[PAGE + 16 + 60] ^= 1

    with pytest.raises(Invalid, match="sum of the meta page"):
        Bolt(spoiled(tmp_path, change))


def test_a_branch_that_leads_back_to_itself_ends(tmp_path: Path) -> None:
    def change(data: bytearray) -> None:
        for at in range(2 * PAGE, len(data), PAGE):
            number, flags, count = struct.unpack_from("<QHH", data, at)
            if flags == 1 and number == at // PAGE:
                for element in range(count):
                    struct.pack_into("<Q", data, at + 16 + 16 * element + 8, number)

    with (
        Bolt(spoiled(tmp_path, change)) as bolt,
        pytest.raises(Invalid, match="broken at offset"),
    ):
        content(bolt.root)
    with Bolt(tmp_path / "spoiled.db") as bolt:
        pages = bolt.root.bucket(b"pages")
        assert pages is not None
        with pytest.raises(Invalid, match="broken at offset"):
            pages.get(b"key-00000001")


def test_a_page_that_claims_gigabytes_of_overflow_is_refused(tmp_path: Path) -> None:
    def change(data: bytearray) -> None:
        for at in range(2 * PAGE, len(data), PAGE):
            if struct.unpack_from("<Q", data, at)[0] == at // PAGE:
                struct.pack_into("<I", data, at + 12, 0xFFFFFFF0)

    with Bolt(spoiled(tmp_path, change)) as bolt, pytest.raises(Invalid, match="more, which is too many"):
        content(bolt.root)


def test_whatever_byte_is_changed_it_reads_or_says_what_is_wrong(tmp_path: Path) -> None:
    chance = random.Random(7)
    data = (FILES / "tree.db").read_bytes()
    path = tmp_path / "fuzzed.db"
    refused = 0
    for _ in range(300):
        fuzzed = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            # The first bytes of pages are headers and elements, where it matters.
            at = chance.randrange(len(data) // PAGE) * PAGE + chance.randrange(64)
            fuzzed[at] = chance.randrange(256)
        path.write_bytes(fuzzed[: chance.choice([len(data), len(data), chance.randrange(len(data))])])
        try:
            with Bolt(path) as bolt:
                content(bolt.root)
        except (Invalid, Unavailable):
            refused += 1
    assert refused > 100


def _file(path: Path, *pages: bytes, high_water: int = 0) -> Path:
    """A file of one meta page, whose root is the first of `pages` (page 2)."""
    meta = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, 2, 0, 0, high_water or 2 + len(pages), 1)
    total = 0xCBF29CE484222325
    for byte in meta:
        total = ((total ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    head = struct.pack("<QHHI", 0, 4, 0, 0) + meta + struct.pack("<Q", total)
    path.write_bytes(b"".join(page.ljust(PAGE, b"\0") for page in (head, b"", *pages)))
    return path


def _branch(number: int, *below: int) -> bytes:
    first = 16 + 16 * len(below)
    elements = b"".join(
        struct.pack("<IIQ", first + place - 16 - 16 * place, 1, child) for place, child in enumerate(below)
    )
    return struct.pack("<QHHI", number, 1, len(below), 0) + elements + bytes(range(len(below)))


def _leaf(number: int, *elements: tuple[int, bytes, bytes], over: int = 0) -> bytes:
    at, body, heads = 16 + 16 * len(elements), b"", b""
    for place, (kind, key, value) in enumerate(elements):
        heads += struct.pack("<IIII", kind, at + len(body) - 16 - 16 * place, len(key), len(value) + over)
        body += key + value
    return struct.pack("<QHHI", number, 2, len(elements), 0) + heads + body


def test_a_file_made_by_hand_is_read(tmp_path: Path) -> None:
    inner = struct.pack("<QQ", 4, 0)
    made = _file(
        tmp_path / "db", _branch(2, 3), _leaf(3, (1, b"a", inner), (0, b"b", b"x")), _leaf(4, (0, b"k", b"v"))
    )
    with Bolt(made) as bolt:
        assert content(bolt.root) == {b"a".hex(): {b"k".hex(): b"v".hex()}, b"b".hex(): b"x".hex()}


def test_values_that_lie_over_each_other_do_not_fill_the_memory(tmp_path: Path) -> None:
    made = _file(tmp_path / "db", _leaf(2, *((0, bytes([key]), b"x") for key in range(20)), over=300))
    with Bolt(made) as bolt, pytest.raises(Invalid, match="lie over each other"):
        content(bolt.root)


def test_branches_that_meet_again_at_every_level_end_whatever_the_file_says_of_its_size(
    tmp_path: Path,
) -> None:
    # 2 to the power of 40 ways lead to a leaf without keys, which break no order.
    levels = [_branch(number, number + 1, number + 1) for number in range(2, 42)]
    made = _file(tmp_path / "db", *levels, _leaf(42), high_water=1 << 60)
    with Bolt(made) as bolt, pytest.raises(Invalid, match="circle"):
        content(bolt.root)


def test_buckets_that_are_all_the_same_pages_are_not_walked_without_end(tmp_path: Path) -> None:
    same = struct.pack("<QQ", 3, 0)
    buckets = _leaf(2, *((1, bytes([key]), same) for key in range(30)))
    made = _file(tmp_path / "db", buckets, *(_branch(n, n + 1) for n in range(3, 30)), _leaf(30))
    with Bolt(made) as bolt, pytest.raises(Invalid, match="the same pages many times"):
        content(bolt.root)
