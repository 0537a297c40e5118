"""What must hold for every module zip, every go.mod and every go.sum, not only for those thought of."""

from __future__ import annotations

import contextlib
import io
import zipfile

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from modgate.errors import Invalid, Tampered, Unavailable
from modgate.gomod import gosum, modfile, module, modzip
from modgate.gomod.modzip import FileEntry, FileKind
from tests.gomod.zip_cases import CASES

VERSION = module.check("example.com/m", "v1.0.0")
PREFIX = f"{VERSION}/"

_element = st.sampled_from(
    [
        "a",
        "B",
        "b",
        "go.mod",
        "Go.mod",
        "LICENSE",
        "vendor",
        "modules.txt",
        "x.go",
        "é",
        "aux",
        "..",
        "",
        "c d",
        "~1",
    ]
)
_path = st.lists(_element, min_size=1, max_size=4).map("/".join) | st.text(max_size=6)
_content = st.binary(max_size=40) | st.binary(min_size=1, max_size=3).map(lambda unit: unit * 3000)
_trees = st.lists(
    st.tuples(_path, _content, st.sampled_from([*FileKind, FileKind.REGULAR, FileKind.REGULAR])), max_size=8
)


def _entries(tree: list[tuple[str, bytes, FileKind]]) -> list[FileEntry]:
    return [FileEntry.of(*file) for file in tree]


def _created(tree: list[tuple[str, bytes, FileKind]]) -> tuple[bytes, modzip.ZipFacts]:
    out = io.BytesIO()
    try:
        facts = modzip.create_zip(VERSION, _entries(tree), out)
    except Invalid:
        assume(False)
        raise
    return out.getvalue(), facts


@given(_trees)
def test_every_file_is_valid_omitted_or_invalid(tree: list[tuple[str, bytes, FileKind]]) -> None:
    checked = modzip.check_files(_entries(tree))
    sorted_out = {entry.path for entry in checked.valid}
    sorted_out |= {fault.path for fault in checked.omitted + checked.invalid}
    assert sorted_out == {path for path, _, _ in tree}


@given(_trees, st.randoms(use_true_random=False))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_a_zip_made_here_passes_its_own_check_whatever_order_its_files_came_in(
    tree: list[tuple[str, bytes, FileKind]], random: object
) -> None:
    data, facts = _created(tree)
    assert modzip.check_zip(VERSION, io.BytesIO(data)) == facts
    shuffled = sorted(tree, key=lambda file: hash((file[0], str(random))))
    again, facts_again = _created(shuffled)
    if len({path for path, _, _ in tree}) == len(tree):
        assert (again, facts_again) == (data, facts)


@given(
    _trees,
    st.sampled_from([(zipfile.ZIP_STORED, None), (zipfile.ZIP_DEFLATED, 1), (zipfile.ZIP_DEFLATED, 9)]),
)
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_recompression_keeps_the_h1(
    tree: list[tuple[str, bytes, FileKind]], how: tuple[int, int | None]
) -> None:
    data, facts = _created(tree)
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(out, "w", how[0], compresslevel=how[1]) as new,
    ):
        for name in reversed(old.namelist()):
            new.writestr(name, old.read(name))
    assert modzip.check_zip(VERSION, out) == facts


# Without a recorded checksum nothing but the h1 tells that a byte is another.
_GOOD = [
    name
    for name, case in CASES.items()
    if case.verdict == "good" and len(case.data) < 10_000 and name != "a checksum that was not recorded"
]


@given(st.sampled_from(_GOOD), st.data())
@settings(max_examples=400)
def test_a_zip_with_a_flipped_byte_is_refused_or_has_the_very_same_h1(name: str, data: st.DataObject) -> None:
    good = CASES[name].data
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = bytearray(good)
    flipped[at] ^= data.draw(st.integers(1, 255))
    try:
        found = modzip.check_zip(VERSION, io.BytesIO(bytes(flipped)))
    except (Invalid, Unavailable):
        return
    assert found == modzip.check_zip(VERSION, io.BytesIO(good))


@given(st.sampled_from(list(CASES)), st.data())
def test_whatever_a_zip_holds_it_is_accepted_or_refused(name: str, data: st.DataObject) -> None:
    mutated = bytearray(CASES[name].data[:5000] or b"PK")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=4))
        assume(mutated)
    with contextlib.suppress(Invalid, Unavailable):
        modzip.check_zip(VERSION, io.BytesIO(bytes(mutated)))


@given(st.binary(max_size=300))
@example(b"PK\x05\x06" + b"\xff" * 18)
def test_bytes_that_are_no_zip_are_refused(data: bytes) -> None:
    with pytest.raises((Invalid, Unavailable)):
        modzip.check_zip(VERSION, io.BytesIO(data))


_words = st.sampled_from(
    [
        "module",
        "require",
        "retract",
        "go",
        "replace",
        "x.y/v2",
        "v2.0.0",
        "v1",
        "[",
        "]",
        "(",
        ")",
        "=>",
        "// indirect",
        "//",
        "// Deprecated: x",
        ",",
        "\n",
        "\n",
        "\r\n",
        '"q"',
        "`r`",
        '"',
        "\\",
        "/*",
        "1.22",
        "\x00",
        "é",
        "./d",
    ]
)


@given(st.lists(_words, max_size=30).map(" ".join) | st.text())
def test_the_parser_raises_nothing_but_invalid_and_lax_takes_what_strict_takes(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    modfile.module_path(data)
    try:
        strict = modfile.parse(data)
    except Invalid:
        with contextlib.suppress(Invalid):
            modfile.parse_lax(data)
        return
    lax = modfile.parse_lax(data)
    assert (lax.module, lax.go, lax.require, lax.retract) == (
        strict.module,
        strict.go,
        strict.require,
        strict.retract,
    )


@given(st.binary(max_size=200))
def test_go_mod_and_go_sum_of_any_bytes_raise_nothing_but_invalid(data: bytes) -> None:
    with contextlib.suppress(Invalid):
        modfile.parse(data)
    with contextlib.suppress(Invalid):
        gosum.parse(data)
    modfile.module_path(data)


_sums = st.lists(
    st.builds(
        gosum.Sum,
        st.sampled_from(["a.b", "a.b/c", "x.y"]),
        st.sampled_from(["v1.0.0", "v1.0.0/go.mod", "v1.10.0", "v1.9.0", "v1.0.0-rc.1", "weird"]),
        st.sampled_from(["h1:" + "A" * 43 + "=", "h1:" + "B" * 42 + "A=", "h2:x"]),
    ),
    max_size=12,
)


@given(_sums, _sums)
def test_go_sum_is_stable_and_merging_loses_nothing(first: list[gosum.Sum], second: list[gosum.Sum]) -> None:
    one, two = gosum.GoSum(first), gosum.GoSum(second)
    assert gosum.parse(one.format()).format() == one.format()
    try:
        merged = one.merge(two)
    except Tampered:
        return
    assert set(merged) == set(first) | set(second)
