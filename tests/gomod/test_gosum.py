"""go.sum files: reading, asking, merging, writing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, Tampered
from modgate.gomod import gosum
from modgate.gomod.dirhash import hash_go_mod

if TYPE_CHECKING:
    from pathlib import Path

ONE = hash_go_mod(b"module one\n")
TWO = hash_go_mod(b"module two\n")
TEXT = f"""\
a.b/c v1.2.0 {ONE}
a.b/c v1.2.0/go.mod {TWO}
a.b/c v1.10.0 {TWO}
x.y v0.0.0-20200101000000-abcdefabcdef/go.mod {ONE}
"""


def test_a_file_is_read_and_written_back() -> None:
    assert gosum.parse(TEXT.encode()).format().decode() == TEXT


def test_lines_are_sorted_as_go_sorts_them() -> None:
    shuffled = "\n".join(reversed(TEXT.splitlines()))
    assert gosum.parse(shuffled.encode()).format().decode() == TEXT


def test_blank_lines_other_line_ends_and_repetitions_do_not_matter() -> None:
    text = "\n" + TEXT.replace("\n", "\r\n") + "\n \t\n" + TEXT
    sums = gosum.parse(text.encode())
    assert (len(sums), sums.format().decode()) == (4, TEXT)


def test_the_zip_and_the_go_mod_are_asked_for_apart() -> None:
    sums = gosum.parse(TEXT.encode())
    assert sums.lookup("a.b/c", "v1.2.0") == (ONE,)
    assert sums.lookup("a.b/c", "v1.2.0", go_mod=True) == (TWO,)
    assert sums.lookup("a.b/c", "v1.3.0") == ()


def test_a_known_hash_verifies_an_unknown_one_does_not_and_another_one_is_tampering() -> None:
    sums = gosum.parse(TEXT.encode())
    assert sums.verify("a.b/c", "v1.2.0", ONE)
    assert not sums.verify("a.b/c", "v1.3.0", ONE)
    with pytest.raises(Tampered, match="checksum mismatch") as caught:
        sums.verify("a.b/c", "v1.2.0", TWO)
    assert caught.value.where == "a.b/c@v1.2.0"
    with pytest.raises(Tampered) as caught:
        sums.verify("a.b/c", "v1.2.0", ONE, go_mod=True)
    assert caught.value.where == "a.b/c@v1.2.0/go.mod"


def test_a_hash_of_an_unknown_algorithm_neither_verifies_nor_contradicts() -> None:
    sums = gosum.parse(f"a.b v1.0.0 h2:future\na.b v1.0.0 {ONE}\n".encode())
    assert sums.verify("a.b", "v1.0.0", ONE)
    assert not gosum.parse(b"a.b v1.0.0 h2:future\n").verify("a.b", "v1.0.0", ONE)


def test_a_file_that_contradicts_itself_verifies_nothing() -> None:
    sums = gosum.parse(f"a.b v1.0.0 {ONE}\na.b v1.0.0 {TWO}\n".encode())
    for found in (ONE, TWO):
        with pytest.raises(Tampered):
            sums.verify("a.b", "v1.0.0", found)


def test_the_hash_that_old_go_wrote_by_mistake_is_skipped() -> None:
    assert len(gosum.parse(f"a.b v1.0.0/go.mod {hash_go_mod(b'')}\n".encode())) == 0


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("a.b v1.0.0", "2 fields"),
        (f"a.b v1.0.0 {ONE} more", "4 fields"),
        ("<<<<<<< HEAD", "2 fields"),
        ("a.b v1.0.0 h1:short", "malformed hash"),
        ("a.b v1.0.0 h1:" + "!" * 44, "malformed hash"),
        ("a.b v1.0.0 h1:ä", "malformed hash"),
    ],
)
def test_a_malformed_line_is_pointed_at(line: str, match: str) -> None:
    with pytest.raises(Invalid, match=match) as caught:
        gosum.parse((TEXT + line + "\n").encode(), name="app/go.sum")
    assert caught.value.where == "app/go.sum:5"


def test_merging_adds_and_refuses_contradictions() -> None:
    sums = gosum.parse(TEXT.encode())
    more = gosum.parse(f"a.b/c v1.2.0 {ONE}\nnew.one v1.0.0 {TWO}\n".encode())
    merged = sums.merge(more)
    assert len(merged) == 5
    assert merged.lookup("new.one", "v1.0.0") == (TWO,)
    assert len(sums) == 4
    with pytest.raises(Tampered):
        sums.merge(gosum.parse(f"a.b/c v1.2.0 {TWO}\n".encode()))


@pytest.mark.go
def test_the_go_command_leaves_a_written_file_as_it_is(go_command: str, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module m\n\ngo 1.22\n")
    text = gosum.parse(TEXT.encode()).format()
    (tmp_path / "go.sum").write_bytes(text)
    env = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([go_command, "mod", "verify"], cwd=tmp_path, env=env, check=True, capture_output=True)
    assert (tmp_path / "go.sum").read_bytes() == text
