"""What check_zip lets through and what it stops, zip by hand-made zip."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import tracemalloc

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.gomod import module, modzip
from modgate.gomod.zipformat import MAX_ENTRIES
from tests.gomod.vector_data import VECTORS
from tests.gomod.zip_cases import CASES, GO, MOD, Case
from tests.gomod.zip_forge import PREFIX, Part, forge

VERSION = module.check("example.com/m", "v1.0.0")


def check(data: bytes) -> modzip.ZipFacts:
    return modzip.check_zip(VERSION, io.BytesIO(data))


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_a_zip_gets_its_verdict(case: Case) -> None:
    if case.verdict == "good":
        assert check(case.data).h1.startswith("h1:")
        return
    with pytest.raises((Invalid, Unavailable), match=case.match) as caught:
        check(case.data)
    assert isinstance(caught.value, Invalid if case.verdict == "invalid" else Unavailable)
    assert caught.value.where == "zip of example.com/m@v1.0.0"
    assert str(caught.value).replace("\n", "").isprintable()
    if isinstance(caught.value, Unavailable):
        assert caught.value.kind == "bad-answer"


@pytest.mark.go
def test_go_takes_every_zip_that_is_accepted_and_the_refusals_beyond_go_are_known(go_command: str) -> None:
    lines = [
        json.dumps(
            {"path": "example.com/m", "version": "v1.0.0", "zip": base64.b64encode(case.data).decode()}
        )
        for case in CASES.values()
    ]
    answers = subprocess.run(
        [go_command, "run", "./cmd/zip", "-answer"],
        cwd=VECTORS,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    differing = {}
    for (name, case), answer in zip(CASES.items(), map(json.loads, answers), strict=True):
        if ("h1" in answer) != case.go_takes:
            differing[name] = answer
        elif case.verdict == "good":
            assert answer["h1"] == check(case.data).h1, name
    assert differing == {}


def test_the_facts_are_those_of_the_content() -> None:
    facts = check(forge(MOD, GO, Part("a/", method=0)))
    assert (facts.go_mod, facts.files, facts.unpacked) == (MOD.data, 2, len(MOD.data) + len(GO.data))
    assert check(forge(GO)).go_mod is None
    assert check(forge(GO, MOD, Part("a/", method=0))).h1 == facts.h1


def test_a_zip_above_the_limit_is_refused_before_it_is_read() -> None:
    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError(size)

    with pytest.raises(Invalid, match="too large"):
        modzip.check_zip(VERSION, Unread(), size=(500 << 20) + 1)


def test_a_file_that_ends_before_its_size_is_damaged() -> None:
    data = forge(MOD, GO)
    with pytest.raises(Unavailable, match="cut short"):
        modzip.check_zip(VERSION, io.BytesIO(data[:-1]), size=len(data))


def test_a_file_that_shrinks_while_it_is_read_is_damaged() -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return b"" if self.tell() == 1 << 20 else super().read(size)

    data = forge(Part("f", bytes(3 << 20), method=0))
    with pytest.raises(Unavailable, match="cut short"):
        modzip.check_zip(VERSION, Shrinking(data))


def test_a_failing_disk_is_unavailable() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error", size)

        def seek(self, offset: int, whence: int = 0, /) -> int:
            if whence == 2:
                raise OSError(5, "Input/output error", offset)
            return super().seek(offset, whence)

    for size in (100, None):
        with pytest.raises(Unavailable, match="Input/output error"):
            modzip.check_zip(VERSION, Broken(), size=size)


def test_a_zip_cut_anywhere_is_refused() -> None:
    data = forge(MOD, GO)
    for end in range(len(data)):
        with pytest.raises((Invalid, Unavailable)):
            check(data[:end])


def test_too_many_entries_are_refused() -> None:
    one = Part("m.go", offset=0)
    header = forge(one, end=b"").partition(b"PK\x01\x02")[2]
    directory = (b"PK\x01\x02" + header) * (MAX_ENTRIES + 1)
    start = len(forge(one, end=b"")) - len(header) - 4
    size = len(directory).to_bytes(4, "little") + start.to_bytes(4, "little")
    count = ((MAX_ENTRIES + 1) & 0xFFFF).to_bytes(2, "little")
    data = forge(one, end=b"")[:start] + directory + b"PK\x05\x06" + bytes(4) + count * 2 + size + bytes(2)
    with pytest.raises(Invalid, match="too many entries"):
        check(data)


def test_a_directory_above_its_limit_is_refused_before_it_is_read() -> None:
    size = (64 << 20) + 1
    with pytest.raises(Invalid, match="directory is too large"):
        check(bytes(size) + b"PK\x05\x06" + bytes(8) + size.to_bytes(4, "little") + bytes(6))


def test_deep_paths_cost_no_more_than_their_letters() -> None:
    deep = "/".join("a" * 20_000)
    data = forge(*(Part(f"{number}/{deep}", method=0) for number in range(40)))
    with pytest.raises(Invalid, match="too many files and folders"):
        check(data)


def test_more_than_65535_entries_are_taken_with_and_without_zip64() -> None:
    files = [modzip.FileEntry.of(f"f{number}", b"") for number in range(0x10001)]
    out = io.BytesIO()
    facts = modzip.create_zip(VERSION, files, out)
    assert check(out.getvalue()) == facts
    parts = [Part(f"f{number}", method=0) for number in range(0x10001)]
    assert check(forge(*parts, count=1)).h1 == facts.h1


@pytest.mark.parametrize("declared", [10, 499 << 20])
def test_neither_a_bomb_nor_a_lie_about_the_size_costs_memory(declared: int) -> None:
    data = forge(Part("bomb", bytes(64 << 20)).lie(size=declared))
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match="inflates to"):
            check(data)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_every_byte_is_read_once() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    parts = [Part(f"f{number}", bytes(1 << 20), method=0) for number in range(6)]
    file = Counting(forge(*parts))
    assert modzip.check_zip(VERSION, file).unpacked == 6 << 20
    # And the end once more, where the directory is found.
    assert file.taken < (6 << 20) + (2 << 20)


def test_a_file_larger_than_a_piece_is_hashed_whole() -> None:
    content = bytes(range(256)) * 20_000
    stored, compressed = check(forge(Part("f", content, method=0))), check(forge(Part("f", content)))
    assert stored == compressed
    assert stored.unpacked == len(content)


def test_names_in_error_texts_hold_no_control_characters() -> None:
    with pytest.raises(Invalid) as caught:
        check(forge(Part(PREFIX.encode() + b"\x1b[2J\xff" + b"x" * 5000, b"x")))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_file_object_of_each_kind_is_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("zip") / "m.zip"
    path.write_bytes(forge(MOD, GO))
    for buffering in (0, -1):
        with path.open("rb", buffering=buffering) as file:
            assert modzip.check_zip(VERSION, file) == check(forge(MOD, GO))
